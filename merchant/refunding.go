package merchant

import (
	"context"
	"fmt"
	"strings"

	"github.com/payquake/payquake/payment"
)

// RefundRequest asks to give back some or all of a paid order. RequestID is
// an idempotency key within the order.
type RefundRequest struct {
	RequestID string        `json:"request_id"`
	Amount    payment.Money `json:"amount"`
}

// RequestRefund stores a refund of a paid order; the workers make it. It
// fails with ErrInvalid for an amount beyond what is left, ErrConflict when
// the order is not paid or the id was used for another amount, and ErrBusy
// while goods are on their way out that a full refund should hold back.
func (c *Checkout) RequestRefund(ctx context.Context, orderID string, r RefundRequest) (RefundView, error) {
	if r.RequestID == "" || r.Amount.Minor < 1 {
		return RefundView{}, fmt.Errorf("request refund: request_id and a positive amount are needed: %w", ErrInvalid)
	}
	if strings.HasPrefix(r.RequestID, automaticPrefix) {
		return RefundView{}, fmt.Errorf("request refund: request ids beginning with %q are the shop's own: %w", automaticPrefix, ErrInvalid)
	}
	var made *refund
	unlocked, err := c.refundsBeforehand(ctx, orderID)
	if err != nil {
		return RefundView{}, fmt.Errorf("request refund: %w", err)
	}
	err = c.onOrder(ctx, orderID, func(t *tx, o *order) error {
		all, err := t.refunds(o.id)
		if err != nil {
			return err
		}
		for _, known := range all {
			if known.requestID == r.RequestID {
				made = known
				if known.amount != r.Amount {
					return fmt.Errorf("request_id %q was used for %s: %w", r.RequestID, known.amount, ErrConflict)
				}
				return nil
			}
		}
		c.wakeAfter(t, "refunds")
		if unlocked != nil {
			all = *unlocked
		}
		made, err = c.storeRefund(t, o, all, r)
		return err
	})
	if err != nil {
		return RefundView{}, fmt.Errorf("request refund: %w", err)
	}
	return made.view(), nil
}

// refundsBeforehand reads an order's refunds outside of its lock, a while before they
// are looked at; nil if the policy is right.
func (c *Checkout) refundsBeforehand(ctx context.Context, orderID string) (read *[]*refund, err error) {
	gap := c.policy.CheckRefundOutside()
	if gap == 0 {
		return nil, nil
	}
	var all []*refund
	err = c.store.update(ctx, func(t *tx) (err error) {
		all, err = t.refunds(orderID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &all, c.clock.Wait(ctx, gap)
}

// notRefused reports whether a refund counts against what is left: one that
// is undecided does, because it may have happened.
func notRefused(s payment.RefundState) bool { return s != payment.RefundRefused }

// storeRefund checks and stores a refund under the order's lock, so that two
// requests at once cannot both see the same money left.
func (c *Checkout) storeRefund(t *tx, o *order, all []*refund, r RefundRequest) (*refund, error) {
	if o.state != payment.OrderPaid {
		return nil, fmt.Errorf("order is %s: %w", o.state, ErrConflict)
	}
	p, err := t.pay(o.paidBy)
	if err != nil {
		return nil, err
	}
	taken, err := refundedOf(all, p.id, notRefused)
	if err != nil {
		return nil, err
	}
	after, err := taken.Add(r.Amount)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	beyond, err := after.Compare(p.captured)
	if err != nil || beyond > 0 {
		return nil, fmt.Errorf("%s of %s are refunded or under way, %s more is too much: %w", taken, p.captured, r.Amount, ErrInvalid)
	}
	if beyond == 0 {
		if err := c.holdRelease(t, o); err != nil {
			return nil, err
		}
	}
	made, err := c.newRefund(o, p, causeAsked, r.Amount)
	if err != nil {
		return nil, err
	}
	made.requestID = r.RequestID
	_, err = t.insertRefund(made)
	return made, err
}

// advanceRefund does the next step of an unfinished refund.
func (c *Checkout) advanceRefund(ctx context.Context, id string) error {
	var r *refund
	read := c.store.reads.QueryRowContext(ctx, c.store.bind("SELECT "+refundColumns+" FROM refunds WHERE id = ?"), id)
	r, err := scanRefund(read)
	if err != nil {
		return err
	}
	p, o, err := c.readPay(ctx, r.paymentID)
	if err != nil {
		return err
	}
	provider, err := c.provider(r.provider)
	if err != nil {
		return err
	}
	ctx = inTraceOf(ctx, o)
	if r.state == payment.RefundProcessing || r.tries >= c.timers.Tries {
		answer := c.askRefund(ctx, p, r, provider)
		if r.state == payment.RefundProcessing || answer.Class != NotFound {
			return c.onRefund(ctx, r, func(t *tx, o *order, fresh *refund) error { return c.bookRefundAsked(t, o, fresh, answer) })
		}
		if c.tooOld(r) {
			return c.onRefund(ctx, r, func(t *tx, _ *order, fresh *refund) error { return c.bookRefundAbsent(t, fresh) })
		}
		r.absentAt = c.clock.Now()
	}
	if r.state.Terminal() {
		return nil
	}
	return c.sendRefund(ctx, p, r, provider)
}

// onRefund runs f on the refund as it is under its order's lock.
func (c *Checkout) onRefund(ctx context.Context, r *refund, f func(*tx, *order, *refund) error) error {
	return c.onOrder(ctx, r.orderID, func(t *tx, o *order) error {
		fresh, err := t.refund(r.id)
		if err != nil {
			return err
		}
		return f(t, o, fresh)
	})
}

func (c *Checkout) askRefund(ctx context.Context, p *pay, r *refund, provider Provider) RefundAnswer {
	limited, cancel := c.bounded(ctx)
	defer cancel()
	return provider.QueryRefund(limited, r.asked(p))
}

// sendRefund counts the try durably and sends the stored request. The count
// comes first: a refusal is trusted only of a first try, so a try that a crash
// hid must not look like none.
func (c *Checkout) sendRefund(ctx context.Context, p *pay, r *refund, provider Provider) error {
	if reference := c.policy.RetryRefundAs(r.reference); r.tries > 0 && reference != r.reference {
		r.reference = reference
		request, err := provider.PrepareRefund(refundIntent(p, r))
		if err != nil {
			return err
		}
		r.request = request
	}
	r.tries++
	err := c.store.update(ctx, func(t *tx) error {
		return t.exec("UPDATE refunds SET reference = ?, request_path = ?, request_body = ?, tries = ?, absent_at = ? WHERE id = ?",
			string(r.reference), r.request.Path, r.request.Body, r.tries, nanos(r.absentAt), r.id)
	})
	if err != nil {
		return fmt.Errorf("count try of refund %s: %w", r.reference, err)
	}
	limited, cancel := c.bounded(ctx)
	answer := provider.Refund(limited, r.asked(p), r.request)
	cancel()
	return c.onRefund(ctx, r, func(t *tx, o *order, fresh *refund) error { return c.bookRefundSent(t, o, fresh, answer) })
}

// bookRefundSent books the answer to a refund request. Accepted is not done,
// and unanswered is not refused.
func (c *Checkout) bookRefundSent(t *tx, o *order, r *refund, answer RefundAnswer) error {
	now := c.clock.Now()
	if r.state.Terminal() {
		return nil
	}
	if answer.Outcome == OK {
		return c.bookRefundAsked(t, o, r, answer)
	}
	due := now.Add(c.timers.backoff(r.tries))
	switch {
	case r.state == payment.RefundProcessing: // a notification was faster
		due = now.Add(wait(c.timers.RefundQueryEvery))
	case answer.Outcome == Indeterminate && c.tooOld(r):
		due = now // ask from now on; giving up takes proof
	case answer.Outcome == Indeterminate:
	case answer.Class == NotEnough && c.tooOld(r):
		return c.handOverRefund(t, r, "never accepted: "+answer.Detail)
	case answer.Class == NotEnough:
		due = now.Add(wait(c.timers.RefundQueryEvery))
	case answer.Class == NotFound && r.tries < c.timers.Tries: // a replica may lag
	case r.tries > 1 && r.absentAt.IsZero():
		// Refused now, but an earlier try may have been accepted: ask first.
		r.tries, due = max(r.tries, c.timers.Tries), now
	case answer.Class == Offline:
		return c.handOverRefund(t, r, answer.Detail)
	default:
		return c.refuse(t, o, r, answer.Detail)
	}
	return t.scheduleRefund(r, due)
}

// bookRefundAsked books what the provider says of a refund, if it says
// anything, and schedules the next query.
func (c *Checkout) bookRefundAsked(t *tx, o *order, r *refund, answer RefundAnswer) error {
	r.asks++
	if answer.Outcome == OK {
		if err := c.bookRefund(t, o, r, answer.Report); err != nil {
			return err
		}
	}
	if r.state.Terminal() {
		return nil
	}
	now := c.clock.Now()
	due := now.Add(wait(c.timers.RefundQueryEvery))
	if r.state == payment.RefundRequested {
		due = now.Add(c.timers.backoff(r.asks))
	}
	return t.scheduleRefund(r, due)
}

// tooOld reports whether a refund was never accepted for so long, and tried so
// often, that people should look at it. Age alone says nothing: a shop that was
// busy or away has not tried.
func (c *Checkout) tooOld(r *refund) bool {
	return r.tries >= c.timers.Tries && c.clock.Now().Sub(r.createdAt) >= wait(c.timers.RefundGiveUpAfter)
}

// bookRefundAbsent books that the provider does not know a refund that is too
// old to be sent again. Not knowing what became of it would be no reason to
// give it up: the money may have moved. Two absences far enough apart are
// proof that it did not; one may come from a replica that lags.
func (c *Checkout) bookRefundAbsent(t *tx, r *refund) error {
	now := c.clock.Now()
	switch {
	case r.state.Terminal():
		return nil
	case !r.absentAt.IsZero() && now.Sub(r.absentAt) >= wait(c.timers.AbsentGap):
		return c.handOverRefund(t, r, "never accepted: the provider does not know it")
	case r.absentAt.IsZero():
		r.absentAt = now
	}
	return t.scheduleRefund(r, now.Add(wait(c.timers.AbsentGap)))
}
