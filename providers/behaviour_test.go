package providers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// TestBehaviour_ShowsWhatItIs: each part of a conduct shows where it is asked for, as
// often as it says, under its own pin and no other; the usual conduct shows nothing.
func TestBehaviour_ShowsWhatItIs(t *testing.T) {
	price := payment.Fen(1000)
	for fault, c := range map[string]struct {
		conduct faults.Conduct
		asked   func(context.Context, *Behaviour) any
		shown   []any // one after another
		usual   any
	}{
		"late-by-hours": {faults.Conduct{Hesitates: time.Second},
			func(ctx context.Context, b *Behaviour) any { return b.Hesitates(ctx) }, []any{time.Second, time.Second}, time.Duration(0)},
		"pending-then-failed": {faults.Conduct{PendingFor: time.Second, PendingFails: true}, func(ctx context.Context, b *Behaviour) any {
			_, fails, pends := b.Pends(ctx)
			return [2]bool{pends, fails}
		}, []any{[2]bool{true, true}, [2]bool{}}, [2]bool{}},
		"close-user-paying": {faults.Conduct{ClosesRefused: 2},
			func(ctx context.Context, b *Behaviour) any { return b.RefusesClose(ctx) }, []any{true, true, false}, false},
		"notify-early": {faults.Conduct{NotifyEarly: true},
			func(ctx context.Context, b *Behaviour) any { return b.TellsFirst(ctx) }, []any{true}, false},
		"notify-late": {faults.Conduct{NotifyAfter: time.Second},
			func(ctx context.Context, b *Behaviour) any { return b.TellsLate(ctx) }, []any{time.Second}, time.Duration(0)},
		"notify-failure": {faults.Conduct{NotifyFailure: true},
			func(ctx context.Context, b *Behaviour) any { return b.TellsFailure(ctx) }, []any{true}, false},
		"refund-processing": {faults.Conduct{RefundTakes: time.Second},
			func(ctx context.Context, b *Behaviour) any { return b.RefundTakes(ctx) }, []any{time.Second}, time.Duration(0)},
		"refund-fails-after-accept": {faults.Conduct{RefundFails: faults.RefundCloses, RefundsFail: 1},
			func(ctx context.Context, b *Behaviour) any { return b.RefundFails(ctx) }, []any{faults.RefundCloses, faults.RefundFails("")}, faults.RefundFails("")},
		"promotion": {faults.Conduct{CouponPercent: 10},
			func(ctx context.Context, b *Behaviour) any { return b.Coupon(ctx, price) }, []any{payment.Fen(100)}, payment.Fen(0)},
		"final-state-word": {faults.Conduct{FinishAtOnce: true}, func(ctx context.Context, b *Behaviour) any {
			now, _ := b.Finishes(ctx)
			return now
		}, []any{true}, false},
		"clock-skew": {faults.Conduct{Skew: -time.Minute},
			func(ctx context.Context, b *Behaviour) any { return b.Now(ctx, time.Unix(60, 0)).Unix() }, []any{int64(0)}, int64(60)},
		"decline-burst": {faults.Conduct{DeclinesFor: time.Hour, Decline: "NO"},
			func(ctx context.Context, b *Behaviour) any { return b.Refuses(ctx) }, []any{"NO", "NO", "NO"}, ""},
	} {
		t.Run(fault, func(t *testing.T) {
			var seen fired
			roster, ctx := NewRoster(Ports{Recorder: &seen, Clock: clock.System{}}, "usual"), t.Context()
			roster.Cast(Part{Trial: "t1", Conducts: []faults.Conduct{c.conduct}, Pins: []map[string]string{{fault: "p1", "query-lag": "p2"}}})
			roster.Cast(Part{Trial: "t2", Conducts: []faults.Conduct{{}}, Pins: []map[string]string{{fault: "p3"}}})
			bent := roster.Next("t1")
			for _, want := range c.shown {
				require.Equal(t, want, c.asked(ctx, bent))
			}
			require.Equal(t, c.usual, c.asked(ctx, roster.Next("t2")), "another payment")
			require.Equal(t, c.usual, c.asked(ctx, nil), "a payment of nobody")
			roster.Heal([]faults.Trial{"t1"})
			require.Equal(t, c.usual, c.asked(ctx, roster.Next("t1")), "healed")
			require.Equal(t, fired{"p1"}, seen)
		})
	}
}

// TestBehaviour_CouponIsNeverAll: the shopper always pays something, and the coupon is
// never nothing where there are two minor units to share.
func TestBehaviour_CouponIsNeverAll(t *testing.T) {
	b := &Behaviour{conduct: faults.Conduct{CouponPercent: 99}}
	for _, minor := range []int64{1, 2, 3, 100, 1_000_000} {
		coupon := b.Coupon(t.Context(), payment.Fen(minor))
		require.Less(t, coupon.Minor, minor)
		require.Equal(t, minor > 1, coupon.Minor > 0)
	}
}

// TestPatiently_AnswersAfter: an answer is written when what it waits for has happened,
// and at once if it waits for nothing.
func TestPatiently_AnswersAfter(t *testing.T) {
	done := make(chan struct{})
	server := httptest.NewServer(Patiently(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			AnswerAfter(r.Context(), done)
		}
		w.WriteHeader(http.StatusAccepted)
	})))
	defer server.Close()
	answered := make(chan int, 1)
	go func() {
		answer, err := http.Get(server.URL + "/wait")
		if err != nil {
			answered <- 0
			return
		}
		answer.Body.Close()
		answered <- answer.StatusCode
	}()
	answer, err := http.Get(server.URL + "/now")
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
	select {
	case <-answered:
		t.Fatal("it was answered before")
	case <-time.After(50 * time.Millisecond):
	}
	close(done)
	require.Equal(t, http.StatusAccepted, <-answered)
}
