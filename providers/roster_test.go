package providers

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

type fired []string

func (f *fired) Record(_ context.Context, _ faults.Trial, record journal.Record) {
	*f = append(*f, record.Pin.ID)
}

// Each payment of a trial has a conduct, the last one holds on, and every part
// of a conduct reports its own pin, once.
func TestRoster_ConductsInOrderAndPinsOnce(t *testing.T) {
	var seen fired
	roster, ctx := NewRoster(Ports{Recorder: &seen, Clock: clock.System{}}, "usual"), t.Context()
	roster.Cast(Part{Trial: "t1", Conducts: []faults.Conduct{
		{QueryLag: 2, UnknownOutcome: true}, {Decline: "NO", Declines: 2, NotifyNever: true}},
		Pins: []map[string]string{{"query-lag": "p1", "unknown-outcome": "p2"}, {"decline": "p3"}}})
	require.True(t, roster.Knows("t1"))
	require.False(t, roster.Knows("t2"))

	first, second, third := roster.Next("t1"), roster.Next("t1"), roster.Next("t1")
	require.Equal(t, []bool{true, true, false}, []bool{first.Lags(ctx), first.Lags(ctx), first.Lags(ctx)})
	require.Equal(t, []bool{true, false}, []bool{first.HidesOutcome(ctx), first.HidesOutcome(ctx)})
	require.False(t, first.Silent(ctx))
	require.Equal(t, []string{"NO", "NO", ""}, []string{second.Refuses(ctx), second.Refuses(ctx), second.Refuses(ctx)})
	require.True(t, second.Silent(ctx))
	require.Equal(t, second.Conduct(), third.Conduct())
	require.Equal(t, fired{"p1", "p2", "p3"}, seen)

	roster.Heal([]faults.Trial{"t1", "t2"})
	require.Zero(t, roster.Next("t1").Conduct())
	require.Equal(t, "NO", third.Refuses(ctx), "a payment that was begun keeps its conduct")
	var nobody *Behaviour
	require.False(t, nobody.Lags(ctx) || nobody.HidesOutcome(ctx) || nobody.Silent(ctx) || nobody.Refuses(ctx) != "")
}
