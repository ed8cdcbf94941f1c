package alipay

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/ledger"
)

// precreate makes a code to scan. It makes no trade: that exists from the scan
// on (§6).
func (p *Provider) precreate(c call) (reply, *failure) {
	asked, refused := p.readOrder(c)
	if refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.lookUp(c.account, asked.OutTradeNo)
	if refused := p.codeAgain(c, o, asked); refused != nil {
		return reply{}, refused
	}
	if o == nil || o.qr == "" {
		if o == nil || o.state == stateNone {
			o = p.enter(c, asked)
		}
		p.showCode(o, asked)
	}
	if p.options.PrecreateMakesTrade {
		if err := p.begin(c.ctx, o); err != nil {
			return reply{}, p.unknown()
		}
	}
	answer := good()
	answer.text("out_trade_no", asked.OutTradeNo)
	answer.text("qr_code", o.qr)
	return reply{node: answer}, nil
}

// codeAgain decides on a number that is in use (§6).
func (p *Provider) codeAgain(c call, o *order, asked orderParams) *failure {
	if o == nil || (o.state == stateNone && o.qr == "") {
		return nil
	}
	p.adopt(o, c.trial)
	if err := p.age(c.ctx, o); err != nil {
		return p.unknown()
	}
	if refused := o.repeated(asked); refused != nil {
		return refused
	}
	if p.options.RefuseRepeatedPrecreate && o.qr != "" {
		return refuse(subCode)
	}
	if p.ports.Clock.Now().After(o.qrUntil) {
		delete(p.codes, o.qr)
		o.qr = ""
	}
	return nil
}

// showCode gives the order a code that lives as long as was asked for.
func (p *Provider) showCode(o *order, asked orderParams) {
	now := p.ports.Clock.Now()
	o.qr, o.qrUntil = newQRCode(), now.Add(codeLife)
	if end, ok := lifeEnd(now, asked.CodeLife); ok {
		o.qrUntil = end
	}
	p.codes[o.qr] = &code{order: o, until: o.qrUntil}
}

// create makes a trade that a wallet opens by its number (§4).
func (p *Provider) create(c call) (reply, *failure) {
	asked, refused := p.readOrder(c)
	if refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, refused := p.offered(c, asked)
	if refused != nil {
		return reply{}, refused
	}
	if err := p.begin(c.ctx, o); err != nil {
		return reply{}, p.unknown()
	}
	answer := good()
	answer.text("out_trade_no", asked.OutTradeNo)
	answer.text("trade_no", o.tradeNo)
	return reply{node: answer}, nil
}

// offered is the order of a create call, or of a page or an app that a shopper
// opens: a repeat attaches to the first trade (§6). The lock is held.
func (p *Provider) offered(c call, asked orderParams) (*order, *failure) {
	o := p.lookUp(c.account, asked.OutTradeNo)
	if o == nil || o.state == stateNone {
		return p.enter(c, asked), nil
	}
	p.adopt(o, c.trial)
	if err := p.age(c.ctx, o); err != nil {
		return nil, p.unknown()
	}
	return o, o.repeated(asked)
}

// showCashier answers a shopper's browser. The trade appears when the wallet
// opens the same request (§6), so nothing is entered here.
func (p *Provider) showCashier(c call) (*proxy.Answer, error) {
	asked, refused := p.readOrder(c)
	if refused != nil {
		return p.desk.errorPage(refused), nil
	}
	p.mu.Lock()
	if o := p.lookUp(c.account, asked.OutTradeNo); o != nil && o.state != stateNone {
		refused = o.repeated(asked)
	}
	p.mu.Unlock()
	if refused != nil {
		return p.desk.errorPage(refused), nil
	}
	return p.desk.cashier(asked, c.account.Name), nil
}

// pay captures from the barcode that a shopper shows (§4).
func (p *Provider) pay(c call) (reply, *failure) {
	asked, refused := p.readOrder(c)
	var done reply
	if refused == nil {
		done, refused = p.payNow(c, asked)
	}
	if refused != nil && refused.code == codeRefused {
		return reply{}, refused.with(noMoney(asked.OutTradeNo)...)
	}
	return done, refused
}

// noMoney is what failed payments and queries carry beside (§4). Nobody may
// read it as a result.
func noMoney(number string) []member {
	if !validNumber(number) {
		number = ""
	}
	return []member{{"buyer_pay_amount", "0.00"}, {"invoice_amount", "0.00"}, {"out_trade_no", number},
		{"point_amount", "0.00"}, {"receipt_amount", "0.00"}}
}

func (p *Provider) payNow(c call, asked orderParams) (reply, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shown := p.codes[asked.AuthCode]
	fresh := shown.usable(p.ports.Clock.Now())
	if p.options.SpentCodeFirst && !fresh {
		return reply{}, refuse(subAuthCode)
	}
	o := p.lookUp(c.account, asked.OutTradeNo)
	if o != nil && o.state != stateNone {
		again, refused := p.payAgain(c, o, asked, shown)
		if again || refused != nil {
			return p.inProcess(o), refused
		}
	}
	if !fresh {
		return reply{}, refuse(subAuthCode)
	}
	if o == nil || o.state == stateNone {
		o = p.enter(c, asked)
	}
	p.adopt(o, shown.owner)
	shown.used, shown.order, o.shopper = true, o, shown.owner
	return p.take(c, o, shown)
}

// payAgain decides on a number whose trade exists (§6). again: it waits for
// the password of this very code.
func (p *Provider) payAgain(c call, o *order, asked orderParams, shown *code) (again bool, refused *failure) {
	p.adopt(o, c.trial)
	if err := p.age(c.ctx, o); err != nil {
		return false, p.unknown()
	}
	if refused := o.repeated(asked); refused != nil {
		return false, refused
	}
	if shown != nil && o.shopper != "" && shown.owner != o.shopper {
		return false, refuse(subOtherBuyer)
	}
	return o.awaiting != nil && o.awaiting == shown, nil
}

// take asks for the money. What is refused leaves no trade (§6).
func (p *Provider) take(c call, o *order, shown *code) (reply, *failure) {
	if sub := o.behaviour.Refuses(c.ctx); sub != "" {
		return reply{}, refuse(spelled(sub))
	}
	balance, err := p.Book.Balance(shown.owner)
	if err != nil {
		return reply{}, p.unknown()
	}
	if more, err := o.asked.Total.Compare(balance); err != nil || more > 0 {
		return reply{}, refuse(subNotEnough)
	}
	if err := p.begin(c.ctx, o); err != nil {
		return reply{}, p.unknown()
	}
	if p.options.PasswordAbove > 0 && o.asked.Total.Minor > p.options.PasswordAbove {
		o.awaiting = shown
		return p.inProcess(o), nil
	}
	if after, fails, pends := o.behaviour.Pends(c.ctx); pends {
		o.awaiting = shown
		p.decideLater(c.ctx, o, after, fails)
		return p.inProcess(o), nil
	}
	switch err := p.capture(c.ctx, o, shown.owner); {
	case errors.Is(err, ledger.ErrNotEnough):
		return reply{}, refuse(subNotEnough)
	case err != nil:
		return reply{}, p.unknown()
	case o.behaviour.HidesOutcome(c.ctx):
		return reply{}, p.unknown()
	}
	return reply{node: p.receipt(o)}, nil
}

// decideLater has the shopper of a barcode that waits enter the password after a
// while, or give up, which closes the trade (§5, §6). Whoever ends it first is the
// first.
func (p *Provider) decideLater(ctx context.Context, o *order, after time.Duration, fails bool) {
	asked := trace.SpanContextFromContext(ctx)
	p.Agenda.After(o.trial, after, func(ctx context.Context) {
		ctx = trace.ContextWithSpanContext(ctx, asked)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.age(ctx, o) != nil || o.state != stateOpen || o.awaiting == nil {
			return
		}
		if fails || p.capture(ctx, o, o.awaiting.owner) != nil {
			_ = p.end(ctx, o, "the shopper did not confirm") // an open trade can be closed
		}
	})
}

// inProcess is 10003: the shopper must enter a password (§5).
func (p *Provider) inProcess(o *order) reply {
	answer := result(codePending)
	o.addUnpaid(answer, false)
	answer.text("total_amount", o.asked.Total.Decimal())
	answer.text("trade_no", o.tradeNo)
	return reply{node: answer, pending: true}
}

// receipt is the node of a captured barcode (§4).
func (p *Provider) receipt(o *order) *node {
	answer := good()
	id, logon := o.buyer()
	amount := o.asked.Total.Decimal()
	answer.text("buyer_logon_id", logon)
	answer.text("buyer_pay_amount", o.buyerPaid().Decimal())
	answer.text(o.account.buyerMember(), id)
	answer.raw("fund_bill_list", o.funds("fund_channel"))
	answer.text("gmt_payment", wireTime(o.shown(o.paid.CapturedAt)))
	answer.text("invoice_amount", o.buyerPaid().Decimal())
	answer.text("out_trade_no", o.asked.OutTradeNo)
	answer.text("point_amount", "0.00")
	answer.text("receipt_amount", amount)
	answer.text("total_amount", amount)
	answer.text("trade_no", o.tradeNo)
	if vouchers := o.vouchers(); vouchers != "" {
		answer.raw("voucher_detail_list", vouchers)
	}
	return answer
}

// funds says where the money came from. The channel's member is named
// differently in answers and in notifications (§7).
func funds(member, amount string) string {
	return `[{"amount":"` + amount + `","` + member + `":"ALIPAYACCOUNT"}]`
}

// buyerMember is the name under which the app is shown a shopper's id (§1).
func (a *account) buyerMember() string {
	if a.BuyerOpenID {
		return "buyer_open_id"
	}
	return "buyer_user_id"
}

// addUnpaid adds who the buyer is and that nothing was paid; typed: with the
// buyer's type, as queries have it.
func (o *order) addUnpaid(answer *node, typed bool) {
	id, logon := o.buyer()
	answer.text("buyer_logon_id", logon)
	answer.text("buyer_pay_amount", "0.00")
	answer.text(o.account.buyerMember(), id)
	if typed {
		answer.text("buyer_user_type", "PRIVATE")
	}
	answer.text("invoice_amount", "0.00")
	answer.text("out_trade_no", o.asked.OutTradeNo)
	answer.text("point_amount", "0.00")
	answer.text("receipt_amount", "0.00")
}
