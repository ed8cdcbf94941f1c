package unionpay

import (
	"context"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

const captured = "512611231402335616528"

// refunding is refund R0000001 of 2.00 of payment P0000001.
func refunding(tb testing.TB, c *Client) (merchant.RefundAsked, merchant.Request) {
	tb.Helper()
	request, err := c.PrepareRefund(merchant.RefundIntent{Payment: "P0000001", Refund: "R0000001", Amount: payment.Fen(200), Captured: payment.Fen(1001),
		Reason: "asked", ProviderReference: captured, Request: started(tb, c, payment.MethodCode).Request})
	require.NoError(tb, err)
	return merchant.RefundAsked{Payment: "P0000001", Refund: "R0000001", Request: request}, request
}

// refundPairs are what the gateway says of the refund.
func refundPairs(code string) answer {
	return said(code, "txnType", "04", "txnSubType", "00", "queryId", "512611231402335616529", "txnAmt", "200", "currencyCode", "156")
}

// TestRefund_OnTheWire: an order of its own, whose number and time never
// change: under new ones the money would go back twice (section 10).
func TestRefund_OnTheWire(t *testing.T) {
	c, seen := gateway(t, refundPairs("03"), refundPairs("00"))
	asked, request := refunding(t, c)
	require.Equal(t, merchant.Indeterminate, c.Refund(context.Background(), asked, request).Outcome)
	got := c.Refund(context.Background(), asked, request)
	got.Detail = ""
	require.Equal(t, merchant.RefundAnswer{Result: merchant.Result{Outcome: merchant.OK}, Report: merchant.RefundReport{Payment: "P0000001",
		Refund: "R0000001", ProviderReference: "512611231402335616529", State: payment.RefundProcessing, Amount: payment.Fen(200)}}, got, "00 says accepted")
	for _, each := range *seen {
		each.form.Del("signature")
		require.Equal(t, backPath, each.path)
		require.Equal(t, url.Values{"version": {"5.1.0"}, "encoding": {"UTF-8"}, "signMethod": {"01"}, "certId": {testCertID}, "txnType": {"04"},
			"txnSubType": {"00"}, "bizType": {"000000"}, "accessType": {"0"}, "channelType": {"08"}, "merId": {testMerchant}, "orderId": {"R0000001"},
			"txnTime": {"20261123140233"}, "txnAmt": {"200"}, "currencyCode": {"156"}, "origQryId": {captured}, "origOrderId": {"P0000001"},
			"origTxnTime": {"20261123140233"}, "backUrl": {"https://shop.example/notify/unionpay"}}, each.form)
	}
}

func TestPrepareRefund_Refuses(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	for name, intent := range map[string]merchant.RefundIntent{
		"not captured":     {Amount: payment.Fen(1)},
		"another currency": {Amount: payment.Money{Minor: 1, Currency: "USD"}, ProviderReference: captured},
	} {
		_, err := c.PrepareRefund(intent)
		require.ErrorIs(t, err, merchant.ErrInvalid, name)
	}
	_, err := c.PrepareRefund(merchant.RefundIntent{Amount: payment.Fen(1), ProviderReference: captured, Request: merchant.Request{Body: "%zz"}})
	require.Error(t, err)
}

// TestRefund_Answers: twelve says that the number is in use, and so that the
// first try may have moved the money: to call that refused invites a second
// refund under another number.
func TestRefund_Answers(t *testing.T) {
	for name, row := range map[string]struct {
		answer answer
		want   merchant.Result
	}{
		"accepted":       {refundPairs("00"), merchant.Result{Outcome: merchant.OK}},
		"in use":         {refundPairs("12"), merchant.Result{}},
		"nobody knows":   {refundPairs("04"), merchant.Result{}},
		"too much":       {refundPairs("36"), merchant.Result{Outcome: merchant.Failed, Class: merchant.Conflict}},
		"no payment":     {refundPairs("34"), merchant.Result{Outcome: merchant.Failed, Class: merchant.NotFound}},
		"refused":        {refundPairs("61"), merchant.Result{Outcome: merchant.Failed, Class: merchant.Declined}},
		"another refund": {refundPairs("00").with("orderId", "R0000002"), merchant.Result{}},
		"refusal of it":  {refundPairs("61").with("orderId", "R0000002"), merchant.Result{}},
		"a payment":      {refundPairs("00").with("txnType", "01"), merchant.Result{}},
		"no amount":      {refundPairs("00").with("txnAmt", ""), merchant.Result{}},
	} {
		c, _ := gateway(t, row.answer)
		asked, request := refunding(t, c)
		got := c.Refund(context.Background(), asked, request)
		got.Detail = ""
		require.Equal(t, row.want, got.Result, name)
	}
}

func TestQueryRefund(t *testing.T) {
	of := func(code string) answer { return refundPairs("00").with("origRespCode", code) }
	failed := func(class merchant.Class) merchant.Result {
		return merchant.Result{Outcome: merchant.Failed, Class: class}
	}
	for name, row := range map[string]struct {
		answer answer
		want   merchant.Result
		state  payment.RefundState
	}{
		"done":           {of("00"), merchant.Result{Outcome: merchant.OK}, payment.RefundDone},
		"with a defect":  {of("A6"), merchant.Result{Outcome: merchant.OK}, payment.RefundDone},
		"under way":      {of("05"), merchant.Result{Outcome: merchant.OK}, payment.RefundProcessing},
		"number in use":  {of("12"), merchant.Result{Outcome: merchant.OK}, payment.RefundProcessing},
		"not said":       {of(""), merchant.Result{Outcome: merchant.OK}, payment.RefundProcessing},
		"refused":        {of("61"), merchant.Result{Outcome: merchant.OK}, payment.RefundRefused},
		"none":           {said("34"), failed(merchant.NotFound), ""},
		"none of others": {said("34", "orderId", "R0000002"), merchant.Result{}, ""},
		"busy":           {said("06"), merchant.Result{}, ""},
		"another refund": {of("00").with("orderId", "R0000002"), merchant.Result{}, ""},
		"another time":   {of("00").with("txnTime", "20261123140234"), merchant.Result{}, ""},
		"a payment":      {of("00").with("txnType", "01"), merchant.Result{}, ""},
	} {
		c, seen := gateway(t, row.answer)
		asked, _ := refunding(t, c)
		got := c.QueryRefund(context.Background(), asked)
		got.Detail = ""
		require.Equal(t, row.want, got.Result, name)
		require.Equal(t, row.state, got.Report.State, name)
		require.Equal(t, "R0000001", (*seen)[0].form.Get("orderId"))
	}
}
