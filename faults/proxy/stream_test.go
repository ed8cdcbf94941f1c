package proxy

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
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

// bytesRig is the rig with a link of bytes beside it, whose callee answers every
// piece with a commit. Its merchant talks to it while it handles a message.
type bytesRig struct {
	*rig
	stream  *Stream
	address string
}

func newBytesRig(t *testing.T, pins ...faults.Pin) *bytesRig {
	database, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { database.Close() })
	go func() {
		for {
			conn, err := database.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 100)
				for {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
					_, _ = conn.Write([]byte("1\x00\x00\x00\x04" + committed))
				}
			}()
		}
	}()
	b := &bytesRig{rig: newRig(t, pins...), stream: &Stream{Clock: clock.System{}}}
	b.address, err = b.stream.Listen("127.0.0.1:0")
	require.NoError(t, err)
	b.stream.SetCallee(database.Addr().String())
	b.register.AddStream("merchant->database", b.stream)
	t.Cleanup(func() { require.NoError(t, b.stream.Close()) })
	return b
}

// commits has the merchant commit so often on one connection, and says how that
// went.
func (b *bytesRig) commits(times int) (took time.Duration, err error) {
	begun := clock.System{}.Now()
	conn, err := net.Dial("tcp", b.address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	for range times {
		if _, err = conn.Write([]byte("commit")); err != nil {
			break
		}
		if _, err = io.ReadFull(conn, make([]byte, 5+len(committed))); err != nil {
			break
		}
	}
	return clock.System{}.Now().Sub(begun), err
}

// TestStream_IsHarmedWhileAMessageIsHandled: each harm is felt from the arrival of
// the pinned message until its answer, and neither before nor after, nor while
// another message is handled.
func TestStream_IsHarmedWhileAMessageIsHandled(t *testing.T) {
	slowly := func(took time.Duration, err error) bool { return err == nil && took >= 120*time.Millisecond }
	fails := func(_ time.Duration, err error) bool { return err != nil }
	failsLate := func(took time.Duration, err error) bool { return err != nil && took >= 120*time.Millisecond }
	for name, c := range map[string]struct {
		fault, settings string
		commits         int
		shows           func(time.Duration, error) bool
	}{
		"latency":                      {"latency", `{"delay":"70ms","link":"merchant->database"}`, 1, slowly},
		"bandwidth":                    {"bandwidth", `{"bytesPerSecond":100,"link":"merchant->database"}`, 1, slowly},
		"reset":                        {"reset", `{"link":"merchant->database"}`, 1, fails},
		"black hole, until the limit":  {"black-hole", `{"link":"merchant->database"}`, 1, failsLate},
		"slow close":                   {"slow-close", `{"silence":"130ms","link":"merchant->database"}`, 1, failsLate},
		"down":                         {"down", `{"link":"merchant->database"}`, 1, fails},
		"reset at the second commit":   {"reset", `{"link":"merchant->database","commit":2}`, 2, fails},
		"latency from the third on":    {"latency", `{"delay":"130ms","link":"merchant->database","commit":3}`, 3, slowly},
		"black hole at the first":      {"black-hole", `{"link":"merchant->database","commit":1}`, 1, failsLate},
		"nothing before its commit":    {"down", `{"link":"merchant->database","commit":2}`, 1, nil},
		"nobody talks to the database": {"down", `{"link":"merchant->database"}`, -1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBytesRig(t, pin(t, c.fault, c.settings, "merchant->wechatpay query#2 request"))
			handles := func(trial faults.Trial) (took time.Duration, err error) {
				b.whileHandling(func() {
					if c.commits > 0 {
						took, err = b.commits(c.commits)
					}
				})
				require.True(t, answered(b.rig, b.call(trial, faults.Query)))
				return took, err
			}
			for _, bystander := range []faults.Trial{"t1", "t2", "t2"} {
				_, err := handles(bystander)
				require.NoError(t, err)
			}
			took, err := handles("t1")
			fate := faults.Fired
			if c.shows == nil {
				require.NoError(t, err)
				fate = faults.PreEmpted
			} else {
				require.True(t, c.shows(took, err), "%s, %v", took, err)
			}
			_, err = handles("t1")
			require.NoError(t, err, "it is over with its message")
			fates, _ := b.end()
			require.Equal(t, map[string]faults.Fate{"t1." + c.fault: fate}, fates)
		})
	}
}

// TestStream_HealsWhileAMessageIsHandled: what waits in a black hole is let go as
// soon as its trial is healed, and what comes then is not harmed.
func TestStream_HealsWhileAMessageIsHandled(t *testing.T) {
	waiting := pin(t, "black-hole", `{"link":"merchant->database"}`, "merchant->wechatpay query#* request")
	waiting.Limit = faults.Duration(time.Minute)
	b := newBytesRig(t, waiting)
	var first, second error
	b.whileHandling(func() {
		time.AfterFunc(50*time.Millisecond, func() { b.register.Heal([]faults.Trial{"t1"}) })
		_, first = b.commits(1)
		_, second = b.commits(1)
	})
	require.True(t, answered(b.rig, b.call("t1", faults.Query)))
	require.Error(t, first, "it waited, and was lost with its connection")
	require.NoError(t, second)
}

// TestStream_CrashAtACommit: the process goes down with the answer to its commit.
func TestStream_CrashAtACommit(t *testing.T) {
	b := newBytesRig(t, pin(t, "merchant-crash", `{"commit":2}`, "merchant->wechatpay query#1 request"))
	go b.confirmWhenTriggered("t1.merchant-crash")
	var err error
	b.whileHandling(func() { _, err = b.commits(2) })
	b.call("t1", faults.Query)
	require.Error(t, err)
	_, err = b.commits(3)
	require.NoError(t, err)
	fates, _ := b.end()
	require.Equal(t, faults.Fired, fates["t1.merchant-crash"])
}

// TestStream_AcknowledgedAllTheSame: who acknowledges a notification while its
// database is away must know of it without being told again.
func TestStream_AcknowledgedAllTheSame(t *testing.T) {
	b := newBytesRig(t, pin(t, "down", `{"link":"merchant->database"}`, "merchant->wechatpay notify-payment#1 request"))
	b.whileHandling(func() { _, _ = b.commits(1) })
	require.True(t, answered(b.rig, b.call("t1", faults.NotifyPayment)))
	require.True(t, b.register.isKeptBack("t1", faults.Query))
	b.register.LetGo("t1")
}

// TestStream_Refuses: the harness takes the link away, and gives it back.
func TestStream_Refuses(t *testing.T) {
	b := newBytesRig(t)
	conn, err := net.Dial("tcp", b.address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("commit"))
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 5+len(committed)))
	require.NoError(t, err)
	b.stream.Refuse(true)
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err, "what was there is cut")
	_, err = b.commits(1)
	require.Error(t, err)
	b.stream.Refuse(false)
	_, err = b.commits(1)
	require.NoError(t, err)
}

// TestCommits_AreCounted wherever the pieces of an answer begin and end.
func TestCommits_AreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		answers := rapid.IntRange(0, 5).Draw(t, "answers")
		said := bytes.Repeat([]byte("noise C\x00\x00"+committed), answers)
		s, c, h := &Stream{}, &carried{}, &harm{effect: faults.StreamEffect{StreamPlace: faults.StreamPlace{Commit: 100}}}
		s.begin(h)
		for len(said) > 0 {
			n := rapid.IntRange(1, len(said)).Draw(t, "piece")
			s.met(c, true, said[:n])
			said = said[n:]
		}
		require.Equal(t, answers, h.commits)
	})
}
