package wechatpay

import (
	"crypto/sha256"
	"errors"

	"github.com/payquake/payquake/providers/ledger"
)

// codepay captures from the barcode that the shopper shows (§3.6). A code that
// is not accepted leaves the number unused; a refusal leaves the order at
// PAYERROR, to be tried again with a fresh code.
func (p *Provider) codepay(c call) (reply, *failure) {
	asked, print, refused := p.readOrder(c, codepayForm())
	if refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.lookUp(c.account, asked.OutTradeNo)
	if o != nil {
		if refused := p.reenterCodepay(c, o, print); refused != nil {
			return reply{}, refused
		}
		if o.state == stateUserPaying {
			return p.awaitPassword(o)
		}
	}
	shown, refused := p.takeBarcode(asked.Payer.AuthCode)
	if refused != nil {
		return reply{}, refused
	}
	if o == nil {
		asked.Payer.AuthCode = ""
		if o, refused = p.create(c, asked, print); refused != nil {
			return reply{}, refused
		}
		o.expires = o.created.Add(orderLife)
		p.adopt(o, shown.owner)
	}
	return p.charge(c, o, shown)
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
func (p *Provider) charge(c call, o *order, shown *code) (reply, *failure) {
	shown.order, o.state = o, stateNotPay
	if refused := p.refuses(c.ctx, o); refused != "" {
		o.state = statePayError
		return reply{}, coded(0, refused)
	}
	if above := p.options.PasswordAbove; above > 0 && o.params.Amount.Total > above {
		o.state, o.awaiting, o.asked = stateUserPaying, shown, p.ports.Clock.Now()
		return p.awaitPassword(o)
	}
	if err := p.capture(c.ctx, o, shown.owner); err != nil {
		o.state = statePayError
		if !errors.Is(err, ledger.ErrNotEnough) {
			return reply{}, systemError()
		}
		if err := p.book.Decline(c.ctx, o.key, "NOT_ENOUGH"); err != nil {
			return reply{}, systemError()
		}
		return reply{}, coded(0, "NOT_ENOUGH")
	}
	if o.behaviour.HidesOutcome(c.ctx) {
		return reply{}, systemError()
	}
	return reply{200, encode(o.transaction(o.state))}, nil
}

// awaitPassword says that the shopper is being asked for a password, in one of
// the two ways that are reported (§3.6, §11).
func (p *Provider) awaitPassword(o *order) (reply, *failure) {
	if p.options.PasswordNeeded202 {
		return reply{}, coded(0, "USER_PAYING")
	}
	return reply{200, encode(o.transaction(stateUserPaying))}, nil
}
