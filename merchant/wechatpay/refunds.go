package wechatpay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// refunds is the path under which refunds are (section 3.4).
const refunds = "/v3/refund/domestic/refunds"

// refundAmount is how much goes back of how much.
type refundAmount struct {
	Refund   *int64           `json:"refund"`
	Total    int64            `json:"total"`
	Currency payment.Currency `json:"currency"`
}

// refundBody is the body of a refund request. Total must be the payment's
// gross amount each time, however much has gone back (section 4.3).
type refundBody struct {
	OutTradeNo    string       `json:"out_trade_no,omitempty"`
	TransactionID string       `json:"transaction_id,omitempty"`
	OutRefundNo   string       `json:"out_refund_no"`
	Reason        string       `json:"reason"`
	NotifyURL     string       `json:"notify_url"`
	Amount        refundAmount `json:"amount"`
}

// PrepareRefund implements merchant.Refunds.
func (c *Client) PrepareRefund(intent merchant.RefundIntent) (merchant.Request, error) {
	body := refundBody{
		OutTradeNo: string(intent.Payment), OutRefundNo: string(intent.Refund), Reason: intent.Reason,
		NotifyURL: c.notifyURL,
		Amount:    refundAmount{Refund: &intent.Amount.Minor, Total: intent.Captured.Minor, Currency: intent.Amount.Currency},
	}
	if isCombined(intent.Request) { // a part goes by the provider's number for it (section 3.9)
		body.OutTradeNo, body.TransactionID = "", string(intent.ProviderReference)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return merchant.Request{}, fmt.Errorf("write refund: %w", err)
	}
	return merchant.Request{Path: refunds, Body: string(text)}, nil
}

// Refund implements merchant.Refunds. A 200 says accepted; whether it is done
// is in its status.
func (c *Client) Refund(ctx context.Context, asked merchant.RefundAsked, request merchant.Request) merchant.RefundAnswer {
	r, err := c.call(ctx, http.MethodPost, request.Path, request.Body)
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	answer := c.refundAnswer(asked, r)
	answer.Result = r.believeOnly(answer.Result)
	return answer
}

// QueryRefund implements merchant.Refunds.
func (c *Client) QueryRefund(ctx context.Context, asked merchant.RefundAsked) merchant.RefundAnswer {
	r, err := c.call(ctx, http.MethodGet, refunds+"/"+url.PathEscape(string(asked.Refund)), "")
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	return c.refundAnswer(asked, r)
}

// refundWire is a refund as answers (status) and notifications (mchid,
// refund_status) write it.
type refundWire struct {
	MerchantID   string       `json:"mchid"`
	OutTradeNo   string       `json:"out_trade_no"`
	OutRefundNo  string       `json:"out_refund_no"`
	RefundID     string       `json:"refund_id"`
	Status       string       `json:"status"`
	RefundStatus string       `json:"refund_status"`
	Amount       refundAmount `json:"amount"`
}

func (c *Client) refundAnswer(asked merchant.RefundAsked, r reply) merchant.RefundAnswer {
	result := r.result(http.StatusOK)
	if result.Outcome != merchant.OK {
		return merchant.RefundAnswer{Result: result}
	}
	var wire refundWire
	if err := decode(r.body, &wire); err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	report, err := wire.report(wire.Status)
	if err == nil && (report.Payment != asked.Payment || report.Refund != asked.Refund) {
		err = fmt.Errorf("asked about %s, answered about %.64q of %.64q", asked.Refund, report.Refund, report.Payment)
	}
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	return merchant.RefundAnswer{Result: result, Report: report}
}

// report translates a refund (section 4.2). Its currency is that of the
// payment; notifications do not repeat it, and it can only be renminbi here.
func (w refundWire) report(status string) (merchant.RefundReport, error) {
	if w.OutRefundNo == "" || w.RefundID == "" || w.Amount.Refund == nil {
		return merchant.RefundReport{}, fmt.Errorf("refund %.64q lacks its ids or amount", w.OutRefundNo)
	}
	state, err := refundState(status)
	if err != nil {
		return merchant.RefundReport{}, err
	}
	currency := w.Amount.Currency
	if currency == "" {
		currency = payment.CNY
	}
	return merchant.RefundReport{
		Payment: payment.MerchantReference(w.OutTradeNo), Refund: payment.RefundReference(w.OutRefundNo),
		ProviderReference: payment.ProviderReference(w.RefundID), State: state,
		Amount: payment.Money{Minor: *w.Amount.Refund, Currency: currency},
	}, nil
}

// refundState translates status. ABNORMAL money lies between two accounts
// until a person moves it; CLOSED moved none.
func refundState(status string) (payment.RefundState, error) {
	switch status {
	case "PROCESSING":
		return payment.RefundProcessing, nil
	case "SUCCESS":
		return payment.RefundDone, nil
	case "CLOSED":
		return payment.RefundRefused, nil
	case "ABNORMAL":
		return payment.RefundHandedOver, nil
	default:
		return "", fmt.Errorf("refund status %.32q is not known", status)
	}
}
