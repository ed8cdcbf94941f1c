package wechatpay

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// maxRefunds bounds the partial refunds of one order (§4.3).
const maxRefunds = 50

// refund is what the wire knows of a refund beside the book.
type refund struct {
	order     *order
	notifyURL string
}

// The states of a refund (§4.2).
const (
	refundProcessing = "PROCESSING"
	refundSuccess    = "SUCCESS"
	refundClosed     = "CLOSED"
	refundAbnormal   = "ABNORMAL"
)

// refund accepts a refund (§3.4). 200 means accepted: the money moves later.
func (p *Provider) refund(c call) (reply, *failure) {
	var asked refundParams
	if _, refused := fill(c.body, refundForm(), p.options.AllowUnknownMembers, &asked); refused != nil {
		return reply{}, refused
	}
	if asked.TransactionID == "" && asked.OutTradeNo == "" {
		return reply{}, badParam(place{Field: "/transaction_id", Issue: "transaction_id和out_trade_no不能同时为空",
			Location: "body"}, "transaction_id和out_trade_no不能同时为空")
	}
	if asked.NotifyURL != "" {
		if refused := p.checkNotifyURL(asked.NotifyURL); refused != nil {
			return reply{}, refused
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, refused := p.refundable(c, asked)
	if refused != nil {
		return reply{}, refused
	}
	if asked.NotifyURL == "" {
		asked.NotifyURL = o.account.RefundNotifyURL
	}
	accepted, refused := p.giveBack(c, o, asked)
	if refused != nil {
		return reply{}, refused
	}
	return reply{200, encode(refundObject(o, accepted))}, nil
}

// giveBack accepts a refund of an order and, if it is new, begins it. The lock
// is held.
func (p *Provider) giveBack(c call, o *order, asked refundParams) (ledger.Refund, *failure) {
	accepted, fresh, refused := p.accept(c, o, asked)
	if refused != nil {
		return ledger.Refund{}, refused
	}
	if fresh {
		p.begin(c.ctx, o, accepted, asked.NotifyURL)
		if o.behaviour.HidesOutcome(c.ctx) {
			return ledger.Refund{}, systemError()
		}
	}
	return accepted, nil
}

// refundable finds the order, which both numbers must name if both are given.
func (p *Provider) refundable(c call, asked refundParams) (*order, *failure) {
	o := p.lookUp(c.account, asked.OutTradeNo)
	if asked.TransactionID != "" {
		named := p.transactions[asked.TransactionID]
		if asked.OutTradeNo != "" && named != o {
			return nil, invalid("transaction_id和out_trade_no不匹配")
		}
		o = named
	}
	switch {
	case o == nil || o.account != c.account || o.paid.ProviderReference == "":
		return nil, resourceNotExists("订单不存在或未支付")
	case o.state == stateRevoked:
		return nil, invalid("订单已撤销")
	case asked.Amount.Total != o.params.Amount.Total:
		return nil, mismatchedRefund()
	}
	return o, nil
}

// mismatchedRefund is the refusal of a refund number with another amount or
// order (§4.3).
func mismatchedRefund() *failure {
	return invalid("订单金额或退款金额与之前请求不一致，请核实后再试")
}

// accept enters the refund into the book. The limits hold for new refunds
// only: asking again for an old one must always be safe.
func (p *Provider) accept(c call, o *order, asked refundParams) (ledger.Refund, bool, *failure) {
	now := p.ports.Clock.Now()
	key := ledger.RefundKey{Account: o.key.Account, Reference: payment.RefundReference(asked.OutRefundNo)}
	if _, err := p.Book.RefundOf(key); err != nil {
		if now.Sub(o.refunded) < p.options.RefundSpacing.Std() {
			return ledger.Refund{}, false, coded(0, "FREQUENCY_LIMITED")
		}
		if known, err := p.Book.Payment(o.key); err == nil && known.Refunds >= maxRefunds {
			return ledger.Refund{}, false, invalid("部分退款次数超过限制")
		}
	}
	accepted, fresh, err := p.Book.Refund(c.ctx, ledger.RefundRequest{Payment: o.key, Reference: key.Reference,
		Amount: payment.Fen(asked.Amount.Refund), ProviderReference: newRefundID(now)})
	switch {
	case errors.Is(err, ledger.ErrMismatch):
		return ledger.Refund{}, false, mismatchedRefund()
	case errors.Is(err, ledger.ErrBeyondCapture):
		return ledger.Refund{}, false, p.beyond(o)
	case err != nil:
		return ledger.Refund{}, false, systemError()
	}
	return accepted, fresh, nil
}

// beyond tells a fully refunded order from one that has too little left.
func (p *Provider) beyond(o *order) *failure {
	if known, err := p.Book.Payment(o.key); err == nil && known.Refunding == known.Amount {
		return invalid("订单已全额退款")
	}
	return invalid("申请退款金额大于订单可退金额")
}

// begin puts an accepted refund on its way.
func (p *Provider) begin(ctx context.Context, o *order, accepted ledger.Refund, notifyURL string) {
	o.state, o.refunded = stateRefund, p.ports.Clock.Now()
	p.refunds[accepted.RefundKey] = &refund{order: o, notifyURL: notifyURL}
	asked := trace.SpanContextFromContext(ctx)
	p.Agenda.After(o.trial, p.delay+o.behaviour.RefundTakes(ctx), func(ctx context.Context) {
		p.finish(trace.ContextWithSpanContext(ctx, asked), accepted.RefundKey)
	})
}

// finish gives the money back and begins to say so.
func (p *Provider) finish(ctx context.Context, key ledger.RefundKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done, err := p.endRefund(ctx, key)
	if err != nil {
		return // the book never took it: it was not accepted
	}
	p.notifyRefunded(ctx, p.refunds[key], done)
}

// endRefund ends a refund as the conduct of its payment says: by giving the money
// back, or in one of the ways of failing (§4.2).
func (p *Provider) endRefund(ctx context.Context, key ledger.RefundKey) (ledger.Refund, error) {
	switch p.refunds[key].order.behaviour.RefundFails(ctx) {
	case faults.RefundCloses:
		return p.Book.Refuse(ctx, key)
	case faults.RefundGoesAstray:
		return p.Book.Suspend(ctx, key)
	default:
		return p.Book.Finish(ctx, key)
	}
}

// queryRefund tells a refund's state (§3.4).
func (p *Provider) queryRefund(c call) (reply, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := ledger.RefundKey{Account: c.account.MchID, Reference: payment.RefundReference(c.route.number)}
	known, err := p.Book.RefundOf(key)
	if err != nil {
		return reply{}, resourceNotExists("退款单不存在")
	}
	return reply{200, encode(refundObject(p.refunds[key].order, known))}, nil
}

// refundReply is the object of §3.4, without what clients must not find empty.
type refundReply struct {
	RefundID            string           `json:"refund_id"`
	OutRefundNo         string           `json:"out_refund_no"`
	TransactionID       string           `json:"transaction_id"`
	OutTradeNo          string           `json:"out_trade_no"`
	Channel             string           `json:"channel"`
	UserReceivedAccount string           `json:"user_received_account"`
	SuccessTime         string           `json:"success_time,omitempty"`
	CreateTime          string           `json:"create_time"`
	Status              string           `json:"status"`
	FundsAccount        string           `json:"funds_account"`
	Amount              refundReplyMoney `json:"amount"`
}

// refundReplyMoney has the payer's and the settlement's amounts too, which are
// the same as long as there are no coupons.
type refundReplyMoney struct {
	Total            int64  `json:"total"`
	Refund           int64  `json:"refund"`
	From             []any  `json:"from"`
	PayerTotal       int64  `json:"payer_total"`
	PayerRefund      int64  `json:"payer_refund"`
	SettlementRefund int64  `json:"settlement_refund"`
	SettlementTotal  int64  `json:"settlement_total"`
	DiscountRefund   int64  `json:"discount_refund"`
	Currency         string `json:"currency"`
	RefundFee        int64  `json:"refund_fee"`
}

// refundObject is a refund as answers show it.
func refundObject(o *order, r ledger.Refund) refundReply {
	shown := refundReply{RefundID: r.ProviderReference, OutRefundNo: string(r.Reference),
		TransactionID: string(o.paid.ProviderReference), OutTradeNo: string(o.key.Reference), Channel: "ORIGINAL",
		UserReceivedAccount: receivedAccount, CreateTime: wireTime(r.AcceptedAt), Status: refundStatus(r),
		FundsAccount: "UNSETTLED", Amount: refundReplyMoney{Total: o.params.Amount.Total, Refund: r.Amount.Minor,
			From: []any{}, PayerTotal: o.payerTotal(), PayerRefund: o.payerPart(r.Amount.Minor),
			SettlementRefund: r.Amount.Minor, SettlementTotal: o.params.Amount.Total,
			DiscountRefund: r.Amount.Minor - o.payerPart(r.Amount.Minor), Currency: "CNY"}}
	if r.State == payment.RefundDone {
		shown.SuccessTime = wireTime(o.shown(r.EndedAt))
	}
	return shown
}

// receivedAccount is where refunds go: the wallet's balance.
const receivedAccount = "支付用户零钱"

// refundStatus is a refund's state in the wire's words (§4.2).
func refundStatus(r ledger.Refund) string {
	switch {
	case r.Abnormal:
		return refundAbnormal
	case r.State == payment.RefundDone:
		return refundSuccess
	case r.State == payment.RefundRefused:
		return refundClosed
	default:
		return refundProcessing
	}
}
