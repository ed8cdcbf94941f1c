package environment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	"github.com/payquake/payquake/faults"
)

// databaseRole is the reference merchant's database, if it is a server.
const databaseRole = "database"

// database is a PostgreSQL server in which the reference merchant has a schema of
// its own for the time of the run: it must not meet the orders of an earlier one.
type database struct {
	server *url.URL
	schema string
}

// ParseDatabase reads the URL of a database server; it does not call it.
func ParseDatabase(text string) (*url.URL, error) {
	server, err := url.Parse(text)
	if err != nil || server.Hostname() == "" || (server.Scheme != "postgres" && server.Scheme != "postgresql") {
		return nil, errors.New("the database's URL should be like postgres://user@127.0.0.1:5432/name?sslmode=disable")
	}
	return server, nil
}

// openDatabase makes the schema and puts a link before the server.
func (l *local) openDatabase(ctx context.Context) error {
	if l.topology.Merchant.Database == "" {
		return nil
	}
	server, err := ParseDatabase(l.topology.Merchant.Database)
	if err != nil {
		return err
	}
	made := &database{server: server, schema: "payquake_" + strings.Map(inName, strings.ToLower(l.topology.Run))}
	if err := made.exec(ctx, "CREATE SCHEMA "+made.schema); err != nil {
		return err
	}
	l.database = made
	port := server.Port()
	if port == "" {
		port = "5432"
	}
	return l.control.SetCallee(ctx, databaseRole, net.JoinHostPort(server.Hostname(), port), "")
}

// inName keeps what a name may have in SQL without quotes.
func inName(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}

// through is the URL of the schema with the gateway's link in the server's place.
func (d *database) through(link string) string {
	linked := *d.server
	linked.Host = link
	query := linked.Query()
	query.Set("search_path", d.schema)
	linked.RawQuery = query.Encode()
	return linked.String()
}

// drop removes the schema with all that is in it.
func (d *database) drop(ctx context.Context) error {
	return d.exec(ctx, "DROP SCHEMA "+d.schema+" CASCADE")
}

// exec does one thing at the server itself, past the link.
func (d *database) exec(ctx context.Context, statement string) error {
	pool, err := sql.Open("pgx", d.server.String())
	if err != nil {
		return fmt.Errorf("the merchant's database: %w", err)
	}
	_, err = pool.ExecContext(ctx, statement)
	if err != nil {
		err = fmt.Errorf("the merchant's database: %s: %w", statement, err)
	}
	return errors.Join(err, pool.Close())
}

// databaseLink is where the gateway stands for the server.
func (l *local) databaseLink() string {
	return l.gateway.Addresses().Links[faults.LinkBetween("merchant", databaseRole)]
}
