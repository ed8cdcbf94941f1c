package proxy

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Front stands for several real host names on one port and hands each connection
// to the link of the name its caller asked for. Callers come in two ways: with
// TLS at once, because the name leads here; or through CONNECT, because they were
// told that this is their HTTPS proxy. A name that is not part of the run is
// refused and reported: nothing may leave the machine.
type Front struct {
	Links map[string]*Link // by host name, lower case
	// Certificate makes the leaf certificate of one of these names.
	Certificate func(host string) (*tls.Certificate, error)
	// Refused is told of every name that is not one of them.
	Refused func(host string)

	serving sync.WaitGroup

	mu        sync.Mutex
	listeners []net.Listener
	arrived   map[net.Conn]struct{} // whose name is not known yet
	closed    bool
}

// Listen serves an address, maybe beside others, until Close and returns the one it
// got.
func (f *Front) Listen(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen for TLS: %w", err)
	}
	f.mu.Lock()
	f.listeners = append(f.listeners, listener)
	f.mu.Unlock()
	f.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.serving.Go(func() { f.serve(conn) })
		}
	})
	return listener.Addr().String(), nil
}

func (f *Front) serve(conn net.Conn) {
	if !f.arrive(conn) {
		conn.Close()
		return
	}
	host, conn, err := f.greet(conn)
	if err != nil {
		f.depart(conn)
		conn.Close()
		return
	}
	secured, link := f.secure(conn, host)
	f.depart(conn)
	if link == nil {
		resetConn(conn)
		return
	}
	link.ServeConn(secured, "https")
}

// secure does the TLS handshake, for a host that a CONNECT named or, without one,
// for the name that the caller asks for. It returns no link if that failed.
func (f *Front) secure(conn net.Conn, host string) (secured *tls.Conn, link *Link) {
	var found *Link
	secured = tls.Server(conn, &tls.Config{
		MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequestClientCert, // some calls of some providers demand one; who may call is theirs to say
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != "" {
				host = strings.ToLower(hello.ServerName)
			}
			if found = f.Links[host]; found == nil {
				f.Refused(host)
				return nil, fmt.Errorf("host %q is not part of this run", host)
			}
			if found.IsDown() {
				return nil, fmt.Errorf("host %q is down", host)
			}
			return f.Certificate(host)
		},
	})
	if err := secured.Handshake(); err != nil {
		return nil, nil
	}
	return secured, found
}

// clientHello is the first byte of a TLS connection.
const clientHello = 0x16

// errProxied ends a connection that was answered as an HTTP proxy does.
var errProxied = errors.New("answered as a proxy")

// greet finds out in which way a caller comes, and of one that comes through
// CONNECT for whom. What was read ahead is put back.
func (f *Front) greet(conn net.Conn) (host string, _ net.Conn, _ error) {
	ahead := bufio.NewReader(conn)
	first, err := ahead.Peek(1)
	if err != nil {
		return "", conn, err
	}
	conn = &peeked{Conn: conn, ahead: ahead}
	if first[0] == clientHello {
		return "", conn, nil
	}
	asked, err := http.ReadRequest(ahead)
	if err != nil {
		return "", conn, err
	}
	host = strings.ToLower(asked.URL.Hostname())
	switch {
	case host == "":
		host = strings.ToLower(asked.Host)
	case asked.Method == http.MethodConnect && f.Links[host] != nil:
		_, err = io.WriteString(conn, "HTTP/1.1 200 Connection Established\r\n\r\n")
		return host, conn, err
	}
	f.Refused(host)
	text := fmt.Sprintf("payquake: %q is not part of this run, so nothing is sent to it\n", host)
	fmt.Fprintf(conn, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		len(text), text)
	return host, conn, errProxied
}

// peeked is a connection of which something was read ahead.
type peeked struct {
	net.Conn
	ahead *bufio.Reader
}

// Read implements net.Conn.
func (p *peeked) Read(into []byte) (int, error) { return p.ahead.Read(into) }

// arrive and depart bracket the time in which a connection is nobody's yet.
func (f *Front) arrive(conn net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	if f.arrived == nil {
		f.arrived = map[net.Conn]struct{}{}
	}
	f.arrived[conn] = struct{}{}
	return true
}

func (f *Front) depart(conn net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.arrived, bare(conn))
}

// bare is the connection below what was put around it.
func bare(conn net.Conn) net.Conn {
	if secured, is := conn.(*tls.Conn); is {
		conn = secured.NetConn()
	}
	if ahead, is := conn.(*peeked); is {
		conn = ahead.Conn
	}
	return conn
}

// clientCertificate is the fingerprint of the certificate that a caller proved to
// have, NoClientCertificate if none, "" if it does not speak TLS.
func clientCertificate(conn net.Conn) string {
	secured, is := conn.(*tls.Conn)
	if !is {
		return ""
	}
	shown := secured.ConnectionState().PeerCertificates
	if len(shown) == 0 {
		return NoClientCertificate
	}
	sum := sha256.Sum256(shown[0].Raw)
	return hex.EncodeToString(sum[:])
}

// Close stops listening and cuts the connections that are nobody's yet. Others end
// with their links; Wait waits for them.
func (f *Front) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, listener := range f.listeners {
		listener.Close()
	}
	for conn := range f.arrived {
		conn.Close()
	}
}

// Wait waits until no connection is served any more.
func (f *Front) Wait() { f.serving.Wait() }
