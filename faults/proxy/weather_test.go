package proxy

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// TestWeather_Stalled: calls wait, and are acted on when the callee goes on, also
// those whose caller has given up.
func TestWeather_Stalled(t *testing.T) {
	r := newRig(t)
	r.client.Timeout = 100 * time.Millisecond
	r.link.SetWeather(Weather{Stalled: true})
	require.Error(t, r.call("t1", faults.Create).err)
	require.Empty(t, r.seen())
	r.link.SetWeather(Weather{})
	r.eventually(func() bool { return len(r.seen()) == 1 }, "it is acted on all the same")
	require.True(t, answered(r, r.call("t1", faults.Create)))
}

// TestWeather_Loses requests before the callee sees them, and answers after it
// acted; whoever waits hears nothing until the network is mended.
func TestWeather_Loses(t *testing.T) {
	for _, c := range []struct {
		weather Weather
		arrived int
	}{{Weather{LosesRequests: true}, 0}, {Weather{LosesAnswers: true}, 1}} {
		r := newRig(t)
		r.link.SetWeather(c.weather)
		done := make(chan outcome, 1)
		go func() { done <- r.call("t1", faults.Create) }()
		select {
		case got := <-done:
			t.Fatalf("the caller heard something: %+v", got)
		case <-time.After(100 * time.Millisecond):
		}
		require.Len(t, r.seen(), c.arrived)
		r.link.SetWeather(Weather{})
		require.Error(t, (<-done).err, "what was lost does not come any more")
		require.True(t, answered(r, r.call("t1", faults.Create)))
		require.Len(t, r.seen(), c.arrived+1)
		_, records := r.end()
		lost := 0
		for _, record := range records {
			if record.Message != nil && record.Message.Fate == journal.Lost {
				lost++
			}
		}
		require.Equal(t, 1, lost)
	}
}

// TestInstances_TakeTurns: of a callee's instances each has its turn, also on
// connections that are kept; who is an instance no more hears nothing.
func TestInstances_TakeTurns(t *testing.T) {
	r := newRig(t)
	heard := map[string]int{}
	instance := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			r.mu.Lock()
			defer r.mu.Unlock()
			heard[name]++
		}))
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	}
	first, second := instance("first"), instance("second")
	r.link.SetCallee(first, second)
	for range 6 {
		require.Equal(t, 200, r.call("t1", faults.Query).status)
	}
	require.Equal(t, map[string]int{"first": 3, "second": 3}, heard)
	r.link.SetCallee(second)
	for range 3 {
		require.Equal(t, 200, r.call("t1", faults.Query).status)
	}
	require.Equal(t, map[string]int{"first": 3, "second": 6}, heard)
}
