package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Stream is a link that carries bytes of which payquake knows nothing: a
// database's or a cache's. It passes them on as they come.
type Stream struct {
	mu        sync.Mutex
	callee    string
	listener  net.Listener
	conns     map[net.Conn]struct{}
	closed    bool
	streaming sync.WaitGroup
}

// Listen serves callers on a TCP address and returns the one it got.
func (s *Stream) Listen(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen for a stream: %w", err)
	}
	s.listener, s.conns = listener, map[net.Conn]struct{}{}
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

func (s *Stream) serve(caller net.Conn) {
	defer caller.Close()
	s.mu.Lock()
	address := s.callee
	s.mu.Unlock()
	if address == "" {
		resetConn(caller)
		return
	}
	callee, err := net.DialTimeout("tcp", address, dialTimeout)
	if err != nil {
		resetConn(caller)
		return
	}
	defer callee.Close()
	if !s.track(caller, callee) {
		return
	}
	defer s.forget(caller, callee)
	var both sync.WaitGroup
	both.Go(func() { pour(callee, caller) })
	both.Go(func() { pour(caller, callee) })
	both.Wait()
}

// pour passes bytes on until their source ends, and says so to where they go.
func pour(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, can := to.(interface{ CloseWrite() error })
	if err != nil || !can || half.CloseWrite() != nil {
		to.Close()
	}
}

func (s *Stream) track(conns ...net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range conns {
		s.conns[conn] = struct{}{}
	}
	return !s.closed
}

func (s *Stream) forget(conns ...net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range conns {
		delete(s.conns, conn)
	}
}

// Close stops listening, cuts what is under way and waits until nothing runs.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	var errs []error
	if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.streaming.Wait()
	return errors.Join(errs...)
}
