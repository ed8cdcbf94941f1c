package alipay

import (
	"github.com/payquake/payquake/providers/ledger"
)

// found is the trade that a request names: by trade_no, which wins if both
// numbers are sent, else by out_trade_no (§1). An order that has no trade is
// returned beside, because some methods act on its code. The lock is held.
func (p *Provider) found(c call) (trade, order *order, refused *failure) {
	byTrade, byMerchant := c.business.text("trade_no"), c.business.text("out_trade_no")
	switch {
	case byTrade == "" && byMerchant == "":
		return nil, nil, invalid("out_trade_no和trade_no不能同时为空")
	case byMerchant != "" && !validNumber(byMerchant):
		return nil, nil, invalid("out_trade_no")
	}
	o := p.lookUp(c.account, byMerchant)
	if byTrade != "" {
		o = p.trades[byTrade]
		if o != nil && o.account != c.account {
			o = nil
		}
	}
	if o == nil {
		return nil, nil, nil
	}
	p.adopt(o, c.trial)
	if err := p.age(c.ctx, o); err != nil {
		return nil, nil, p.unknown()
	}
	if o.state == stateNone {
		return nil, o, nil
	}
	return o, o, nil
}

// query tells a trade's state (§4).
func (p *Provider) query(c call) (reply, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, _, refused := p.found(c)
	if refused == nil && o == nil {
		refused = refuse(subNoTrade)
	}
	if refused != nil {
		if refused.code == codeRefused {
			refused.with(noMoney(c.business.text("out_trade_no"))...)
		}
		return reply{}, refused
	}
	if !o.everPaid() || (o.captured() && o.behaviour.Lags(c.ctx)) {
		return reply{node: o.unpaidNode()}, nil
	}
	return reply{node: o.paidNode()}, nil
}

// unpaidNode is what a query says of a trade that nobody paid, or by its
// conduct of one whose payment it does not show yet.
func (o *order) unpaidNode() *node {
	state := o.state
	if o.captured() {
		state = stateOpen
	}
	answer := good()
	o.addUnpaid(answer, true)
	answer.text("store_id", o.asked.StoreID)
	answer.text("terminal_id", o.asked.TerminalID)
	answer.text("total_amount", o.asked.Total.Decimal())
	answer.text("trade_no", o.tradeNo)
	answer.text("trade_status", state)
	return answer
}

// paidNode is what a query says of a trade that was paid, whatever became of
// it: that one is closed does not mean that it was not paid (§6).
func (o *order) paidNode() *node {
	answer := good()
	id, logon := o.buyer()
	amount := o.asked.Total.Decimal()
	answer.text("buyer_logon_id", logon)
	answer.text("buyer_pay_amount", o.buyerPaid().Decimal())
	answer.text(o.account.buyerMember(), id)
	answer.text("buyer_user_type", "PRIVATE")
	answer.raw("fund_bill_list", o.funds("fund_channel"))
	answer.text("invoice_amount", o.buyerPaid().Decimal())
	answer.text("out_trade_no", o.asked.OutTradeNo)
	answer.text("point_amount", "0.00")
	answer.text("receipt_amount", amount)
	answer.text("send_pay_date", wireTime(o.shown(o.paid.CapturedAt)))
	answer.text("store_id", o.asked.StoreID)
	answer.text("terminal_id", o.asked.TerminalID)
	answer.text("total_amount", amount)
	answer.text("trade_no", o.tradeNo)
	answer.text("trade_status", o.state)
	return answer
}

// close ends an open trade, and only that (§6). A code that nobody scanned is
// no trade yet, and stays payable.
func (p *Provider) close(c call) (reply, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, scanless, refused := p.found(c)
	switch {
	case refused != nil:
		return reply{}, refused
	case o == nil:
		p.scanLate(c, scanless)
		return reply{}, refuse(subNoTrade)
	}
	p.captureLate(c, o)
	if o.state != stateOpen {
		if p.options.ClosePaid != "" {
			return reply{}, refuse(p.options.ClosePaid)
		}
		return reply{}, refuse(subStatus)
	}
	if err := p.end(c.ctx, o, "closed by the merchant"); err != nil {
		return reply{}, p.unknown()
	}
	answer := good()
	answer.text("out_trade_no", o.asked.OutTradeNo)
	answer.text("trade_no", o.tradeNo)
	return reply{node: answer}, nil
}

// captureLate lets the shopper's money arrive in the instant before a close or
// a cancel is acted on, if the order's conduct says so and the wallet can.
func (p *Provider) captureLate(c call, o *order) {
	if !o.behaviour.Conduct().CaptureBeforeClose || o.state != stateOpen || o.trial == "" {
		return
	}
	if err := p.capture(c.ctx, o, o.trial); err == nil {
		o.behaviour.CapturedLate(c.ctx)
	}
}

// scanLate lets the shopper scan and pay a code right after the merchant was
// told that there is no trade, if the order's conduct says so (§6: the code
// stays payable).
func (p *Provider) scanLate(c call, o *order) {
	if o == nil || !o.behaviour.Conduct().CaptureBeforeClose || o.trial == "" || !o.scannable(p) {
		return
	}
	if err := p.begin(c.ctx, o); err == nil {
		p.captureLate(c, o)
	}
}

// scannable reports whether the order has a code that works.
func (o *order) scannable(p *Provider) bool {
	now := p.ports.Clock.Now()
	return o.qr != "" && p.codes[o.qr] != nil && !now.After(o.qrUntil) && now.Before(o.expires)
}

// cancel undoes a trade whatever became of it (§6). Without a trade it answers
// 10000 and has done nothing: there is no action.
func (p *Provider) cancel(c call) (reply, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, scanless, refused := p.found(c)
	switch {
	case refused != nil:
		return reply{}, refused
	case o == nil && c.business.text("trade_no") != "":
		return reply{}, refuse(subNoTrade)
	case o == nil:
		return p.cancelNothing(c, scanless), nil
	case o.state == stateClosed:
		return reply{node: p.cancelled(o, !p.options.CancelRepeatSilent)}, nil
	case o.state == stateFinished:
		return reply{}, refuse(subFinished)
	case p.ports.Clock.Now().Sub(o.created) > cancelLimit:
		return reply{}, refuse(subCancelTooLate)
	}
	p.captureLate(c, o)
	if o.state == stateOpen {
		if err := p.end(c.ctx, o, "cancelled by the merchant"); err != nil {
			return reply{}, p.unknown()
		}
		return reply{node: p.cancelled(o, true)}, nil
	}
	return p.takeBack(c, o)
}

// cancelNothing answers for a number that has no trade.
func (p *Provider) cancelNothing(c call, scanless *order) reply {
	if scanless != nil && p.options.CancelKillsCode {
		delete(p.codes, scanless.qr)
		scanless.qr = ""
	}
	p.scanLate(c, scanless)
	answer := good()
	answer.text("out_trade_no", c.business.text("out_trade_no"))
	answer.text("retry_flag", "N")
	return reply{node: answer}
}

// takeBack gives a paid trade's money back. One with refunds is refused: the
// documents do not say what a cancel of the rest would be.
func (p *Provider) takeBack(c call, o *order) (reply, *failure) {
	known, err := p.Book.Payment(o.key)
	if err != nil {
		return reply{}, p.unknown()
	}
	if known.Refunds > 0 {
		return reply{}, refuse(subCancelNot)
	}
	undone, err := p.Book.Reverse(c.ctx, o.key)
	if err != nil {
		return reply{}, p.unknown()
	}
	o.paid, o.state, o.undone, o.closed = undone, stateClosed, true, p.ports.Clock.Now()
	if p.options.NotifyCancelRefund {
		p.notifyRefunded(c.ctx, o, ledger.Refund{Payment: o.key, Amount: o.asked.Total, EndedAt: o.closed,
			RefundKey: ledger.RefundKey{Account: o.key.Account, Reference: refundNumber(o, "")}}, o.asked.Total)
	}
	return reply{node: p.cancelled(o, true)}, nil
}

// cancelled is the node of a cancelled trade: close if it was never paid,
// refund if the money went back.
func (p *Provider) cancelled(o *order, action bool) *node {
	answer := good()
	if action {
		done := "close"
		if o.everPaid() {
			done = "refund"
		}
		answer.text("action", done)
	}
	if action && o.everPaid() {
		answer.text("gmt_refund_pay", wireTime(o.closed))
	}
	answer.text("out_trade_no", o.asked.OutTradeNo)
	answer.text("retry_flag", "N")
	answer.text("trade_no", o.tradeNo)
	return answer
}
