package driver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/telemetry"
)

// Willing reports whether the shopper wants to pay at all, and is payquake's own to
// try again.
func (k *Walk) Willing() bool {
	cancels := slices.ContainsFunc(k.trial.Journey.Steps, func(s faults.Step) bool { return s.Do == faults.StepCancel })
	return k.Arrivals == nil && !cancels && len(k.wanted()) > 0
}

// wanted are the orders that the shopper wants to pay.
func (k *Walk) wanted() map[int]bool {
	wanted := map[int]bool{}
	for _, step := range k.trial.Journey.Steps {
		if step.Do == faults.StepPay || step.Do == faults.StepAwaitPaid {
			for _, n := range k.awaited(step) {
				wanted[n] = true
			}
		}
	}
	return wanted
}

// Standing is how the trial's orders stand, seen past the links. What nobody
// knows of (an order whose number was never told) counts as final: nobody can
// look at it before the books are read.
type Standing struct {
	Final bool // every order, payment and refund is in a terminal state
	Paid  bool // so was each of the trial's own orders that the shopper wants to pay
}

// Standing looks at the trial's orders.
func (k *Walk) Standing(ctx context.Context) Standing {
	if k.Arrivals != nil { // nobody knows of which orders to ask
		return Standing{Final: true}
	}
	wanted := k.wanted()
	standing := Standing{Final: true, Paid: len(wanted) > 0}
	own, replacements := k.known()
	look := func(id string) Result {
		seen := k.Merchant.Observe(ctx, id)
		standing.Final = standing.Final && seen.Outcome == journal.OK && seen.final()
		return seen
	}
	for n, id := range own {
		paid := id != "" && look(id).paid()
		standing.Paid = standing.Paid && (paid || !wanted[n])
	}
	for _, id := range replacements {
		look(id)
	}
	return standing
}

// known are the numbers of the trial's orders, "" of those that nobody was told,
// and of the canary's.
func (k *Walk) known() (own, replacements []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, order := range k.orders {
		own = append(own, order.id)
	}
	return own, slices.Clone(k.replacements)
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
	return result.paid()
}

// paid reports whether the order was paid, whatever has gone back since.
func (r Result) paid() bool {
	return r.Order == payment.OrderPaid || r.Order == payment.OrderRefunded
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

// canaryPatience bounds how long the shopper goes on trying. It is long: nobody
// is refused anything because the machine is slow.
const canaryPatience = 12 * time.Second

// buyAgain tries until something is paid, as a willing shopper does: the page is
// watched for a code that is late, and what can no longer be paid is ordered anew.
func (k *Walk) buyAgain(ctx context.Context) (paid bool, reason string) {
	for ends := k.Clock.Now().Add(canaryPatience); ; {
		paid, reason = k.buyOnce(ctx, ends)
		if paid || !k.Clock.Now().Before(ends) {
			return paid, reason
		}
		if err := k.Clock.Wait(ctx, 100*time.Millisecond); err != nil {
			return false, err.Error()
		}
	}
}

// buyOnce places one replacement and tries to pay it.
func (k *Walk) buyOnce(ctx context.Context, ends time.Time) (paid bool, reason string) {
	_, replacements := k.known()
	name := orderKey(fmt.Sprintf("canary%d", len(replacements)+1), k.trial.ID)
	placed := k.Merchant.Place(ctx, k.trial.ID, Order{Key: name, Shopper: "shopper-" + string(k.trial.ID),
		Lines: k.trial.Lines, Total: k.trial.Total})
	if placed.Outcome != journal.OK {
		return false, "the order was not taken: " + placed.Reason
	}
	k.mu.Lock()
	k.replacements = append(k.replacements, placed.OrderID)
	k.mu.Unlock()
	k.add(ctx, journal.Operation{ID: fmt.Sprintf("%s/canary/%d", k.trial.ID, len(replacements)+1), Phase: journal.Done,
		Name: faults.StepPlace, Outcome: journal.OK, Key: name, OrderID: placed.OrderID, Amount: k.trial.Total, State: string(placed.Order)})
	start := Start{OrderID: placed.OrderID, Key: "start-" + name, Provider: k.trial.Provider, Method: payment.MethodCode}
	started := k.startInTurn(ctx, start)
	code := started.Code
	if code == "" { // the order's page may show it later
		seen := k.until(ctx, placed.OrderID, ends, func(seen Result) bool { return seen.codeOf(start.Key) != "" })
		if code = seen.codeOf(start.Key); code == "" {
			return false, fmt.Sprintf("no code was shown: %s; the order reads %q", started.Reason, seen.Order)
		}
	}
	if _, err := k.Wallet(k.trial.Provider).Pay(ctx, k.trial.ID, code); err != nil {
		return false, "the wallet could not pay: " + err.Error()
	}
	if seen := k.until(ctx, placed.OrderID, ends, Result.paid); !seen.paid() {
		return false, fmt.Sprintf("it was paid for and reads %q", seen.Order)
	}
	return true, ""
}

// until looks at an order until it is as asked, is over, or the time is up.
func (k *Walk) until(ctx context.Context, orderID string, ends time.Time, asked func(Result) bool) Result {
	for {
		seen := k.Merchant.Observe(ctx, orderID)
		if asked(seen) || seen.Order.Terminal() || !k.Clock.Now().Before(ends) || k.Clock.Wait(ctx, 100*time.Millisecond) != nil {
			return seen
		}
	}
}

// codeOf is the code that an order's page shows of a start, "" if none.
func (r Result) codeOf(key string) string {
	for _, shown := range r.Payments {
		if shown.Key == key {
			return shown.Code
		}
	}
	return ""
}
