package merchant

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/payquake/payquake/payment"
)

// book is the one place where what a provider says of a payment becomes what
// we believe. It runs under the order's lock, so that the check and the act
// are one; said twice, it changes nothing.
func (c *Checkout) book(t *tx, o *order, p *pay, trade Trade) error {
	switch trade.Standing {
	case Paid:
		return c.capture(t, o, p, trade)
	case Ended:
		if p.state != payment.Pending {
			return nil // an ended payment that we had seen paid was refunded or reversed
		}
		if p.barcode() && trade.ProviderReference != "" && !trade.PaidAt.IsZero() {
			return c.bookReversed(t, o, p, trade)
		}
		return c.endUnpaid(t, o, p, payment.Closed)
	default:
		return nil // unpaid and deciding are news only of the present
	}
}

// capture books money that was taken. Where it belongs depends on the order:
// an open one is paid by it; a closed one is never reopened, since its goods
// may be sold, and one already paid needs no second payment, so the money
// goes back by itself.
func (c *Checkout) capture(t *tx, o *order, p *pay, trade Trade) error {
	if !p.state.MayBecome(payment.Captured) || p.state == payment.Captured {
		return nil
	}
	if p.state != payment.Pending && !c.policy.BookLate() {
		return nil
	}
	now := c.clock.Now()
	p.providerReference, p.captured, p.capturedAt = trade.ProviderReference, trade.Amount, trade.PaidAt
	if p.capturedAt.IsZero() {
		p.capturedAt = now
	}
	if err := t.movePay(p, payment.Captured); err != nil {
		return err
	}
	switch {
	case !c.policy.AmountMatches(p.amount, trade.Amount):
		if err := t.wakeOrder(o, c.expiry(o)); err != nil {
			return err
		}
		return c.giveBack(t, o, p, causeWrongAmount)
	case o.state == payment.OrderOpen:
		return c.pays(t, o, p)
	case o.state == payment.OrderClosed:
		return c.giveBack(t, o, p, causeLate)
	case c.policy.ReturnSecond():
		return c.giveBack(t, o, p, causeSecond)
	default:
		return nil
	}
}

// pays makes an open order paid and lets its goods go, in one transaction: a
// crash leaves both or neither. The release's key is the order's, so that
// however often it is sent, goods leave once.
func (c *Checkout) pays(t *tx, o *order, p *pay) error {
	now := c.clock.Now()
	if err := t.moveOrder(o, payment.OrderPaid, now); err != nil {
		return err
	}
	o.paidBy = p.id
	if err := t.exec("UPDATE orders SET paid_by = ? WHERE id = ?", p.id, o.id); err != nil {
		return fmt.Errorf("note what paid order %s: %w", o.id, err)
	}
	if c.settings.FulfilmentURL == "" {
		return nil
	}
	if gap := c.policy.CommitTwice(); gap > 0 {
		c.releaseLater(t, o.id, gap)
		return nil
	}
	c.wakeAfter(t, "releases")
	return t.insertRelease(o.id, "release-"+o.id, now.Add(c.policy.ReleasesAfter()))
}

// releaseLater lets goods go in a transaction of its own. Only a wrong Policy comes
// here.
func (c *Checkout) releaseLater(t *tx, orderID string, gap time.Duration) {
	ctx := context.WithoutCancel(t.ctx)
	t.committed = append(t.committed, func() {
		go func() {
			if c.clock.Wait(ctx, gap) != nil {
				return
			}
			err := c.store.update(ctx, func(t *tx) error {
				c.wakeAfter(t, "releases")
				return t.insertRelease(orderID, "release-"+orderID, c.clock.Now())
			})
			if err != nil {
				slog.Error("release in a second transaction", "order", orderID, "error", err)
			}
		}()
	})
}

// endUnpaid ends a payment without money and lets its order expire if nothing
// else is under way.
func (c *Checkout) endUnpaid(t *tx, o *order, p *pay, state payment.State) error {
	again, err := c.recreates(t, o, p)
	if err != nil {
		return err
	}
	if err := t.movePay(p, state); err != nil {
		return err
	}
	if again && state == payment.Closed {
		return c.recreate(t, o, p)
	}
	return t.wakeOrder(o, c.expiry(o))
}

// bookReversed books a barcode payment of which our reversal gave the money
// back: it was captured and returned. The order was never paid by it.
func (c *Checkout) bookReversed(t *tx, o *order, p *pay, trade Trade) error {
	p.providerReference, p.captured, p.capturedAt = trade.ProviderReference, trade.Amount, trade.PaidAt
	if err := t.movePay(p, payment.Captured); err != nil {
		return err
	}
	return c.endUnpaid(t, o, p, payment.Returned)
}

// automaticPrefix begins the request ids of refunds that nobody asked for. The
// shop's API refuses it, or a shopper could take such an id beforehand and
// swallow the refund.
const automaticPrefix = "automatic-"

// giveBack stores a refund nobody asked for of a whole capture. Its request id
// is made of the payment, so that there is one however often it is stored.
func (c *Checkout) giveBack(t *tx, o *order, p *pay, cause string) error {
	if c.policy.KeepsBalances() && p.captured.Minor > 0 {
		return t.credit(o, p, c.clock.Now())
	}
	if !c.policy.GivesBack() {
		if err := t.movePay(p, payment.HandedOver); err != nil {
			return err
		}
		return t.handOver(p, nil, cause, c.clock.Now())
	}
	r, err := c.newRefund(o, p, cause, p.captured)
	if err != nil {
		// No request can be written for it (no amount, say): people must.
		if err := t.movePay(p, payment.HandedOver); err != nil {
			return err
		}
		return t.handOver(p, nil, cause+": "+err.Error(), c.clock.Now())
	}
	r.requestID = automaticPrefix + cause + "-" + p.id
	r.dueAt = r.createdAt.Add(c.policy.GivesBackAfter())
	c.wakeAfter(t, "refunds")
	_, err = t.insertRefund(r)
	return err
}

func (c *Checkout) newRefund(o *order, p *pay, cause string, amount payment.Money) (*refund, error) {
	provider, err := c.provider(p.provider)
	if err != nil {
		return nil, err
	}
	r := &refund{
		id: newID("F"), orderID: o.id, paymentID: p.id, provider: p.provider, amount: amount, cause: cause,
		reference: payment.RefundReference(newID("R")), state: payment.RefundRequested, createdAt: c.clock.Now(),
	}
	r.dueAt = r.createdAt
	r.request, err = provider.PrepareRefund(refundIntent(p, r))
	return r, err
}

func refundIntent(p *pay, r *refund) RefundIntent {
	return RefundIntent{
		Payment: p.reference, Refund: r.reference, Amount: r.amount, Captured: p.captured, Reason: r.cause,
		ProviderReference: p.providerReference, Request: p.request,
	}
}

// bookRefund is to refunds what book is to payments.
func (c *Checkout) bookRefund(t *tx, o *order, r *refund, report RefundReport) error {
	// What was handed over or refused is still booked when the money did go back.
	lateNews := (r.state == payment.RefundHandedOver || r.state == payment.RefundRefused) && report.State == payment.RefundDone && report.Amount == r.amount
	if r.state.Terminal() && !lateNews {
		return nil
	}
	now := c.clock.Now()
	r.providerReference = report.ProviderReference
	report.State = c.policy.RefundState(report.State)
	switch {
	case report.Amount != r.amount:
		return c.handOverRefund(t, r, fmt.Sprintf("provider refunds %s instead of %s", report.Amount, r.amount))
	case report.State == payment.RefundProcessing:
		return t.moveRefund(r, payment.RefundProcessing, now.Add(wait(c.timers.RefundQueryEvery)))
	case report.State == payment.RefundDone:
		if err := t.moveRefund(r, payment.RefundDone, instant(0)); err != nil {
			return err
		}
		return c.countRefund(t, o, r)
	case report.State == payment.RefundRefused:
		return c.refuse(t, o, r, "provider ended the refund without effect")
	default:
		return c.handOverRefund(t, r, "provider cannot pay the money out")
	}
}

// refuse ends a refund that surely did not happen. One that was asked for may
// be asked for again; an automatic one has nobody to ask, so people get it.
func (c *Checkout) refuse(t *tx, o *order, r *refund, reason string) error {
	if r.automatic() {
		return c.handOverRefund(t, r, reason)
	}
	if err := t.moveRefund(r, payment.RefundRefused, instant(0)); err != nil {
		return err
	}
	// Goods held back for the sake of this refund may leave after all.
	c.wakeAfter(t, "releases")
	err := t.exec("UPDATE releases SET next_action_at = ? WHERE order_id = ? AND released_at = 0",
		c.clock.Now().UnixNano(), o.id)
	if err != nil {
		return fmt.Errorf("resume release of order %s: %w", o.id, err)
	}
	return nil
}

// handOverRefund gives a refund to people, and with an automatic one the
// payment whose money does not belong to us.
func (c *Checkout) handOverRefund(t *tx, r *refund, reason string) error {
	if err := t.moveRefund(r, payment.RefundHandedOver, instant(0)); err != nil {
		return err
	}
	p, err := t.pay(r.paymentID)
	if err != nil {
		return err
	}
	if r.automatic() {
		if err := t.movePay(p, payment.HandedOver); err != nil {
			return err
		}
	}
	return t.handOver(p, r, r.cause+" refund: "+reason, c.clock.Now())
}

// countRefund books what a done refund means for its payment and its order. A
// payment is returned, and an order refunded, only when all of it went back.
func (c *Checkout) countRefund(t *tx, o *order, r *refund) error {
	p, err := t.pay(r.paymentID)
	if err != nil {
		return err
	}
	all, err := t.refunds(o.id)
	if err != nil {
		return err
	}
	done, err := refundedOf(all, p.id, func(s payment.RefundState) bool { return s == payment.RefundDone })
	if err != nil {
		return err
	}
	if done == p.captured && p.state == payment.Captured {
		if err := t.movePay(p, payment.Returned); err != nil {
			return err
		}
	}
	if o.paidBy != p.id {
		return nil // second and wrong captures are not the order's money
	}
	refunded := c.policy.CountRefunded(done, p.captured)
	if err := t.exec("UPDATE orders SET refunded_minor = ? WHERE id = ?", refunded.Minor, o.id); err != nil {
		return fmt.Errorf("count refund of order %s: %w", o.id, err)
	}
	if refunded != p.captured {
		return nil
	}
	return t.moveOrder(o, payment.OrderRefunded, c.clock.Now())
}

// refundedOf sums the refunds of one payment that are in a wanted state.
func refundedOf(all []*refund, paymentID string, wanted func(payment.RefundState) bool) (payment.Money, error) {
	var sum payment.Money
	for _, r := range all {
		if r.paymentID != paymentID || !wanted(r.state) {
			continue
		}
		next, err := sum.Add(r.amount)
		if err != nil {
			return sum, fmt.Errorf("sum refunds: %w", err)
		}
		sum = next
	}
	return sum, nil
}
