package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// dialTimeout bounds how long a callee may take to accept a connection.
const dialTimeout = 3 * time.Second

// errNoCallee says that the link's callee is not (or no longer) known.
var errNoCallee = errors.New("no callee is known for this link")

// pool keeps idle connections to one callee, of whose instances each has its turn. A
// connection that the callee has closed meanwhile is never used: a request sent into it
// would be lost or repeated by chance, and chance belongs to the plan.
type pool struct {
	mu        sync.Mutex
	instances []string // the addresses of the callee
	turn      int
	idle      []*upstream
	open      map[*upstream]struct{} // idle or in use
}

// upstream is one connection to the callee.
type upstream struct {
	conn    net.Conn
	reader  *bufio.Reader
	address string
}

func (p *pool) setInstances(addresses []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instances = addresses
	p.drop()
}

// close ends all connections, those in use too: whoever reads from one is told.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instances = nil
	p.idle = nil
	for u := range p.open {
		u.conn.Close()
	}
	p.open = nil
}

// discard ends a connection that is not good for another exchange.
func (p *pool) discard(u *upstream) {
	u.conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, u)
}

func (p *pool) drop() {
	for _, u := range p.idle {
		u.conn.Close()
		delete(p.open, u)
	}
	p.idle = nil
}

// take returns a live idle connection to the instance whose turn it is, or a new one.
func (p *pool) take() (*upstream, error) {
	address, err := p.next()
	if err != nil {
		return nil, err
	}
	for {
		u := p.takeIdle(address)
		if u == nil {
			return p.connect(address)
		}
		if u.alive() {
			return u, nil
		}
		p.discard(u)
	}
}

// next is the instance whose turn it is.
func (p *pool) next() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.instances) == 0 {
		return "", errNoCallee
	}
	p.turn = (p.turn + 1) % len(p.instances)
	return p.instances[p.turn], nil
}

// takeIdle takes the idle connection to an instance that was last in use, if any.
func (p *pool) takeIdle(address string) *upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if u := p.idle[i]; u.address == address {
			p.idle = slices.Delete(p.idle, i, i+1)
			return u
		}
	}
	return nil
}

// dial returns a new connection to the instance whose turn it is.
func (p *pool) dial() (*upstream, error) {
	address, err := p.next()
	if err != nil {
		return nil, err
	}
	return p.connect(address)
}

func (p *pool) connect(address string) (*upstream, error) {
	conn, err := net.DialTimeout("tcp", address, dialTimeout)
	if err != nil {
		return nil, fmt.Errorf("connect to the callee: %w", err)
	}
	u := &upstream{conn: conn, reader: bufio.NewReaderSize(conn, 8<<10), address: address}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[*upstream]struct{}{}
	}
	p.open[u] = struct{}{}
	return u, nil
}

// give returns a connection that is good for another exchange.
func (p *pool) give(u *upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.instances, u.address) || len(p.idle) >= 512 {
		u.conn.Close()
		delete(p.open, u)
		return
	}
	p.idle = append(p.idle, u)
}

// alive looks, without consuming anything, whether the callee has closed the
// connection or said something unasked.
func (u *upstream) alive() bool {
	tcp, is := u.conn.(*net.TCPConn)
	if !is || u.reader.Buffered() > 0 {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
