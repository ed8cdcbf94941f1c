package driver

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/telemetry"
)

// Willing reports whether the shopper wants to pay at all.
func (k *Walk) Willing() bool {
	for _, step := range k.trial.Journey.Steps {
		if step.Do == faults.StepPay || step.Do == faults.StepAwaitPaid {
			return true
		}
	}
	return false
}

// Standing is how the trial's orders stand, seen past the links. What nobody
// knows of (an order whose number was never told) counts as final: nobody can
// look at it before the books are read.
type Standing struct {
	Final bool // every order, payment and refund is in a terminal state
	Paid  bool // one of the trial's own orders was paid
}

// Standing looks at the trial's orders.
func (k *Walk) Standing(ctx context.Context) Standing {
	standing := Standing{Final: true}
	own, replacement := k.known()
	for _, id := range own {
		seen := k.Merchant.Observe(ctx, id)
		standing.Final = standing.Final && seen.Outcome == journal.OK && seen.final()
		standing.Paid = standing.Paid || seen.Order == payment.OrderPaid || seen.Order == payment.OrderRefunded
	}
	if replacement != "" {
		seen := k.Merchant.Observe(ctx, replacement)
		standing.Final = standing.Final && seen.Outcome == journal.OK && seen.final()
	}
	return standing
}

// known are the numbers of the trial's orders, and of the canary's.
func (k *Walk) known() (own []string, replacement string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, order := range k.orders {
		if order.id != "" {
			own = append(own, order.id)
		}
	}
	return own, k.replacement
}

func (r Result) final() bool {
	final := r.Order.Terminal()
	for _, shown := range r.Payments {
		final = final && shown.State.Terminal()
	}
	for _, state := range r.Refunds {
		final = final && state.Terminal()
	}
	return final
}

// ObservedPaid looks at the trial's order past the links, records what it saw,
// and reports whether it reads paid.
func (k *Walk) ObservedPaid(ctx context.Context) bool {
	if k.OrderID() == "" {
		return false
	}
	var result Result
	k.record(ctx, journal.Operation{Name: journal.ReadOrder, OrderID: k.OrderID()}, func() journal.Operation {
		result = k.Merchant.Observe(ctx, k.OrderID())
		return journal.Operation{Outcome: result.Outcome, Reason: result.Reason, State: string(result.Order)}
	})
	return result.Order == payment.OrderPaid || result.Order == payment.OrderRefunded
}

// Canary buys the same again, in a new order, after everything has healed.
func (k *Walk) Canary(ctx context.Context) {
	ctx = trace.ContextWithRemoteSpanContext(ctx, telemetry.Root(telemetry.TraceID(k.Run, string(k.trial.ID))))
	ctx, span := k.Tracer.Start(ctx, telemetry.StepSpan+string(journal.Canary))
	defer span.End()
	k.record(ctx, journal.Operation{Name: journal.Canary, Amount: k.trial.Total}, func() journal.Operation {
		paid, reason := k.buyAgain(ctx)
		if !paid {
			return journal.Operation{Outcome: journal.Failed, Reason: reason}
		}
		return journal.Operation{Outcome: journal.OK, State: string(payment.OrderPaid)}
	})
}

// canaryPatience bounds how long the canary waits to read paid.
const canaryPatience = 6 * time.Second

func (k *Walk) buyAgain(ctx context.Context) (paid bool, reason string) {
	id := k.trial.ID
	placed := k.Merchant.Place(ctx, id, Order{Key: "canary-" + string(id), Shopper: "shopper-" + string(id),
		Lines: k.trial.Lines, Total: k.trial.Total})
	if placed.Outcome != journal.OK {
		return false, "the order was not taken: " + placed.Reason
	}
	k.mu.Lock()
	k.replacement = placed.OrderID
	k.mu.Unlock()
	k.add(ctx, journal.Operation{ID: string(id) + "/canary", Phase: journal.Done, Name: faults.StepPlace, Outcome: journal.OK,
		Key: "canary-" + string(id), OrderID: placed.OrderID, Amount: k.trial.Total, State: string(placed.Order)})
	started := k.Merchant.Start(ctx, id, Start{OrderID: placed.OrderID, Key: "start-canary-" + string(id),
		Provider: k.trial.Provider, Method: payment.MethodCode})
	if started.Code == "" {
		return false, "no code was shown: " + started.Reason
	}
	if _, err := k.Wallet(k.trial.Provider).Pay(ctx, id, started.Code); err != nil {
		return false, "the wallet could not pay: " + err.Error()
	}
	for ends := k.Clock.Now().Add(canaryPatience); k.Clock.Now().Before(ends); {
		seen := k.Merchant.Observe(ctx, placed.OrderID)
		if seen.Order == payment.OrderPaid {
			return true, ""
		}
		if err := k.Clock.Wait(ctx, 100*time.Millisecond); err != nil {
			return false, err.Error()
		}
	}
	return false, fmt.Sprintf("it did not read paid within %s", canaryPatience)
}
