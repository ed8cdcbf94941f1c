package wechatpay

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/providers/ledger"
)

// codepay captures from the barcode that the shopper shows (§3.6), or says that
// a password is needed, in one of the two ways that are reported. A code that
// is not accepted leaves the number unused; a refusal leaves the order at
// PAYERROR, to be tried again with a fresh code.
func (p *Provider) codepay(c call) (reply, *failure) {
	asked, print, refused := p.readOrder(c, codepayForm())
	if refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, refused := p.scanBarcode(c, asked, print)
	switch {
	case refused != nil:
		return reply{}, refused
	case o.state == stateUserPaying && p.options.PasswordNeeded202:
		return reply{}, coded(0, "USER_PAYING")
	}
	return reply{200, encode(o.transaction(o.state))}, nil
}

// scanBarcode finds or creates the order and tries to take its money. Without
// a refusal it is captured, or waits for the shopper's password. The lock is
// held.
func (p *Provider) scanBarcode(c call, asked orderParams, print [sha256.Size]byte) (*order, *failure) {
	o := p.lookUp(c.account, asked.OutTradeNo)
	if o != nil {
		if refused := p.reenterCodepay(c, o, print); refused != nil || o.state == stateUserPaying {
			return o, refused
		}
	}
	shown, refused := p.takeBarcode(asked.Payer.AuthCode)
	if refused != nil {
		return nil, refused
	}
	if o == nil {
		asked.Payer.AuthCode = ""
		if o, refused = p.create(c, asked, print); refused != nil {
			return nil, refused
		}
		o.expires = o.created.Add(orderLife)
		p.adopt(o, shown.owner)
	}
	return o, p.charge(c, o, shown)
}

// reenterCodepay decides on a number that is in use. A barcode order that is
// paid answers so even to the identical request: the pay call is not a query.
func (p *Provider) reenterCodepay(c call, o *order, print [sha256.Size]byte) *failure {
	p.age(c.ctx, o)
	switch {
	case o.captured():
		return p.options.PrepayPaid.or(orderPaid())
	case o.state == stateClosed && !o.poisoned, o.state == stateRevoked:
		return orderClosed()
	case o.print != print || o.poisoned:
		return p.mismatched()
	}
	return nil
}

// takeBarcode uses a barcode up. v3 spells these codes as v2 does, for want of
// better knowledge.
func (p *Provider) takeBarcode(text string) (*code, *failure) {
	shown, known := p.codes[text]
	switch {
	case !known || shown.used:
		return nil, &failure{400, "AUTH_CODE_INVALID", "付款码无效，请扫描微信支付的付款码", internalOther, nil}
	case p.ports.Clock.Now().After(shown.until):
		return nil, &failure{400, "AUTHCODEEXPIRE", "付款码已过期，请用户刷新付款码后重新扫码", internalOther, nil}
	}
	shown.used = true
	return shown, nil
}

// charge is one try to take the money. The lock is held.
func (p *Provider) charge(c call, o *order, shown *code) *failure {
	shown.order, o.state = o, stateNotPay
	if refused := p.refuses(c.ctx, o); refused != "" {
		o.state = statePayError
		return coded(0, refused)
	}
	if above := p.options.PasswordAbove; above > 0 && o.params.Amount.Total > above {
		o.state, o.awaiting, o.asked = stateUserPaying, shown, p.ports.Clock.Now()
		return nil
	}
	if after, fails, pends := o.behaviour.Pends(c.ctx); pends {
		o.state, o.awaiting, o.asked = stateUserPaying, shown, p.ports.Clock.Now()
		p.decideLater(c.ctx, o, after, fails)
		return nil
	}
	if err := p.capture(c.ctx, o, shown.owner); err != nil {
		o.state = statePayError
		if !errors.Is(err, ledger.ErrNotEnough) {
			return systemError()
		}
		if err := p.Book.Decline(c.ctx, o.key, "NOT_ENOUGH"); err != nil {
			return systemError()
		}
		return coded(0, "NOT_ENOUGH")
	}
	if o.behaviour.HidesOutcome(c.ctx) {
		return systemError()
	}
	return nil
}

// decideLater has the shopper of an order at USERPAYING type the password after a
// while, or walk away (§4.1). Whoever reverses it first is the first.
func (p *Provider) decideLater(ctx context.Context, o *order, after time.Duration, fails bool) {
	asked := trace.SpanContextFromContext(ctx)
	p.Agenda.After(o.trial, after, func(ctx context.Context) {
		ctx = trace.ContextWithSpanContext(ctx, asked)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.age(ctx, o)
		if o.state != stateUserPaying || o.awaiting == nil {
			return
		}
		payer := o.awaiting.owner
		if !fails && p.capture(ctx, o, payer) == nil {
			return
		}
		if p.Book.Decline(ctx, o.key, "the shopper did not confirm") == nil {
			o.state, o.awaiting = statePayError, nil
		}
	})
}
