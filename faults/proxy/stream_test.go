package proxy

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStream: bytes pass both ways as they are, each side's end is passed on, and
// closing ends what is under way.
func TestStream(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer echo.Close()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	s := &Stream{}
	address, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)

	if early, err := net.Dial("tcp", address); err == nil { // it may be reset as soon as it is there
		_, err = early.Read(make([]byte, 1))
		require.Error(t, err, "nobody is there yet")
	}

	s.SetCallee(echo.Addr().String())
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	sent := make([]byte, 1<<20)
	_, err = rand.Read(sent)
	require.NoError(t, err)
	go func() {
		_, _ = conn.Write(sent)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, got))

	idle, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_, err = idle.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(idle, make([]byte, 1))
	require.NoError(t, err)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(5 * time.Second):
		t.Fatal("closing waits for a connection that nobody ends")
	}
	_, err = idle.Read(make([]byte, 1))
	require.Error(t, err)
}
