package unionpay

import (
	"context"
	"fmt"
	"strconv"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// PrepareRefund implements merchant.Refunds. A refund is an order of its own,
// with its own number and time (section 12).
func (c *Client) PrepareRefund(intent merchant.RefundIntent) (merchant.Request, error) {
	paid, err := stored(intent.Request)
	if err != nil {
		return merchant.Request{}, err
	}
	if intent.ProviderReference == "" || intent.Amount.Currency != payment.CNY {
		return merchant.Request{}, fmt.Errorf("refund %s of %q: %w", intent.Amount, intent.ProviderReference, merchant.ErrInvalid)
	}
	f := c.common("04", "00", paid["bizType"])
	f["orderId"], f["txnTime"] = string(intent.Refund), wireTime(c.clock.Now())
	f["txnAmt"], f["currencyCode"] = strconv.FormatInt(intent.Amount.Minor, 10), "156"
	f["origQryId"] = string(intent.ProviderReference)
	f["origOrderId"], f["origTxnTime"] = paid["orderId"], paid["txnTime"]
	f["backUrl"] = c.public + "/notify/" + string(Name)
	return merchant.Request{Path: backPath, Body: f.body()}, nil
}

// Refund implements merchant.Refunds. Success says accepted; when the money
// has moved, a query tells (section 7).
func (c *Client) Refund(ctx context.Context, asked merchant.RefundAsked, request merchant.Request) merchant.RefundAnswer {
	f, err := stored(request)
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	answer, err := c.call(ctx, request.Path, f)
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	return refundAnswer(asked, answer, payment.RefundProcessing)
}

// QueryRefund implements merchant.Refunds.
func (c *Client) QueryRefund(ctx context.Context, asked merchant.RefundAsked) merchant.RefundAnswer {
	_, answer, err := c.query(ctx, asked.Request)
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	state := payment.RefundProcessing
	switch found, _ := classOf(answer["origRespCode"]); found {
	case success:
		state = payment.RefundDone
	case refused:
		state = payment.RefundRefused
	}
	return refundAnswer(asked, answer, state)
}

// refundAnswer reads an answer about a refund that, if the call worked, is in
// the given state. One about another refund says nothing, whatever it says.
func refundAnswer(asked merchant.RefundAsked, answer fields, state payment.RefundState) merchant.RefundAnswer {
	said := result(answer)
	ours := answer["orderId"] == string(asked.Refund)
	if said.Outcome != merchant.OK && ours {
		return merchant.RefundAnswer{Result: said}
	}
	if !ours || answer["txnType"] != "04" {
		return merchant.RefundAnswer{Result: unanswered(fmt.Errorf("asked about refund %s, answered about %.64q of type %.8q",
			asked.Refund, answer["orderId"], answer["txnType"]))}
	}
	amount, err := fen(answer["txnAmt"], answer["currencyCode"])
	if err != nil {
		return merchant.RefundAnswer{Result: unanswered(err)}
	}
	return merchant.RefundAnswer{Result: said, Report: merchant.RefundReport{Payment: asked.Payment, Refund: asked.Refund,
		ProviderReference: payment.ProviderReference(answer["queryId"]), State: state, Amount: amount}}
}
