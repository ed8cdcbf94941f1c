package wechatpay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// A combined payment is one payment for the orders of several shops (§3.9).
// The whole is an order that is not in the book: it has the code, the state
// and the behaviour. Each sub order is an order of its own in the book, of its
// own merchant, with its own transaction_id. All of them are paid at once or
// none is.

// combinedAsk is a combined prepay that passed the checks of its body.
type combinedAsk struct {
	combinedParams
	expires time.Time
	// print is a hash of all parameters, unsettled of all but settle_info, whose
	// mismatch has a text of its own.
	print, unsettled [sha256.Size]byte
}

// prepayCombined creates a combined payment, or re-enters one (§3.9, §4.3).
func (p *Provider) prepayCombined(c call) (reply, *failure) {
	asked, refused := p.readCombined(c)
	if refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	whole := p.wholes[wholeKey(c.account, asked.OutTradeNo)]
	if whole == nil {
		whole, refused = p.createCombined(c, asked)
	} else {
		refused = p.reenterCombined(c, whole, asked)
	}
	if refused != nil {
		return reply{}, refused
	}
	return reply{200, p.issue(whole).json()}, nil
}

// wholeKey names a combined payment. Its numbers are a name space of their
// own: nothing in the documents forbids one that an ordinary order has.
func wholeKey(who *account, number string) ledger.Key {
	return ledger.Key{Account: who.MchID, Reference: payment.MerchantReference(number)}
}

// readCombined checks what must hold before any order's state is looked at.
func (p *Provider) readCombined(c call) (combinedAsk, *failure) {
	var asked combinedAsk
	value, refused := fill(c.body, combinedForm(c.route.scene), p.options.AllowUnknownMembers, &asked.combinedParams)
	if refused != nil {
		return asked, refused
	}
	if refused := p.checkCombinedAccounts(c, asked.combinedParams); refused != nil {
		return asked, refused
	}
	if refused := p.checkNotifyURL(asked.NotifyURL); refused != nil {
		return asked, refused
	}
	if _, refused := moment("/time_start", asked.TimeStart); refused != nil {
		return asked, refused
	}
	if asked.expires, refused = p.expiry(asked.TimeExpire); refused != nil {
		return asked, refused
	}
	asked.print = fingerprint("combined "+c.route.scene, value)
	asked.unsettled = fingerprint("combined "+c.route.scene, withoutSettlement(value))
	return asked, nil
}

// withoutSettlement drops settle_info of each sub order, in place.
func withoutSettlement(value map[string]any) map[string]any {
	subs, _ := value["sub_orders"].([]any)
	for _, sub := range subs {
		if members, ok := sub.(map[string]any); ok {
			delete(members, "settle_info")
		}
	}
	return value
}

// checkCombinedAccounts compares the body with who signed, and demands that
// the sub orders are of merchants that exist, no order twice.
func (p *Provider) checkCombinedAccounts(c call, asked combinedParams) *failure {
	if asked.MchID != c.account.MchID {
		return badParam(place{Field: "/combine_mchid", Value: asked.MchID, Issue: "combine_mchid不匹配", Location: "body"},
			"combine_mchid不匹配")
	}
	if refused := p.checkAccount(c, asked.MchID, &asked.AppID); refused != nil {
		return refused
	}
	seen := map[ledger.Key]bool{}
	for i, sub := range asked.SubOrders {
		if _, known := p.ring.merchants[sub.MchID]; !known {
			return coded(0, "MCH_NOT_EXISTS")
		}
		if seen[sub.key()] {
			return badParam(place{Field: "/sub_orders/" + strconv.Itoa(i) + "/out_trade_no", Value: sub.OutTradeNo,
				Issue: "子单商户订单号重复", Location: "body"}, "子单商户订单号重复")
		}
		seen[sub.key()] = true
	}
	return nil
}

// createCombined enters the sub orders into the book, all or none. The lock is
// held.
func (p *Provider) createCombined(c call, asked combinedAsk) (*order, *failure) {
	key := wholeKey(c.account, asked.OutTradeNo)
	whole := &order{key: key, account: c.account, scene: c.route.scene, params: asked.whole(), print: asked.print,
		unsettled: asked.unsettled, created: p.ports.Clock.Now(), expires: asked.expires, state: stateNotPay}
	for i, sub := range asked.SubOrders {
		if known := p.orders[sub.key()]; known != nil {
			return nil, p.taken(c, known)
		}
		whole.subs = append(whole.subs, &order{key: sub.key(), account: p.ring.merchants[sub.MchID], scene: whole.scene,
			params: asked.sub(i), created: whole.created, expires: whole.expires, state: stateNotPay, whole: whole})
	}
	for _, sub := range whole.subs {
		intent := ledger.Intent{Key: sub.key, Method: sub.scene.method(), Amount: sub.amount()}
		if _, err := p.Book.Begin(c.ctx, c.trial, intent); err != nil {
			return nil, systemError()
		}
	}
	for _, sub := range whole.subs {
		p.orders[sub.key] = sub
	}
	p.wholes[key] = whole
	p.adopt(whole, c.trial)
	return whole, nil
}

// taken refuses a sub order whose number another order has: with that order's
// state, as an ordinary prepay would learn it.
func (p *Provider) taken(c call, known *order) *failure {
	if refused := p.reenter(c, known, [sha256.Size]byte{1}); refused != nil {
		return refused
	}
	return p.mismatched()
}

// reenterCombined decides on a combined number that is in use, by the rules of
// ordinary orders over the whole body.
func (p *Provider) reenterCombined(c call, whole *order, asked combinedAsk) *failure {
	refused := p.reenter(c, whole, asked.print)
	if refused != nil && refused.internal == internalReentry && whole.unsettled == asked.unsettled {
		refused.message = "重复下单且结算信息不一致"
	}
	return refused
}

// captureCombined takes the money of all sub orders or of none, and tells it
// once. The provider's lock is held, under which alone wallets lose money and
// orders end: what was found payable is payable until the last one is.
func (p *Provider) captureCombined(ctx context.Context, whole *order, payer faults.Trial) error {
	if err := p.mayCapture(whole, payer); err != nil {
		return fmt.Errorf("capture combined payment %s: %w", whole.key.Reference, err)
	}
	for _, sub := range whole.subs {
		if err := p.take(ctx, sub, payer); err != nil {
			return err
		}
	}
	whole.state = stateSuccess
	p.notifyPaid(ctx, whole)
	return nil
}

// mayCapture finds whatever would stop one of the captures.
func (p *Provider) mayCapture(whole *order, payer faults.Trial) error {
	balance, err := p.Book.Balance(payer)
	if err != nil {
		return err
	}
	if cmp, err := balance.Compare(whole.amount()); err != nil || cmp < 0 {
		return fmt.Errorf("%s from a wallet with %s: %w", whole.amount(), balance, ledger.ErrNotEnough)
	}
	for _, sub := range whole.subs {
		known, err := p.Book.Payment(sub.key)
		if err != nil {
			return err
		}
		if known.State != payment.Pending || sub.state != stateNotPay {
			return fmt.Errorf("sub order %s is %s: %w", sub.key.Reference, known.State, ledger.ErrEnded)
		}
	}
	return nil
}

// queryCombined tells the state of each sub order (§3.9).
func (p *Provider) queryCombined(c call) (reply, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	whole := p.wholes[wholeKey(c.account, c.route.number)]
	if whole == nil || whole.poisoned || p.ports.Clock.Now().Sub(whole.created) < p.options.QueryBlindFor.Std() {
		return reply{}, orderNotExist()
	}
	p.age(c.ctx, whole)
	return reply{200, encode(whole.combined(p.lags(c.ctx, whole)))}, nil
}

// lags reports whether a query still says unpaid. A refund of any sub order
// proves the payment, and is never hidden.
func (p *Provider) lags(ctx context.Context, whole *order) bool {
	for _, sub := range whole.subs {
		if sub.state != stateSuccess {
			return false
		}
	}
	return whole.behaviour.Lags(ctx)
}

// closeCombined ends an unpaid combined payment with all its sub orders, which
// the merchant must list (§3.9).
func (p *Provider) closeCombined(c call) (reply, *failure) {
	var asked combinedParams
	if _, refused := fill(c.body, combinedCloseForm(), p.options.AllowUnknownMembers, &asked); refused != nil {
		return reply{}, refused
	}
	if refused := p.checkAccount(c, c.account.MchID, &asked.AppID); refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := wholeKey(c.account, c.route.number)
	whole := p.wholes[key]
	switch {
	case whole == nil && p.options.CloseUnknownRefused:
		return reply{}, orderNotExist()
	case whole == nil:
		p.wholes[key] = &order{key: key, account: c.account, scene: native, state: stateClosed, poisoned: true,
			created: p.ports.Clock.Now()}
		return reply{status: 204}, nil
	case !whole.poisoned && !whole.consistsOf(asked.SubOrders):
		return reply{}, invalid("子单信息与原合单订单不一致")
	}
	p.age(c.ctx, whole)
	p.captureLate(c, whole)
	if whole.captured() {
		return reply{}, p.options.ClosePaid.or(orderPaid())
	}
	if err := p.end(c.ctx, whole, "closed by the merchant"); err != nil {
		return reply{}, systemError()
	}
	return reply{status: 204}, nil
}

// consistsOf reports whether these are exactly the sub orders, in any order.
func (o *order) consistsOf(listed []subParams) bool {
	named := map[ledger.Key]bool{}
	for _, sub := range listed {
		named[sub.key()] = true
	}
	for _, sub := range o.subs {
		if !named[sub.key] {
			return false
		}
	}
	return len(listed) == len(o.subs)
}
