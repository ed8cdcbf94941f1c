package driver_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/harness/driver"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// arrivals is a gateway at which a payment comes, and its code is shown, so long
// after a trial began to wait.
type arrivals struct {
	after, shown time.Duration
	begun        time.Time
}

func (a *arrivals) Expect(context.Context, roles.Expectation) error {
	a.begun = time.Now()
	return nil
}

func (a *arrivals) Arrived(context.Context, faults.Trial) (*proxy.Arrival, error) {
	waited := time.Since(a.begun)
	switch {
	case waited < a.after:
		return nil, nil
	case waited < a.after+a.shown:
		return &proxy.Arrival{Reference: "ref"}, nil
	default:
		return &proxy.Arrival{Reference: "ref", Code: "code"}, nil
	}
}

// watching is a scene whose payments come from elsewhere until an hour has passed.
func watching(t *testing.T, comes *arrivals, steps ...faults.Step) *scene {
	s := newScene(t, steps...)
	begun := time.Now()
	s.walk.Arrivals, s.walk.Quiet = comes, func() bool { return time.Since(begun) > time.Hour }
	return s
}

// TestWatch_PaysWhatComes: the shopper waits for somebody else's payment, and pays
// it once its code was shown. Nothing is asked of the merchant.
func TestWatch_PaysWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps faults.Journey
		(&faults.Pay{}).Walk(&steps, payment.MethodCode)
		s := watching(t, &arrivals{after: time.Minute, shown: time.Second}, steps.Steps...)
		s.wallet.EXPECT().Pay(anything, faults.Trial("t1"), "code").Return(providers.Receipt{Amount: payment.Fen(777), MerchantReference: "ref"}, nil).Once()
		s.walk.Journey(t.Context())
		require.False(t, s.walk.Missed())
		require.False(t, s.walk.Willing(), "nobody tries again for other people")
		require.True(t, s.walk.Standing(t.Context()).Final)
		done := s.operations(t)
		require.Equal(t, payment.Fen(777), done[len(done)-1].Amount)
	})
}

// TestWatch_NothingComes: the trial is missed when the time for it is over.
func TestWatch_NothingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := watching(t, &arrivals{after: 2 * time.Hour}, faults.Step{Do: faults.StepStart, Key: 1})
		s.walk.Journey(t.Context())
		require.True(t, s.walk.Missed())
		require.Empty(t, s.operations(t))
	})
}

// TestWatch_NoCodeIsShown: a payment whose code never reaches the merchant is
// nobody's to pay; the trial goes on without its shopper.
func TestWatch_NoCodeIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := watching(t, &arrivals{after: time.Second, shown: time.Hour}, faults.Step{Do: faults.StepStart, Key: 1}, faults.Step{Do: faults.StepPay, Key: 1})
		s.walk.Journey(t.Context())
		require.False(t, s.walk.Missed())
		done := s.operations(t)
		require.Equal(t, journal.Failed, done[len(done)-1].Outcome)
		require.Contains(t, done[len(done)-1].Reason, "no code")
	})
}

var _ driver.Arrivals = (*arrivals)(nil)
