package alipay

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// refundContent is the business content of a refund.
type refundContent struct {
	OutTradeNo   string `json:"out_trade_no"`
	RefundAmount string `json:"refund_amount"`
	OutRequestNo string `json:"out_request_no"`
	RefundReason string `json:"refund_reason"`
}

// PrepareRefund implements merchant.Refunds.
func (c *Client) PrepareRefund(intent merchant.RefundIntent) (merchant.Request, error) {
	if intent.Amount.Currency != payment.CNY {
		return merchant.Request{}, fmt.Errorf("refund %s: %w", intent.Amount, merchant.ErrInvalid)
	}
	text, err := json.Marshal(refundContent{OutTradeNo: string(intent.Payment), RefundAmount: intent.Amount.Decimal(),
		OutRequestNo: string(intent.Refund), RefundReason: intent.Reason})
	if err != nil {
		return merchant.Request{}, fmt.Errorf("write refund: %w", err)
	}
	return merchant.Request{Path: methodRefund, Body: string(text)}, nil
}

// Refund implements merchant.Refunds. Only fund_change=Y says that this request
// moved its money; a success without it decides nothing (section 6), so the
// same bytes go again until a query decides: whoever took it for accepted would
// wait for a refund that nobody makes. What the answer calls refund_fee is the
// sum of all refunds so far: it shows how much moved if this was the first of them,
// and of another the query tells.
func (c *Client) Refund(ctx context.Context, asked merchant.RefundAsked, request merchant.Request) merchant.RefundAnswer {
	n, err := c.call(ctx, methodRefund, request.Body)
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	result := n.result(asked.Payment)
	if result.Outcome != merchant.OK {
		return merchant.RefundAnswer{Result: result}
	}
	var said struct {
		OutTradeNo string `json:"out_trade_no"`
		TradeNo    string `json:"trade_no"`
		FundChange string `json:"fund_change"`
		RefundFee  string `json:"refund_fee"`
	}
	var wanted refundContent
	if err := n.fill(&said); err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	if err := json.Unmarshal([]byte(request.Body), &wanted); err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	amount, err := yuan(wanted.RefundAmount, "")
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	total, err := yuan(said.RefundFee, "")
	if err != nil || said.OutTradeNo != string(asked.Payment) {
		return merchant.RefundAnswer{Result: unanswered(fmt.Errorf("asked about %s, answered about %.64q with %.32q", asked.Payment, said.OutTradeNo, said.RefundFee))}
	}
	if said.FundChange != "Y" || total.Minor < amount.Minor {
		return merchant.RefundAnswer{Result: merchant.Result{Detail: fmt.Sprintf("fund_change %.8q of %s decides nothing", said.FundChange, total)}}
	}
	report := merchant.RefundReport{Payment: asked.Payment, Refund: asked.Refund,
		ProviderReference: payment.ProviderReference(said.TradeNo), State: payment.RefundDone, Amount: amount}
	if total != amount {
		report.State = payment.RefundProcessing
	}
	return merchant.RefundAnswer{Result: result, Report: report}
}

// QueryRefund implements merchant.Refunds. An answer without the refund's
// fields says that there is none under this number.
func (c *Client) QueryRefund(ctx context.Context, asked merchant.RefundAsked) merchant.RefundAnswer {
	text, err := json.Marshal(map[string]string{"out_trade_no": string(asked.Payment), "out_request_no": string(asked.Refund)})
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	n, err := c.call(ctx, methodRefundQuery, string(text))
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	result := n.result(asked.Payment)
	if result.Outcome != merchant.OK {
		return merchant.RefundAnswer{Result: result}
	}
	var said struct {
		OutTradeNo   string `json:"out_trade_no"`
		TradeNo      string `json:"trade_no"`
		OutRequestNo string `json:"out_request_no"`
		RefundAmount string `json:"refund_amount"`
		RefundStatus string `json:"refund_status"`
	}
	if err := n.fill(&said); err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	if said.OutRequestNo == "" && said.RefundAmount == "" {
		return merchant.RefundAnswer{Result: merchant.Result{Outcome: merchant.Failed, Class: merchant.NotFound, Detail: "no such refund"}}
	}
	if said.OutTradeNo != string(asked.Payment) || said.OutRequestNo != string(asked.Refund) {
		return merchant.RefundAnswer{Result: unanswered(fmt.Errorf("asked about %s, answered about %.64q of %.64q", asked.Refund, said.OutRequestNo, said.OutTradeNo))}
	}
	report := merchant.RefundReport{Payment: asked.Payment, Refund: asked.Refund,
		ProviderReference: payment.ProviderReference(said.TradeNo), State: payment.RefundProcessing}
	if said.RefundStatus == "REFUND_SUCCESS" {
		report.State = payment.RefundDone
	}
	if report.Amount, err = yuan(said.RefundAmount, ""); err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	return merchant.RefundAnswer{Result: result, Report: report}
}
