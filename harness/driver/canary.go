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

// Unserved reports whether the shopper wanted to pay and, by the merchant's
// books at rest, has paid nothing.
func (k *Walk) Unserved(books []journal.Entry) bool {
	willing := false
	for _, step := range k.trial.Journey.Steps {
		willing = willing || step.Do == faults.StepPay || step.Do == faults.StepAwaitPaid
	}
	if !willing {
		return false
	}
	for _, entry := range books {
		state := payment.OrderState(entry.State)
		if entry.Kind == journal.OrderEntry && entry.OrderKey == "order-"+string(k.trial.ID) &&
			(state == payment.OrderPaid || state == payment.OrderRefunded) {
			return false
		}
	}
	return true
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
