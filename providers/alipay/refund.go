package alipay

import (
	"errors"

	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// maxRefundNumber is the longest out_request_no (§1).
const maxRefundNumber = 64

// refund gives money back, at once (§4, §6).
func (p *Provider) refund(c call) (reply, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, accepted, fresh, refused := p.refunding(c)
	if refused != nil {
		if refused.code == codeRefused {
			refused.with(noRefund(c.business.text("out_trade_no"))...)
		}
		return reply{}, refused
	}
	if fresh && o.behaviour.HidesOutcome(c.ctx) {
		return reply{}, p.unknown()
	}
	known, err := p.Book.Payment(o.key)
	if err != nil {
		return reply{}, p.unknown()
	}
	return reply{node: refundNode(c, o, known, accepted, fresh)}, nil
}

// noRefund is what failed refunds carry beside (§4).
func noRefund(number string) []member {
	if !validNumber(number) {
		number = ""
	}
	return []member{{"out_trade_no", number}, {"refund_fee", "0.00"}, {"send_back_fee", "0.00"}}
}

// refunding checks and carries a refund out.
func (p *Provider) refunding(c call) (o *order, done ledger.Refund, fresh bool, refused *failure) {
	amount, refused := readAmount(c.business, "refund_amount")
	number := c.business.text("out_request_no")
	switch {
	case refused != nil:
		return nil, ledger.Refund{}, false, refused
	case len(number) > maxRefundNumber:
		return nil, ledger.Refund{}, false, invalid("out_request_no")
	}
	o, _, refused = p.found(c)
	switch {
	case refused != nil:
		return nil, ledger.Refund{}, false, refused
	case o == nil:
		return nil, ledger.Refund{}, false, refuse(subNoTrade)
	}
	request := ledger.RefundRequest{Payment: o.key, Reference: refundNumber(o, number), Amount: amount,
		ProviderReference: o.tradeNo, WithinPayment: true}
	if known, err := p.Book.RefundOf(request.Key()); err == nil {
		if known.Amount != amount {
			return nil, ledger.Refund{}, false, refuse(subDiscordant)
		}
		return o, known, false, nil
	}
	if refused := o.refundable(number, amount); refused != nil {
		return nil, ledger.Refund{}, false, refused
	}
	done, refused = p.giveBack(c, o, request)
	return o, done, true, refused
}

// refundNumber is the number of a refund, which is the merchant's number of
// the trade when it has none (§4).
func refundNumber(o *order, number string) payment.RefundReference {
	if number == "" {
		number = o.asked.OutTradeNo
	}
	return payment.RefundReference(number)
}

// refundable decides by the trade's state (§6).
func (o *order) refundable(number string, amount payment.Money) *failure {
	switch {
	case o.state == stateClosed:
		return refuse(subClosed)
	case o.state == stateFinished:
		return refuse(subFinished)
	case o.state != stateSuccess:
		return refuse(subStatus)
	case number == "" && amount != o.asked.Total:
		return refuse(subNotEqual)
	default:
		return nil
	}
}

// giveBack moves the money and begins to say so.
func (p *Provider) giveBack(c call, o *order, request ledger.RefundRequest) (ledger.Refund, *failure) {
	_, _, err := p.Book.Refund(c.ctx, request)
	if errors.Is(err, ledger.ErrBeyondCapture) {
		return ledger.Refund{}, refuse(subRefundFee)
	}
	if err != nil {
		return ledger.Refund{}, p.unknown()
	}
	done, err := p.Book.Finish(c.ctx, request.Key())
	if err != nil {
		return ledger.Refund{}, p.unknown()
	}
	known, err := p.Book.Payment(o.key)
	if err != nil {
		return ledger.Refund{}, p.unknown()
	}
	if known.Refunded == known.Amount {
		o.state, o.closed = stateClosed, done.EndedAt
	}
	p.notifyRefunded(c.ctx, o, done, known.Refunded)
	return done, nil
}

// refundNode is the answer to a refund: refund_fee is the sum of all refunds,
// and fund_change says whether this call moved money (§6).
func refundNode(c call, o *order, known ledger.Payment, done ledger.Refund, fresh bool) *node {
	change, back := "N", payment.Fen(0)
	if fresh {
		change, back = "Y", done.Amount
	}
	answer := good()
	id, logon := o.buyer()
	answer.text("buyer_logon_id", logon)
	answer.text(o.account.buyerMember(), id)
	answer.text("fund_change", change)
	answer.text("out_trade_no", o.asked.OutTradeNo)
	if fresh && c.business.has("query_options", "refund_detail_item_list") {
		answer.raw("refund_detail_item_list", funds("fund_channel", back.Decimal()))
	}
	answer.text("refund_fee", known.Refunded.Decimal())
	answer.text("send_back_fee", back.Decimal())
	answer.text("trade_no", o.tradeNo)
	return answer
}

// queryRefund tells what became of a refund (§4). A number that the trade does
// not have is answered 10000 with nothing: no proof of anything.
func (p *Provider) queryRefund(c call) (reply, *failure) {
	number := c.business.text("out_request_no")
	if number == "" {
		return reply{}, invalid("out_request_no")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, _, refused := p.found(c)
	switch {
	case refused != nil:
		return reply{}, refused
	case o == nil:
		return reply{}, refuse(subNoTrade)
	}
	answer := good()
	request := ledger.RefundRequest{Payment: o.key, Reference: payment.RefundReference(number), WithinPayment: true}
	known, err := p.Book.RefundOf(request.Key())
	if err != nil {
		return reply{node: answer}, nil
	}
	if c.business.has("query_options", "gmt_refund_pay") {
		answer.text("gmt_refund_pay", wireTime(known.EndedAt))
	}
	answer.text("out_request_no", number)
	answer.text("out_trade_no", o.asked.OutTradeNo)
	answer.text("refund_amount", known.Amount.Decimal())
	if c.business.has("query_options", "refund_detail_item_list") {
		answer.raw("refund_detail_item_list", funds("fund_channel", known.Amount.Decimal()))
	}
	answer.text("refund_status", refundSuccess)
	answer.text("total_amount", o.asked.Total.Decimal())
	answer.text("trade_no", o.tradeNo)
	return reply{node: answer}, nil
}

// refundSuccess is the only state of a refund that a query names (§4).
const refundSuccess = "REFUND_SUCCESS"
