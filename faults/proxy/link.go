package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
)

// TrialHeader carries the trial between payquake's own parties: driver and
// gateway, gateway and provider. No merchant ever sees it.
const TrialHeader = "Payquake-Trial"

// ClientCertificateHeader tells a callee of payquake's own which certificate a
// caller proved to have in the TLS handshake: the SHA-256 of its DER, in lower
// case hexadecimal, or NoClientCertificate. A link without TLS says nothing, and
// whatever a caller writes there is removed.
const ClientCertificateHeader = "Payquake-Client-Certificate"

// NoClientCertificate says of a caller over TLS that it showed no certificate.
const NoClientCertificate = "none"

// OperationHeader is how payquake's own driver names the operation of a call on
// the merchant's API, whose paths are the merchant's own. No merchant ever
// sees it either.
const OperationHeader = "Payquake-Operation"

// Config is what a link needs.
type Config struct {
	Link     faults.Link
	Dialect  Dialect
	Register *Register
	Tracer   trace.Tracer
	Clock    clock.Clock
	// CallerNamesTrial: the caller is one of payquake's own and names the trial.
	CallerNamesTrial bool
	// TellCallee: the callee is one of payquake's own and is told the trial.
	TellCallee bool
	// Forge takes a forged notification to the merchant; nil where no
	// notifications exist.
	Forge func(ctx context.Context, trial faults.Trial, forged *Request)
}

// Link is the proxy on one link: a server for the callers and a client of the
// callee. It is safe for concurrent use.
type Link struct {
	Config
	pool pool

	mu        sync.Mutex
	down      bool // connections are refused
	addresses []string
	listeners map[net.Listener]string
	conns     map[net.Conn]struct{}
	closed    bool
	serving   sync.WaitGroup

	weather        Weather
	weatherChanged chan struct{} // closed when it does; nil if nobody asked
}

// NewLink is a link whose callee is not known yet.
func NewLink(config Config) *Link {
	return &Link{Config: config, listeners: map[net.Listener]string{}, conns: map[net.Conn]struct{}{}}
}

// SetCallee points the link to the addresses (host:port) of the callee's instances,
// which take turns, and drops the connections to those before.
func (l *Link) SetCallee(instances ...string) { l.pool.setInstances(instances) }

// Listen serves callers on a TCP address and returns the one it got.
func (l *Link) Listen(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen for %s: %w", l.Link, err)
	}
	got := listener.Addr().String()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addresses = append(l.addresses, got)
	l.accept(listener, got)
	return got, nil
}

// accept serves a listener until it is closed. The lock is held.
func (l *Link) accept(listener net.Listener, address string) {
	l.listeners[listener] = address
	l.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			l.serving.Go(func() { l.ServeConn(conn, "http") })
		}
	})
}

// Down refuses connections (the callee seems gone) until Up. What is under way
// is reset.
func (l *Link) Down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for listener := range l.listeners {
		listener.Close()
		delete(l.listeners, listener)
	}
	for conn := range l.conns {
		resetConn(conn)
	}
}

// Up listens again where Down stopped.
func (l *Link) Up() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.down || l.closed {
		return nil
	}
	var again []net.Listener
	for _, address := range l.addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			for _, opened := range again {
				opened.Close()
			}
			return fmt.Errorf("listen for %s again: %w", l.Link, err)
		}
		again = append(again, listener)
	}
	l.down = false
	for i, listener := range again {
		l.accept(listener, l.addresses[i])
	}
	return nil
}

// IsDown reports whether connections are refused at the moment.
func (l *Link) IsDown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

// Close stops listening, cuts all connections and waits until nothing runs.
func (l *Link) Close() {
	l.mu.Lock()
	l.closed = true
	l.changeWeather()
	for listener := range l.listeners {
		listener.Close()
	}
	for conn := range l.conns {
		conn.Close()
	}
	l.mu.Unlock()
	l.pool.close()
	l.serving.Wait()
}

// ServeConn serves one caller's connection to its end. The scheme is how the
// caller reached it, http or https.
func (l *Link) ServeConn(conn net.Conn, scheme string) {
	if !l.track(conn) {
		resetConn(conn)
		return
	}
	defer l.untrack(conn)
	defer conn.Close()
	caller := &caller{conn: conn, reader: bufio.NewReaderSize(conn, 8<<10)}
	fingerprint := clientCertificate(conn)
	for {
		request, err := readRequest(caller.reader, func() error {
			_, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			return err
		})
		if err != nil {
			refuseMalformed(conn, err)
			return
		}
		request.Scheme = scheme
		request.Header.Remove(ClientCertificateHeader)
		if l.TellCallee && fingerprint != "" {
			request.Header.Set(ClientCertificateHeader, fingerprint)
		}
		if request.Header.First("Upgrade") != "" || request.Method == http.MethodConnect {
			l.tunnel(caller, request)
			return
		}
		if !l.exchange(caller, request) || !keepsAlive(request.Header) {
			return
		}
	}
}

func (l *Link) track(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down || l.closed {
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

func (l *Link) untrack(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}

// refuseMalformed answers what cannot be read, unless the caller just left.
func refuseMalformed(conn net.Conn, err error) {
	status := ""
	switch {
	case errors.Is(err, ErrMalformed):
		status = "400 Bad Request"
	case errors.Is(err, ErrTooLarge):
		status = "413 Content Too Large"
	default:
		return
	}
	text := err.Error() + "\n"
	fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, len(text), text)
}

// tunnel passes an upgraded connection on as bytes, without faults: what runs
// in it is no HTTP message any more.
func (l *Link) tunnel(caller *caller, request *Request) {
	upstream, err := l.pool.dial()
	if err != nil {
		refuseUnreachable(caller.conn, err)
		return
	}
	defer l.pool.discard(upstream)
	if _, err := upstream.conn.Write(request.Bytes()); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(upstream.conn, caller.reader) // ends with either side; nothing to report
		closeWrite(upstream.conn)
	}()
	_, _ = io.Copy(caller.conn, upstream.reader)
	caller.conn.Close()
	<-done
}

func closeWrite(conn net.Conn) {
	if half, can := conn.(interface{ CloseWrite() error }); can {
		_ = half.CloseWrite()
	}
}

func refuseUnreachable(conn net.Conn, err error) {
	text := "payquake: the callee cannot be reached: " + strings.ReplaceAll(err.Error(), "\n", " ") + "\n"
	fmt.Fprintf(conn, "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

// caller is the connection of one caller.
type caller struct {
	conn   net.Conn
	reader *bufio.Reader
}

// watch returns a context that ends when the caller hangs up. The stop
// function must be called before anything else reads from the caller.
func (c *caller) watch() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := c.reader.Peek(1); err != nil && !errors.Is(err, errInterrupted) && !isTimeout(err) {
			cancel()
		}
	}()
	return ctx, func() {
		interruptReads(c.conn)
		<-done
		resumeReads(c.conn)
		cancel()
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// resetConn closes a connection so that its peer sees a reset, not an end.
func resetConn(conn net.Conn) {
	conn = bare(conn)
	if tcp, is := conn.(*net.TCPConn); is {
		_ = tcp.SetLinger(0) // without it the peer would see an orderly end
	}
	conn.Close()
}

// endConn closes a connection in an orderly way, or resets it.
func endConn(conn net.Conn, orderly bool) {
	if orderly {
		conn.Close()
	} else {
		resetConn(conn)
	}
}
