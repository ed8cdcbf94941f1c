package wechatpay

import (
	"errors"
	"strings"

	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// query tells an order's state (§3.2).
func (p *Provider) query(c call) (reply, *failure) {
	if refused := p.checkQueryAccount(c); refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, refused := p.queried(c)
	if refused != nil {
		return reply{}, refused
	}
	p.age(c.ctx, o)
	return reply{200, encode(o.transaction(p.told(c, o)))}, nil
}

// checkQueryAccount demands the asking merchant's own mchid in the query.
func (p *Provider) checkQueryAccount(c call) *failure {
	if named := queryOf(c.target).Get("mchid"); named != c.account.MchID {
		refused := badParam(place{Field: "mchid", Value: named, Issue: "mchid不匹配", Location: "query"}, "mchid不匹配")
		refused.internal = internalOtherMerchant
		return refused
	}
	return nil
}

// queried finds the order of a query; the sub orders of combined payments are
// not known here (§3.9). A transaction_id that is no number is a
// 500 in the provider's own table of codes (§6.1).
func (p *Provider) queried(c call) (*order, *failure) {
	var o *order
	if c.route.by == byTransaction {
		if strings.Trim(c.route.number, "0123456789") != "" {
			return nil, coded(0, "INVALID_TRANSACTIONID")
		}
		o = p.transactions[c.route.number]
		if o != nil && o.account != c.account {
			refused := orderNotExist()
			refused.internal = internalOtherMerchant
			return nil, refused
		}
	} else {
		o = p.lookUp(c.account, c.route.number)
	}
	if o == nil || o.whole != nil || o.poisoned || p.ports.Clock.Now().Sub(o.created) < p.options.QueryBlindFor.Std() {
		return nil, orderNotExist()
	}
	return o, nil
}

// told is the state a query is given. By its conduct an order says unpaid for
// a while after its capture; a close or a refund is never fooled by that.
func (p *Provider) told(c call, o *order) string {
	if o.state != stateSuccess || !o.behaviour.Lags(c.ctx) {
		return o.state
	}
	if o.scene == codepay {
		return stateUserPaying
	}
	return stateNotPay
}

// close ends an unpaid order (§3.3). 204 says only that it will not be paid
// any more: a number that never existed gets one too.
func (p *Provider) close(c call) (reply, *failure) {
	if refused := p.checkClose(c); refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return reply{status: 204}, p.closeNumber(c)
}

// closeNumber closes the order of a number, if there is one. The lock is held.
func (p *Provider) closeNumber(c call) *failure {
	o := p.lookUp(c.account, c.route.number)
	if o == nil {
		return p.closeUnknown(c)
	}
	if o.whole != nil {
		return invalid("该订单为合单子单，请使用合单关单接口")
	}
	if o.scene == codepay {
		return &failure{400, "INVALID_REQUEST", "该订单不支持关单，请使用撤销接口", internalUseReverse, nil}
	}
	p.age(c.ctx, o)
	if o.unpaid() && o.behaviour.RefusesClose(c.ctx) {
		return coded(0, "USER_PAYING") // not closed, ask again (§3.3)
	}
	p.captureLate(c, o)
	if o.captured() {
		return p.options.ClosePaid.or(orderPaid())
	}
	if err := p.end(c.ctx, o, "closed by the merchant"); err != nil {
		return systemError()
	}
	return nil
}

// checkClose reads the body of a close, which only names the merchant.
func (p *Provider) checkClose(c call) *failure {
	var asked orderParams
	if _, refused := fill(c.body, closeForm(), p.options.AllowUnknownMembers, &asked); refused != nil {
		return refused
	}
	return p.checkAccount(c, asked.MchID, nil)
}

// closeUnknown uses a number up that no order has: a prepay that was lost or is
// still on its way can then create none (§3.3).
func (p *Provider) closeUnknown(c call) *failure {
	if p.options.CloseUnknownRefused {
		return orderNotExist()
	}
	key := ledger.Key{Account: c.account.MchID, Reference: payment.MerchantReference(c.route.number)}
	p.orders[key] = &order{key: key, account: c.account, scene: native, state: stateClosed, poisoned: true,
		created: p.ports.Clock.Now()}
	return nil
}

// captureLate lets the shopper's money arrive in the instant before the close
// or reverse is acted on, if the order's conduct says so and the wallet can.
func (p *Provider) captureLate(c call, o *order) {
	p.adopt(o, c.trial)
	if !o.behaviour.Conduct().CaptureBeforeClose || !o.unpaid() || o.poisoned || o.trial == "" ||
		o.expired(p.ports.Clock.Now()) {
		return
	}
	if err := p.capture(c.ctx, o, o.trial); err == nil {
		o.behaviour.CapturedLate(c.ctx)
	}
}

// reverse undoes a barcode order whatever became of it (§3.6).
func (p *Provider) reverse(c call) (reply, *failure) {
	var asked orderParams
	if _, refused := fill(c.body, reverseForm(), p.options.AllowUnknownMembers, &asked); refused != nil {
		return reply{}, refused
	}
	if refused := p.checkAccount(c, asked.MchID, &asked.AppID); refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.lookUp(c.account, c.route.number)
	if refused := p.undo(c, o); refused != nil {
		return reply{}, refused
	}
	return reply{200, encode(struct {
		AppID      string `json:"appid"`
		MchID      string `json:"mchid"`
		OutTradeNo string `json:"out_trade_no"`
	}{o.params.AppID, o.params.MchID, o.params.OutTradeNo})}, nil
}

// undo reverses an order; there may be none. The lock is held.
func (p *Provider) undo(c call, o *order) *failure {
	switch {
	case o == nil:
		return orderNotExist()
	case o.scene != codepay:
		return invalid("该订单不支持撤销，请使用关单接口")
	case p.ports.Clock.Now().Sub(o.created) < p.options.ReverseNotBefore.Std():
		return invalid("请在支付15秒后再调用撤销接口")
	}
	p.age(c.ctx, o)
	p.captureLate(c, o)
	undone, err := p.Book.Reverse(c.ctx, o.key)
	if errors.Is(err, ledger.ErrRefunded) {
		return invalid("订单已发起退款，不支持撤销")
	}
	if err != nil {
		return systemError()
	}
	o.state, o.awaiting = stateRevoked, nil
	if undone.ProviderReference != "" {
		o.paid = undone
	}
	return nil
}
