package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
)

// Stream is a link that carries bytes of which payquake knows nothing: a
// database's or a cache's. It passes them on as they come, unless a harm is in
// force. Of PostgreSQL's bytes it knows one thing: the answer to a commit. It is
// safe for concurrent use.
type Stream struct {
	Clock clock.Clock

	mu        sync.Mutex
	callee    string
	listener  net.Listener
	carried   map[*carried]struct{}
	harms     []*harm
	refusals  int // by the harness
	closed    bool
	streaming sync.WaitGroup
}

// carried is one connection of a caller, with its other half.
type carried struct {
	caller, callee net.Conn
	// ends of the callee's last piece, in which an answer may have begun.
	tail []byte
}

// harm is something that happens to a stream for a while.
type harm struct {
	effect faults.StreamEffect
	// touched is called once, when the harm is first felt.
	touched func()
	// atCommit, if set, is all that happens, once, and the answer is lost.
	atCommit func()

	active  bool // false until its commit has come
	commits int
	once    sync.Once
	felt    bool // guarded by the stream
	ended   chan struct{}
	ending  sync.Once
}

func (h *harm) end() { h.ending.Do(func() { close(h.ended) }) }

// inForce reports whether the harm has begun and not ended. The stream's lock is
// held.
func (h *harm) inForce() bool {
	select {
	case <-h.ended:
		return false
	default:
		return h.active
	}
}

// Listen serves callers on a TCP address and returns the one it got.
func (s *Stream) Listen(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen for a stream: %w", err)
	}
	s.listener, s.carried = listener, map[*carried]struct{}{}
	s.streaming.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.streaming.Go(func() { s.serve(conn) })
		}
	})
	return listener.Addr().String(), nil
}

// SetCallee points the link to the callee's address (host:port).
func (s *Stream) SetCallee(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callee = address
}

// Refuse cuts all connections and refuses new ones, until it is taken back.
func (s *Stream) Refuse(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !down {
		s.refusals--
		return
	}
	s.refusals++
	s.cut()
}

// cut resets all connections. The lock is held.
func (s *Stream) cut() {
	for c := range s.carried {
		c.reset()
	}
}

func (c *carried) reset() {
	resetConn(c.caller)
	resetConn(c.callee)
}

// begin puts a harm in force until end is called on it.
func (s *Stream) begin(h *harm) {
	h.ended = make(chan struct{})
	h.active = h.effect.Commit == 0
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		h.end()
		return
	}
	s.harms = append(s.harms, h)
	if h.active && h.effect.Harm == faults.StreamDown && len(s.carried) > 0 {
		s.feel(h)
		s.cut()
	}
}

// finish takes a harm out of force and reports whether it was felt.
func (s *Stream) finish(h *harm) bool {
	h.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.harms = slices.DeleteFunc(s.harms, func(other *harm) bool { return other == h })
	return h.felt
}

// feel notes that a harm was felt. The lock is held.
func (s *Stream) feel(h *harm) {
	h.felt = true
	h.once.Do(h.touched)
}

func (s *Stream) serve(caller net.Conn) {
	defer caller.Close()
	s.mu.Lock()
	address, refused := s.callee, s.refusals > 0
	for _, h := range s.harms {
		if h.inForce() && h.effect.Harm == faults.StreamDown {
			s.feel(h)
			refused = true
		}
	}
	s.mu.Unlock()
	if address == "" || refused {
		resetConn(caller)
		return
	}
	callee, err := net.DialTimeout("tcp", address, dialTimeout)
	if err != nil {
		resetConn(caller)
		return
	}
	defer callee.Close()
	c := &carried{caller: caller, callee: callee}
	if !s.track(c) {
		return
	}
	defer s.forget(c)
	var both sync.WaitGroup
	both.Go(func() { s.pour(c, callee, caller) })
	both.Go(func() { s.pour(c, caller, callee) })
	both.Wait()
}

// pour passes bytes on until their source ends, and says so to where they go.
func (s *Stream) pour(c *carried, to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !s.pass(c, to, buffer[:n]) {
			return
		}
		if err == nil {
			continue
		}
		half, can := to.(interface{ CloseWrite() error })
		if !errors.Is(err, io.EOF) || !can || half.CloseWrite() != nil {
			to.Close()
		}
		return
	}
}

// pass passes a piece on as the harms in force let it. It reports whether the
// connection goes on.
func (s *Stream) pass(c *carried, to net.Conn, piece []byte) bool {
	for _, h := range s.met(c, to == c.caller, piece) {
		if h.atCommit != nil {
			h.atCommit()
			c.reset()
			return false
		}
		switch h.effect.Harm {
		case faults.StreamDelay:
			s.wait(h, h.effect.Delay)
		case faults.StreamBandwidth:
			s.wait(h, time.Duration(len(piece))*time.Second/time.Duration(h.effect.Rate))
		case faults.StreamBlackHole:
			<-h.ended
			c.reset()
			return false
		case faults.StreamSlowClose:
			s.wait(h, h.effect.Delay)
			c.caller.Close()
			c.callee.Close()
			return false
		default:
			c.reset()
			return false
		}
	}
	_, err := to.Write(piece)
	if err != nil {
		to.Close()
	}
	return err == nil
}

// wait waits for d, or until the harm ends.
func (s *Stream) wait(h *harm, d time.Duration) {
	passed := make(chan struct{})
	stop := s.Clock.AfterFunc(d, func() { close(passed) })
	defer stop()
	select {
	case <-passed:
	case <-h.ended:
	}
}

// committed is PostgreSQL's answer to a commit: CommandComplete with its tag.
const committed = "C\x00\x00\x00\x0bCOMMIT\x00"

// met are the harms that a piece meets. An answer to a commit may bring
// further ones into force, and is the first to meet them.
func (s *Stream) met(c *carried, fromCallee bool, piece []byte) []*harm {
	commits := 0
	if fromCallee {
		seen := append(c.tail, piece...)
		commits = bytes.Count(seen, []byte(committed))
		if at := bytes.LastIndex(seen, []byte(committed)); at >= 0 {
			seen = seen[at+len(committed):]
		}
		c.tail = bytes.Clone(seen[max(0, len(seen)-len(committed)+1):])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var met []*harm
	for _, h := range s.harms {
		if !h.active && commits > 0 {
			h.commits += commits
			h.active = h.commits >= h.effect.Commit
		}
		if h.inForce() {
			s.feel(h)
			met = append(met, h)
		}
	}
	return met
}

func (s *Stream) track(c *carried) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carried[c] = struct{}{}
	return !s.closed
}

func (s *Stream) forget(c *carried) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.carried, c)
}

// Close stops listening, cuts what is under way and waits until nothing runs.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	var errs []error
	if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	for _, h := range s.harms {
		h.end()
	}
	for c := range s.carried {
		c.caller.Close()
		c.callee.Close()
	}
	s.mu.Unlock()
	s.streaming.Wait()
	return errors.Join(errs...)
}
