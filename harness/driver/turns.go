package driver

import (
	"context"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/journal"
)

// Turns keep trials with the same amount apart: a call that begins a payment is
// known by its amount alone, so one trial at a time has one under way.
type Turns interface {
	// TakeTurn reports whether the trial has the turn from now on.
	TakeTurn(ctx context.Context, asked roles.Turn) (bool, error)
	// HoldsTurn reports whether the payment it was taken for is not known yet.
	HoldsTurn(ctx context.Context, trial faults.Trial) (bool, error)
	// EndTurn gives it back.
	EndTurn(ctx context.Context, trial faults.Trial) error
}

// turnPatience bounds how long a turn is kept when the merchant did not say
// whether it has begun a payment: by then it has, or never will.
const turnPatience = 5 * time.Second

// startInTurn starts a payment when it is the trial's turn. The turn ends with the
// payment's becoming known. A merchant that has answered has begun it, or will
// not; one that has not may still begin it, and is waited for.
func (k *Walk) startInTurn(ctx context.Context, start Start) Result {
	if k.Turns == nil {
		return k.Merchant.Start(ctx, k.trial.ID, start)
	}
	wanted := roles.Turn{Trial: k.trial.ID, Provider: start.Provider, Amount: k.trial.Total}
	for {
		taken, err := k.Turns.TakeTurn(ctx, wanted)
		if err != nil {
			return Result{Outcome: journal.Failed, Reason: "no turn was given: " + err.Error()}
		}
		if taken {
			break
		}
		if err := k.Clock.Wait(ctx, 20*time.Millisecond); err != nil {
			return Result{Outcome: journal.Failed, Reason: err.Error()}
		}
	}
	result := k.Merchant.Start(ctx, k.trial.ID, start)
	over := result.Outcome == journal.Failed || result.Code != ""
	for ends := k.Clock.Now().Add(turnPatience); !over && k.Clock.Now().Before(ends); {
		held, err := k.Turns.HoldsTurn(ctx, k.trial.ID)
		over = err != nil || !held || k.Clock.Wait(ctx, 50*time.Millisecond) != nil
	}
	if err := k.Turns.EndTurn(context.WithoutCancel(ctx), k.trial.ID); err != nil {
		result.Reason += " (its turn could not be given back: " + err.Error() + ")"
	}
	return result
}
