package driver

import (
	"context"
	"fmt"
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// otherStep does what shoppers do beside buying and asking for money back.
func (k *Walk) otherStep(ctx context.Context, step faults.Step) (journal.Outcome, error) {
	if step.Do == faults.StepLeave {
		return k.leave(ctx, step)
	}
	order := k.order(step.Order)
	intent := journal.Operation{Name: step.Do, OrderID: order.id}
	ask := func() Result { return k.Merchant.Cancel(ctx, k.trial.ID, order.id) }
	switch step.Do {
	case faults.StepChange:
		doubled := order.doubled()
		intent.Amount = doubled.Total
		ask = func() Result { return k.Merchant.Change(ctx, k.trial.ID, doubled, order.id) }
	case faults.StepReturn:
		ask = func() Result { return k.Merchant.Return(ctx, k.trial.ID, order.id) }
	}
	if order.id == "" {
		return journal.Failed, fmt.Errorf("%w: no order was placed", errStranded)
	}
	var result Result
	k.record(ctx, intent, func() journal.Operation {
		result = ask()
		return journal.Operation{Outcome: result.Outcome, Reason: result.Reason, State: string(result.Order)}
	})
	return result.Outcome, nil // whoever was refused goes on
}

// doubled is an order of twice of everything.
func (o Order) doubled() Order {
	o.Lines = slices.Clone(o.Lines)
	for i := range o.Lines {
		o.Lines[i].Quantity *= 2
	}
	o.Total.Minor *= 2
	return o
}

// leave closes the wallet's page without paying.
func (k *Walk) leave(ctx context.Context, step faults.Step) (journal.Outcome, error) {
	code, err := k.code(ctx, step)
	if err != nil {
		return journal.Failed, err
	}
	outcome, provider := journal.OK, k.provider(step.Key)
	k.record(ctx, journal.Operation{Name: step.Do, Key: k.startKey(step.Key), OrderID: k.order(step.Order).id, Provider: provider}, func() journal.Operation {
		if err := k.Wallet(provider).Cancel(ctx, k.trial.ID, code); err != nil {
			outcome = journal.Failed
			return journal.Operation{Outcome: outcome, Reason: err.Error()}
		}
		return journal.Operation{Outcome: outcome}
	})
	return outcome, nil
}
