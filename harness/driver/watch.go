package driver

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Arrivals are the payments that other people's shoppers begin, where payquake has
// none of its own.
type Arrivals interface {
	// Expect has a trial wait for the next payment.
	Expect(ctx context.Context, asked roles.Expectation) error
	// Arrived tells what came for it; nil as long as nothing has.
	Arrived(ctx context.Context, trial faults.Trial) (*proxy.Arrival, error)
}

// Watched is a merchant whose shoppers are not payquake's: nothing is asked of it
// but whether it serves.
type Watched struct{ Merchant }

// Books implements Merchant: of whose orders these are nothing is known.
func (Watched) Books(context.Context) (Books, error) { return Books{Raw: []byte("{}\n")}, nil }

// Missed reports whether the trial waited for a payment that never came.
func (k *Walk) Missed() bool { return k.missed.Load() }

// watch waits for a payment of other people's and does with its code what the
// journey does: the money is in payquake's wallets.
func (k *Walk) watch(ctx context.Context) error {
	arrival, err := k.await(ctx)
	if err != nil {
		return err
	}
	start := journal.Operation{Name: faults.StepStart, Provider: k.trial.Provider, Reference: arrival.Reference}
	k.record(ctx, start, func() journal.Operation {
		arrival, err = k.awaitCode(ctx)
		if err != nil {
			return journal.Operation{Outcome: journal.Failed, Reason: err.Error()}
		}
		return journal.Operation{Outcome: journal.OK, Reference: arrival.Reference, State: string(payment.Pending)}
	})
	if err != nil {
		return err
	}
	for _, step := range k.trial.Journey.Steps {
		switch step.Do {
		case faults.StepStart:
			k.mu.Lock()
			k.starts[step.Key] = &started{key: k.startKey(step.Key), provider: k.trial.Provider, orders: []int{0}, code: arrival.Code}
			k.mu.Unlock()
		case faults.StepOpen, faults.StepPay:
			if err := k.step(ctx, step); err != nil {
				return err
			}
		}
	}
	return nil
}

// await waits until a payment comes, or none can come any more.
func (k *Walk) await(ctx context.Context) (proxy.Arrival, error) {
	if err := k.Arrivals.Expect(ctx, roles.Expectation{Trial: k.trial.ID, Provider: k.trial.Provider}); err != nil {
		k.missed.Store(true)
		return proxy.Arrival{}, err
	}
	for {
		over := k.Quiet() // asked first: a payment may have come last of all
		arrival, err := k.Arrivals.Arrived(ctx, k.trial.ID)
		if err == nil && arrival != nil {
			return *arrival, nil
		}
		if over || err != nil || k.Clock.Wait(ctx, 50*time.Millisecond) != nil {
			k.missed.Store(true)
			return proxy.Arrival{}, fmt.Errorf("%w: no payment came", errStranded)
		}
	}
}

// awaitCode waits until the merchant has been told what its shopper scans.
func (k *Walk) awaitCode(ctx context.Context) (proxy.Arrival, error) {
	for ends := k.Clock.Now().Add(codePatience); ; {
		arrival, err := k.Arrivals.Arrived(ctx, k.trial.ID)
		switch {
		case err != nil:
			return proxy.Arrival{}, err
		case arrival != nil && arrival.Code != "":
			return *arrival, nil
		case !k.Clock.Now().Before(ends):
			return proxy.Arrival{}, fmt.Errorf("%w: the merchant was given no code to show", errStranded)
		}
		if err := k.Clock.Wait(ctx, 50*time.Millisecond); err != nil {
			return proxy.Arrival{}, err
		}
	}
}

// codePatience is how long a shopper waits for a code to be shown.
const codePatience = 15 * time.Second
