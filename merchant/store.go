package merchant

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

//go:embed schema.sql
var schema string

// Store is the merchant's database. SQLite is written through one connection
// whose transactions begin immediately, so writers queue instead of failing;
// in PostgreSQL the order's row is the lock. Both serialise per order.
//
// SQLite runs in WAL mode with synchronous=NORMAL: a commit survives kill -9
// of the process, because the pages are with the operating system; it may be
// lost with the power. Who fears that uses PostgreSQL.
type Store struct {
	writes, reads *sql.DB
	numbered      bool // placeholders are $1, and rows can be locked
}

// OpenStore opens the database at location and brings its schema into being:
// a postgres:// URL (the program must register database/sql's driver "pgx"),
// or the path of a SQLite file. It frees the work that a killed predecessor held.
func OpenStore(ctx context.Context, location string) (*Store, error) {
	return openStore(ctx, location, (*Store).prepare)
}

// JoinStore is OpenStore for a database on which another merchant process works: what
// that one holds is left to it.
func JoinStore(ctx context.Context, location string) (*Store, error) {
	return openStore(ctx, location, func(*Store, context.Context) error { return nil })
}

func openStore(ctx context.Context, location string, prepare func(*Store, context.Context) error) (*Store, error) {
	store, err := connect(location)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := prepare(store, ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare database: %w", err), store.Close())
	}
	return store, nil
}

func connect(location string) (*Store, error) {
	if strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://") {
		pool, err := sql.Open("pgx", location)
		if err != nil {
			return nil, err
		}
		pool.SetMaxOpenConns(16)
		pool.SetMaxIdleConns(16)
		return &Store{writes: pool, reads: pool, numbered: true}, nil
	}
	pragmas := "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate"
	name := "file:" + (&url.URL{Path: location}).EscapedPath() + pragmas
	writes, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	writes.SetMaxOpenConns(1)
	reads, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, errors.Join(err, writes.Close())
	}
	reads.SetMaxOpenConns(4)
	reads.SetMaxIdleConns(4)
	return &Store{writes: writes, reads: reads}, nil
}

// prepare creates the tables and frees the rows that a killed predecessor
// held.
func (s *Store) prepare(ctx context.Context) error {
	return s.update(ctx, func(t *tx) error {
		for statement := range strings.SplitSeq(withoutComments(schema), ";") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if err := t.exec(statement); err != nil {
				return fmt.Errorf("create schema: %w", err)
			}
		}
		for _, table := range []string{"orders", "payments", "refunds", "releases"} {
			if err := t.exec("UPDATE " + table + " SET busy_until = 0 WHERE next_action_at > 0 AND busy_until > 0"); err != nil {
				return fmt.Errorf("free %s: %w", table, err)
			}
		}
		return nil
	})
}

func withoutComments(script string) string {
	var kept strings.Builder
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(line, "--") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// Close closes all connections.
func (s *Store) Close() error {
	if s.writes == s.reads {
		return s.writes.Close()
	}
	return errors.Join(s.writes.Close(), s.reads.Close())
}

// tx is one transaction with its context and dialect. What is in committed
// runs after it took hold.
type tx struct {
	ctx       context.Context
	sql       *sql.Tx
	store     *Store
	committed []func()
}

// update runs f in a transaction and commits it if f returns nil.
func (s *Store) update(ctx context.Context, f func(*tx) error) error {
	begun, err := s.writes.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	t := &tx{ctx: ctx, sql: begun, store: s}
	if err := f(t); err != nil {
		return errors.Join(err, rolledBack(begun))
	}
	if err := begun.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, then := range t.committed {
		then()
	}
	return nil
}

func rolledBack(begun *sql.Tx) error {
	if err := begun.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

func (t *tx) exec(query string, args ...any) error {
	_, err := t.sql.ExecContext(t.ctx, t.store.bind(query), args...)
	return err
}

// changed runs a statement and reports whether it changed a row.
func (t *tx) changed(query string, args ...any) (bool, error) {
	result, err := t.sql.ExecContext(t.ctx, t.store.bind(query), args...)
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows > 0, err
}

func (t *tx) row(query string, args ...any) *sql.Row {
	return t.sql.QueryRowContext(t.ctx, t.store.bind(query), args...)
}

func (t *tx) rows(query string, args ...any) (*sql.Rows, error) {
	return t.sql.QueryContext(t.ctx, t.store.bind(query), args...)
}

// bind writes placeholders as the database wants them.
func (s *Store) bind(query string) string {
	if !s.numbered || !strings.Contains(query, "?") {
		return query
	}
	var bound strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			bound.WriteString("$" + strconv.Itoa(i))
		}
		bound.WriteString(part)
	}
	return bound.String()
}

// forUpdate locks the rows of a query; SQLite's writers already exclude each other.
func (s *Store) forUpdate() string {
	if s.numbered {
		return " FOR UPDATE"
	}
	return ""
}

// due returns up to limit rows of a table that want a worker, and holds them.
// It reads before it writes, so idle polls write nothing. After an error they
// may be held or not.
func (s *Store) due(ctx context.Context, held hold, now time.Time) ([]string, error) {
	const limit = "32"
	table := held.table
	var waiting int
	where := " WHERE next_action_at > 0 AND next_action_at <= ? AND busy_until <= ?"
	at := now.UnixNano()
	seen := s.reads.QueryRowContext(ctx, s.bind("SELECT COUNT(*) FROM (SELECT id FROM "+table+where+" LIMIT 1) AS d"), at, at)
	if err := seen.Scan(&waiting); err != nil {
		return nil, fmt.Errorf("look for due %s: %w", table, err)
	}
	if waiting == 0 {
		return nil, nil
	}
	var ids []string
	err := s.update(ctx, func(t *tx) error {
		pick := "SELECT id FROM " + table + where + " ORDER BY next_action_at LIMIT " + limit
		if s.numbered {
			pick += " FOR UPDATE SKIP LOCKED"
		}
		rows, err := t.rows("UPDATE "+table+" SET busy_until = ? WHERE id IN ("+pick+") RETURNING id",
			held.until.UnixNano(), at, at)
		if err != nil {
			return err
		}
		ids, err = collect(rows, func(row scanner) (string, error) {
			var id string
			return id, row.Scan(&id)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("hold due %s: %w", table, err)
	}
	return ids, nil
}

// scanner is a row, alone or among others.
type scanner interface{ Scan(...any) error }

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, read func(scanner) (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := read(rows)
		if err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// instant turns a stored time into a time; 0 is the zero time.
func instant(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// nanos is the stored form of a time.
func nanos(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}
