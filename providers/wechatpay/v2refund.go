package wechatpay

import (
	"slices"
	"strconv"
	"strings"

	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// refundV2 accepts a refund, as v3 does. Its notification, which v2 encrypts
// in a way of its own, is not simulated: nothing is told.
func (p *Provider) refundV2(c *callV2) (document, *failure) {
	asked := refundParams{TransactionID: c.form.get("transaction_id"), OutTradeNo: c.form.get("out_trade_no"),
		OutRefundNo: c.form.get("out_refund_no")}
	asked.Amount.Total, asked.Amount.Refund = fee(c.form.get("total_fee")), fee(c.form.get("refund_fee"))
	if asked.TransactionID == "" && asked.OutTradeNo == "" {
		return nil, lacking("out_trade_no")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, refused := p.refundable(c.call, asked)
	if refused != nil {
		return nil, p.unrefundableV2(c, asked, refused)
	}
	accepted, refused := p.giveBack(c.call, o, asked)
	if refused != nil {
		return nil, refusedRefundV2(refused)
	}
	given := document{{name: "transaction_id", value: string(o.paid.ProviderReference)},
		{name: "out_trade_no", value: o.params.OutTradeNo}, {name: "out_refund_no", value: asked.OutRefundNo},
		{name: "refund_id", value: accepted.ProviderReference}}
	given.addPlain("refund_fee", strconv.FormatInt(accepted.Amount.Minor, 10))
	given.addPlain("total_fee", strconv.FormatInt(o.params.Amount.Total, 10))
	given.addPlain("cash_fee", strconv.FormatInt(o.payerTotal(), 10))
	return given, nil
}

// unrefundableV2 tells an order that does not exist from one that is not paid,
// as v2 does and v3 does not (§6.2).
func (p *Provider) unrefundableV2(c *callV2, asked refundParams, refused *failure) *failure {
	if refused.code != "RESOURCE_NOT_EXISTS" {
		return refusedRefundV2(refused)
	}
	if o := p.lookUp(c.account, asked.OutTradeNo); o != nil && !o.poisoned && asked.TransactionID == "" {
		return coded(200, "ORDER_NOT_READY")
	}
	return orderNotExist()
}

// refusedRefundV2 gives what an amount is refused for its code of v2 (§4.3).
func refusedRefundV2(refused *failure) *failure {
	if refused.code == "INVALID_REQUEST" && strings.Contains(refused.message, "金额") {
		made := coded(200, "REFUND_FEE_MISMATCH")
		made.message = refused.message
		return made
	}
	return refused
}

// refundQueryV2 lists refunds: one by its own number, or all of an order.
func (p *Provider) refundQueryV2(c *callV2) (document, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, found := p.refundsV2(c)
	if len(found) == 0 {
		return nil, resourceNotExists("退款订单查询失败")
	}
	total := strconv.FormatInt(o.params.Amount.Total, 10)
	given := document{{name: "transaction_id", value: string(o.paid.ProviderReference)}, {name: "out_trade_no", value: o.params.OutTradeNo}}
	given.addPlain("total_fee", total)
	given.addPlain("cash_fee", strconv.FormatInt(o.payerTotal(), 10))
	given.addPlain("refund_count", strconv.Itoa(len(found)))
	for i, r := range found {
		nth := "_" + strconv.Itoa(i)
		given.add("out_refund_no"+nth, string(r.Reference))
		given.add("refund_id"+nth, r.ProviderReference)
		given.add("refund_channel"+nth, "ORIGINAL")
		given.addPlain("refund_fee"+nth, strconv.FormatInt(r.Amount.Minor, 10))
		given.add("refund_status"+nth, refundStatusV2(r))
		given.add("refund_recv_accout"+nth, receivedAccount)
		if r.State == payment.RefundDone {
			given.add("refund_success_time"+nth, beijing(r.EndedAt).Format("2006-01-02 15:04:05"))
		}
	}
	return given, nil
}

// refundsV2 finds the refunds that a query names, in the order in which they
// were accepted. The lock is held.
func (p *Provider) refundsV2(c *callV2) (*order, []ledger.Refund) {
	var of *order
	var found []ledger.Refund
	for key, wired := range p.refunds {
		known, err := p.Book.RefundOf(key)
		if err != nil || wired.order.account != c.account || !c.names(wired.order, known) {
			continue
		}
		of, found = wired.order, append(found, known)
	}
	slices.SortFunc(found, func(a, b ledger.Refund) int {
		if order := a.AcceptedAt.Compare(b.AcceptedAt); order != 0 {
			return order
		}
		return strings.Compare(string(a.Reference), string(b.Reference))
	})
	return of, found
}

// names reports whether a query is about a refund. Of several numbers the
// narrowest decides.
func (c *callV2) names(o *order, r ledger.Refund) bool {
	switch form := c.form; {
	case form.get("refund_id") != "":
		return r.ProviderReference == form.get("refund_id")
	case form.get("out_refund_no") != "":
		return string(r.Reference) == form.get("out_refund_no")
	case form.get("transaction_id") != "":
		return string(o.paid.ProviderReference) == form.get("transaction_id")
	default:
		return string(o.key.Reference) == form.get("out_trade_no")
	}
}

// refundStatusV2 is a refund's state in v2's words.
func refundStatusV2(r ledger.Refund) string {
	switch status := refundStatus(r); status {
	case refundClosed:
		return "REFUNDCLOSE"
	case refundAbnormal:
		return "CHANGE"
	default:
		return status
	}
}
