package unionpay

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// refund accepts a refund (04/00). 00 means accepted: the money moves later,
// and its notification or a query says so (§7, §12).
func (p *Provider) refund(c call) (reply, *failure) {
	amount, refused := c.asked.amount()
	if refused != nil {
		return reply{}, refused
	}
	o, refused := p.origin(c)
	if refused != nil {
		return reply{}, refused
	}
	u := p.undoing(c, o)
	request := ledger.RefundRequest{Payment: o.key, Reference: payment.RefundReference(u.key.Reference), Amount: amount,
		ProviderReference: u.queryID}
	made, _, err := p.Book.Refund(c.ctx, request)
	switch {
	case errors.Is(err, ledger.ErrBeyondCapture):
		return reply{}, p.beyond(o)
	case err != nil:
		return reply{}, refuse(codeOriginal, "")
	}
	u.refund = made.RefundKey
	p.enter(u)
	asked := trace.SpanContextFromContext(c.ctx)
	p.Agenda.After(o.trial, p.delay+o.behaviour.RefundTakes(c.ctx), func(ctx context.Context) {
		p.finish(trace.ContextWithSpanContext(ctx, asked), u)
	})
	if o.behaviour.HidesOutcome(c.ctx) {
		return reply{}, refuse(codeTimeout, "")
	}
	return accepted(u.receipt()), nil
}

// origin finds the payment that a refund or void names, which must be paid and
// agree with everything else that the request says of it (§12).
func (p *Provider) origin(c call) (*order, *failure) {
	t := p.byQueryID[c.asked["origQryId"]]
	if t == nil || t.order == nil || t.account != c.account {
		return nil, refuse(codeOriginal, "origQryId")
	}
	o := t.order
	for given, original := range map[string]string{"origOrderId": "orderId", "origTxnTime": "txnTime"} {
		if c.asked[given] != "" && c.asked[given] != o.asked[original] {
			return nil, refuse(codeMismatch, given)
		}
	}
	switch o.state {
	case paid:
		return o, nil
	case voided:
		return nil, refuse(codeUndone, "")
	case reversed:
		return nil, refuse(codeReversed, "")
	default:
		return nil, refuse(codeOriginal, "")
	}
}

// beyond tells a payment that was refunded in full, 45, from one that has too
// little left (§12).
func (p *Provider) beyond(o *order) *failure {
	if known, err := p.Book.Payment(o.key); err == nil && known.Refunding == known.Amount {
		return refuse(codeUndone, "")
	}
	return refuse(or(p.options.OverRefund, codeMismatch), "txnAmt")
}

// undoing is a numbered refund or void that is not yet known to anybody.
func (p *Provider) undoing(c call, o *order) *undo {
	t := &trade{key: keyOf(c.asked), account: c.account, asked: c.asked, at: p.ports.Clock.Now(), traceNo: p.nextTrace()}
	t.queryID = p.options.newQueryID(t.traceNo, t.at)
	u := &undo{trade: t, origin: o}
	t.undo = u
	return u
}

// enter makes a refund or void known by its orderId and its queryId.
func (p *Provider) enter(u *undo) { p.trades[u.key], p.byQueryID[u.queryID] = u.trade, u.trade }

// receipt is what the answer to an accepted refund or void says.
func (u *undo) receipt() fields {
	values := u.asked.echoed("currencyCode", "origOrderId", "origQryId", "origTxnTime", "txnAmt")
	values["queryId"] = u.queryID
	return values
}

// finish gives the money back and begins to say so.
func (p *Provider) finish(ctx context.Context, u *undo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := p.Book.Finish
	if u.origin.behaviour.RefundFails(ctx) != "" { // a card that is gone: nothing waits in between here
		end = p.Book.Refuse
	}
	done, err := end(ctx, u.refund)
	if err != nil {
		return // the book never took it: it was not accepted
	}
	p.notifyUndone(ctx, u, ledger.AboutRefund(done, u.origin.paid.ProviderReference))
}

// void cancels a payment whole, on its clearing day (31/00, §12).
func (p *Provider) void(c call) (reply, *failure) {
	amount, refused := c.asked.amount()
	if refused != nil {
		return reply{}, refused
	}
	o, refused := p.origin(c)
	switch {
	case refused != nil:
		return reply{}, refused
	case amount != o.amount():
		return reply{}, refuse(codeMismatch, "txnAmt")
	case !p.sameDay(o):
		return reply{}, refuse(or(p.options.LateVoid, codeOriginal), "")
	}
	undone, refused := p.takeBack(c.ctx, o, voided)
	if refused != nil {
		return reply{}, refused
	}
	u := p.undoing(c, o)
	p.enter(u)
	p.notifyUndone(c.ctx, u, ledger.AboutPayment(undone))
	return accepted(u.receipt()), nil
}

// sameDay reports whether the payment's clearing day is not over.
func (p *Provider) sameDay(o *order) bool {
	at := o.created
	if o.state == paid {
		at = o.paid.CapturedAt
	}
	return clearingDay(at).Equal(clearingDay(p.ports.Clock.Now()))
}

// takeBack reverses a payment in the book. One with refunds is 45.
func (p *Provider) takeBack(ctx context.Context, o *order, becomes state) (ledger.Payment, *failure) {
	undone, err := p.Book.Reverse(ctx, o.key)
	switch {
	case errors.Is(err, ledger.ErrRefunded):
		return ledger.Payment{}, refuse(codeUndone, "")
	case err != nil:
		return ledger.Payment{}, refuse(codeGeneric, "")
	}
	o.state = becomes
	return undone, nil
}

// reverse undoes a payment whose result its merchant does not know (99/01). It
// names the original's own triple, and an order that nobody has paid yet can
// then never be paid (§12). Only the answer tells of it.
func (p *Provider) reverse(c call) (reply, *failure) {
	t := p.queried(c.asked)
	if t == nil {
		return reply{}, refuse(codeNone, "")
	}
	if t.order == nil {
		return reply{}, refuse(codeOriginal, "")
	}
	o := t.order
	p.captureLate(c, o)
	p.age(c.ctx, o)
	switch {
	case o.state == voided:
		return reply{}, refuse(codeUndone, "")
	case o.state == reversed:
		return reply{}, refuse(codeReversed, "")
	case o.state != unpaid && o.state != paid:
		return reply{}, refuse(codeOriginal, "")
	case !p.sameDay(o):
		return reply{}, refuse(or(p.options.LateVoid, codeOriginal), "")
	}
	if _, refused := p.takeBack(c.ctx, o, reversed); refused != nil {
		return reply{}, refused
	}
	return accepted(nil), nil
}
