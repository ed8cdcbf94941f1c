package providers

import (
	"context"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// Hesitates is how long the shopper looks at the open code before confirming.
func (b *Behaviour) Hesitates(ctx context.Context) time.Duration {
	if b == nil || b.conduct.Hesitates == 0 {
		return 0
	}
	b.shown(ctx, "late-by-hours")
	return b.conduct.Hesitates
}

// Pends reports, once, whether a pay-type call is answered as pending, how long the
// shopper takes then, and whether the payment fails in the end.
func (b *Behaviour) Pends(ctx context.Context) (after time.Duration, fails, pends bool) {
	if b == nil || b.conduct.PendingFor == 0 || b.pended {
		return 0, false, false
	}
	b.pended = true
	b.shown(ctx, "pending-then-paid")
	b.shown(ctx, "pending-then-failed")
	return b.conduct.PendingFor, b.conduct.PendingFails, true
}

// RefusesClose reports whether this close is refused because the shopper is paying.
func (b *Behaviour) RefusesClose(ctx context.Context) bool {
	if b == nil || b.closes >= b.conduct.ClosesRefused {
		return false
	}
	b.closes++
	b.shown(ctx, "close-user-paying")
	return true
}

// TellsFirst reports whether a pay-type call is answered only after its
// notification was delivered.
func (b *Behaviour) TellsFirst(ctx context.Context) bool {
	if b == nil || !b.conduct.NotifyEarly {
		return false
	}
	b.shown(ctx, "notify-early")
	return true
}

// TellsLate is how long a notification is put off.
func (b *Behaviour) TellsLate(ctx context.Context) time.Duration {
	if b == nil || b.conduct.NotifyAfter == 0 {
		return 0
	}
	b.shown(ctx, "notify-late")
	return b.conduct.NotifyAfter
}

// Overtaken notes that a refund was told of before its payment.
func (b *Behaviour) Overtaken(ctx context.Context) { b.shown(ctx, "notify-out-of-order") }

// TellsFailure reports whether a payment that failed, or was closed, is told of.
func (b *Behaviour) TellsFailure(ctx context.Context) bool {
	if b == nil || !b.conduct.NotifyFailure {
		return false
	}
	b.shown(ctx, "notify-failure")
	return true
}

// RefundTakes is how much longer than usual a refund is under way.
func (b *Behaviour) RefundTakes(ctx context.Context) time.Duration {
	if b == nil || b.conduct.RefundTakes == 0 {
		return 0
	}
	b.shown(ctx, "refund-processing")
	return b.conduct.RefundTakes
}

// RefundFails is how the refund that ends now fails; "" if it does not.
func (b *Behaviour) RefundFails(ctx context.Context) faults.RefundFails {
	if b == nil || b.refunds >= b.conduct.RefundsFail {
		return ""
	}
	b.refunds++
	b.shown(ctx, "refund-fails-after-accept")
	return b.conduct.RefundFails
}

// Coupon is the provider's own part of a price: nothing, or at least one minor unit
// and less than all.
func (b *Behaviour) Coupon(ctx context.Context, price payment.Money) payment.Money {
	none := payment.Money{Currency: price.Currency}
	if b == nil || b.conduct.CouponPercent == 0 || price.Minor < 2 {
		return none
	}
	b.shown(ctx, "promotion")
	none.Minor = max(price.Minor*int64(b.conduct.CouponPercent)/100, 1)
	return none
}

// Finishes reports whether a payment is finished: at once, or after some time (0:
// never).
func (b *Behaviour) Finishes(ctx context.Context) (now bool, after time.Duration) {
	if b == nil || (!b.conduct.FinishAtOnce && b.conduct.FinishAfter == 0) {
		return false, 0
	}
	b.shown(ctx, "final-state-word")
	return b.conduct.FinishAtOnce, b.conduct.FinishAfter
}

// Now is the time by the clock of the provider, as far as this payment is shown it.
func (b *Behaviour) Now(ctx context.Context, now time.Time) time.Time {
	if b == nil || b.conduct.Skew == 0 {
		return now
	}
	b.shown(ctx, "clock-skew")
	return now.Add(b.conduct.Skew)
}
