// Package postgres starts a PostgreSQL server out of the machine's own packages,
// for tests and measurements that need a real one.
package postgres

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
)

// ErrNone says why there is no server to start.
var ErrNone = errors.New("no PostgreSQL")

// installed is where Debian's packages put the server's programs.
const installed = "/usr/lib/postgresql/*/bin/initdb"

// server is the account that runs a server started by root, which PostgreSQL
// itself refuses to run as.
const server = "postgres"

// Start starts a server with an empty database on loopback and returns its URL,
// and what stops and removes it. It fails with ErrNone where none is installed, or
// where it may not be started.
func Start() (url string, stop func() error, err error) {
	found, err := filepath.Glob(installed)
	if err != nil || len(found) == 0 {
		return "", nil, fmt.Errorf("%w: there is no %s; install the package postgresql", ErrNone, installed)
	}
	slices.Sort(found)
	c := cluster{binaries: filepath.Dir(found[len(found)-1])}
	if os.Getuid() == 0 {
		if _, err := user.Lookup(server); err != nil {
			return "", nil, fmt.Errorf("%w: no user %s to run it as: %w", ErrNone, server, err)
		}
		c.become = server
	}
	if c.folder, err = os.MkdirTemp("", "payquake-postgres-"); err != nil {
		return "", nil, fmt.Errorf("start a PostgreSQL: %w", err)
	}
	if err := c.start(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("start a PostgreSQL: %w", err), os.RemoveAll(c.folder))
	}
	return "postgres://postgres@" + c.address + "/postgres?sslmode=disable", c.stop, nil
}

// cluster is one server with its files.
type cluster struct {
	binaries, folder, address string
	become                    string // the account to run as; "" for this one
}

func (c *cluster) start() error {
	if c.become != "" {
		if said, err := exec.Command("chown", c.become, c.folder).CombinedOutput(); err != nil {
			return fmt.Errorf("give the folder away: %w: %s", err, said)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c.address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(c.address)
	if err != nil {
		return err
	}
	if err := c.run("initdb", "-A", "trust", "-U", "postgres", "-N", "-D", c.data()); err != nil {
		return err
	}
	options := "-h 127.0.0.1 -k " + c.folder + " -p " + port + " -c max_connections=" + strconv.Itoa(mostConnections)
	return c.run("pg_ctl", "-w", "-D", c.data(), "-l", filepath.Join(c.folder, "log"), "-o", options, "start")
}

// mostConnections leaves room for a merchant that is killed and started again while
// the server has not yet noticed.
const mostConnections = 300

func (c *cluster) data() string { return filepath.Join(c.folder, "data") }

// run runs one of the server's programs to its end.
func (c *cluster) run(program string, arguments ...string) error {
	command := exec.Command(filepath.Join(c.binaries, program), arguments...)
	if c.become != "" {
		command = exec.Command("setpriv", append([]string{"--reuid", c.become, "--regid", c.become, "--init-groups", command.Path}, arguments...)...)
	}
	command.Dir = c.folder
	log, err := os.CreateTemp("", "payquake-postgres-said-") // a pipe would be kept open by the server
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if err := command.Run(); err != nil {
		said, _ := os.ReadFile(log.Name()) // its words are a courtesy
		return fmt.Errorf("%s: %w: %s", program, err, said)
	}
	return nil
}

func (c *cluster) stop() error {
	return errors.Join(c.run("pg_ctl", "-w", "-m", "immediate", "-D", c.data(), "stop"), os.RemoveAll(c.folder))
}
