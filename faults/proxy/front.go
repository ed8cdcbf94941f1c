package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
)

// Front is a TLS listener that stands for several real host names and hands
// each connection to the link of the name its caller asked for. A name that is
// not part of the run is refused and reported: nothing may leave the machine.
type Front struct {
	Links map[string]*Link // by host name, lower case
	// Certificate makes the leaf certificate of one of these names.
	Certificate func(host string) (*tls.Certificate, error)
	// Refused is told of every name that is not one of them.
	Refused func(host string)

	listener net.Listener
	serving  sync.WaitGroup
}

// Listen serves until Close and returns the address it got.
func (f *Front) Listen(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen for TLS: %w", err)
	}
	f.listener = listener
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
	var link *Link
	secured := tls.Server(conn, &tls.Config{
		MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequestClientCert, // some calls of some providers demand one; who may call is theirs to say
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			host := strings.ToLower(hello.ServerName)
			if link = f.Links[host]; link == nil {
				f.Refused(host)
				return nil, fmt.Errorf("host %q is not part of this run", host)
			}
			if link.IsDown() {
				return nil, fmt.Errorf("host %q is down", host)
			}
			return f.Certificate(host)
		},
	})
	if err := secured.Handshake(); err != nil || link == nil {
		resetConn(conn)
		return
	}
	link.ServeConn(secured, "https")
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

// Close stops listening. Connections end with their links; Wait waits for them.
func (f *Front) Close() {
	if f.listener != nil {
		f.listener.Close()
	}
}

// Wait waits until no connection is served any more.
func (f *Front) Wait() { f.serving.Wait() }
