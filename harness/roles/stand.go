package roles

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
)

// StandConfig is what a stand needs to begin: a gateway and all its providers in
// one process, for a merchant that payquake neither starts nor drives.
type StandConfig struct {
	GatewayConfig
	// Tunnel is the port at which whoever holds the token lends connections to the
	// merchant; 0 for any.
	Tunnel int `json:"tunnel"`
}

// Stand is a gateway with its providers. The merchant is reached through
// connections that are lent to it (LendTo), so that it may listen where the stand
// could never dial: on the loopback of another machine.
type Stand struct {
	gateway   *Gateway
	providers []*Provider
	lent      *tunnel
}

// OpenStand starts a stand. On failure nothing is left.
func OpenStand(ctx context.Context, config StandConfig) (_ *Stand, err error) {
	s := &Stand{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.gateway, err = OpenGateway(ctx, config.GatewayConfig); err != nil {
		return nil, err
	}
	control := NewClient(onLoopback(s.gateway.Addresses().Control), config.Token)
	for _, provider := range config.Providers {
		name := string(provider.Name())
		opened, err := OpenProvider(ctx, ProviderRoleConfig{Run: config.Run, Token: config.Token, Host: "127.0.0.1", Provider: provider,
			Gateway: onLoopback(s.gateway.Addresses().Links[faults.LinkBetween(name, "merchant")]),
			Spans:   "http://" + onLoopback(s.gateway.Addresses().Control)})
		if err != nil {
			return nil, err
		}
		s.providers = append(s.providers, opened)
		wire, steered := opened.Addresses()
		if err := control.SetCallee(ctx, name, wire, steered); err != nil {
			return nil, err
		}
	}
	if s.lent, err = openTunnel(net.JoinHostPort(config.Host, strconv.Itoa(config.Tunnel)), config.Token); err != nil {
		return nil, err
	}
	return s, control.SetCallee(ctx, "merchant", s.lent.inner.Addr().String(), "")
}

// onLoopback is how a listener of this process is dialled from within it.
func onLoopback(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// Addresses are where the stand listens: as its gateway, and for lent connections.
func (s *Stand) Addresses() (gateway Addresses, tunnel string) {
	return s.gateway.Addresses(), s.lent.outer.Addr().String()
}

// Close stops everything and waits until nothing runs.
func (s *Stand) Close() error {
	var errs []error
	for _, provider := range s.providers {
		errs = append(errs, provider.Close())
	}
	if s.lent != nil {
		s.lent.close()
	}
	if s.gateway != nil {
		errs = append(errs, s.gateway.Close())
	}
	return errors.Join(errs...)
}

// tunnel takes connections to the merchant from whoever can reach it. Each is used
// once: what a caller dials inside is joined to the one that has waited longest.
type tunnel struct {
	outer, inner net.Listener
	token        string
	waiting      chan net.Conn
	ended        chan struct{}
	running      sync.WaitGroup
}

// lentAtMost bounds how many lent connections wait, and lendPatience how long a
// caller waits for one, or a lender takes to prove itself.
const (
	lentAtMost   = 64
	lendPatience = 5 * time.Second
)

func openTunnel(address, token string) (*tunnel, error) {
	outer, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for lent connections: %w", err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for the merchant: %w", err), outer.Close())
	}
	t := &tunnel{outer: outer, inner: inner, token: token, waiting: make(chan net.Conn, lentAtMost), ended: make(chan struct{})}
	t.running.Go(func() { t.serve(outer, t.take) })
	t.running.Go(func() { t.serve(inner, t.join) })
	return t, nil
}

func (t *tunnel) serve(listener net.Listener, handle func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		t.running.Go(func() { handle(conn) })
	}
}

// take keeps a connection whose lender knows the token.
func (t *tunnel) take(conn net.Conn) {
	_ = conn.SetReadDeadline(clock.System{}.Now().Add(lendPatience))
	said := make([]byte, len(t.token))
	if _, err := io.ReadFull(conn, said); err != nil || subtle.ConstantTimeCompare(said, []byte(t.token)) != 1 {
		conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	select {
	case t.waiting <- conn:
	default: // more than anybody needs
		conn.Close()
	}
}

// join joins a caller to a lent connection. One that was lost meanwhile cannot be
// told from one that waits; the caller then sees its connection break, as with any
// peer that is gone.
func (t *tunnel) join(caller net.Conn) {
	limited, cancel := context.WithTimeout(context.Background(), lendPatience)
	defer cancel()
	select {
	case lent := <-t.waiting:
		join(caller, lent)
	case <-limited.Done():
		caller.Close()
	case <-t.ended:
		caller.Close()
	}
}

func (t *tunnel) close() {
	close(t.ended)
	t.outer.Close()
	t.inner.Close()
	for {
		select {
		case lent := <-t.waiting:
			lent.Close()
		default:
			return
		}
	}
}

// join carries bytes between two connections, both ways, until both ends are done,
// and closes them.
func join(a, b net.Conn) {
	var both sync.WaitGroup
	carry := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		if half, can := to.(interface{ CloseWrite() error }); can {
			_ = half.CloseWrite()
		}
	}
	both.Go(func() { carry(a, b) })
	both.Go(func() { carry(b, a) })
	both.Wait()
	a.Close()
	b.Close()
}

// LendTo lends a stand connections to the merchant at an address (host:port), through
// the tunnel's, until the context ends: so many wait there at a time. It fails if
// none can be lent.
func LendTo(ctx context.Context, tunnel, token, merchant string, many int) error {
	l := lender{tunnel: tunnel, token: token, merchant: merchant}
	probe, err := l.offer(ctx)
	if err != nil {
		return err
	}
	go l.serve(ctx, probe)
	for range many {
		go l.lend(ctx)
	}
	return nil
}

// lender lends connections one after another.
type lender struct {
	tunnel, token, merchant string
	dialer                  net.Dialer
}

func (l *lender) lend(ctx context.Context) {
	for ctx.Err() == nil {
		if offered, err := l.offer(ctx); err == nil {
			l.serve(ctx, offered)
		} else if (clock.System{}).Wait(ctx, 100*time.Millisecond) != nil {
			return
		}
	}
}

// offer makes a connection that waits in the tunnel.
func (l *lender) offer(ctx context.Context) (net.Conn, error) {
	lent, err := l.dialer.DialContext(ctx, "tcp", l.tunnel)
	if err == nil {
		_, err = io.WriteString(lent, l.token)
	}
	if err != nil {
		return nil, fmt.Errorf("lend a connection to the merchant: %w", err)
	}
	return lent, nil
}

// serve waits until the connection is used, and then joins it to the merchant: a
// merchant that does not listen looks to the caller as what it is.
func (l *lender) serve(ctx context.Context, lent net.Conn) {
	stop := context.AfterFunc(ctx, func() { lent.Close() })
	begun := make([]byte, 1)
	_, err := io.ReadFull(lent, begun)
	stop()
	if err != nil {
		lent.Close()
		return
	}
	conn, err := l.dialer.DialContext(ctx, "tcp", l.merchant)
	if err == nil {
		_, err = conn.Write(begun)
	}
	if err != nil {
		lent.Close()
		return
	}
	go join(lent, conn)
}
