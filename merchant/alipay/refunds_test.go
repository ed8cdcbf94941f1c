package alipay

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// refunding is refund R1 of 20.00 of payment P1.
func refunding(tb testing.TB, c *Client) (merchant.RefundAsked, merchant.Request) {
	tb.Helper()
	request, err := c.PrepareRefund(merchant.RefundIntent{Payment: "P1", Refund: "R1", Amount: payment.Fen(2000), Captured: payment.Fen(8880),
		Reason: "asked", ProviderReference: "T1"})
	require.NoError(tb, err)
	return merchant.RefundAsked{Payment: "P1", Refund: "R1", Request: request}, request
}

func TestRefund_SameBytesAndNoNotifyURL(t *testing.T) {
	busy := answer{node: `{"code":"20000","msg":"Service Currently Unavailable","sub_code":"isp.unknow-error"}`}
	c, seen := gateway(t, busy, busy)
	asked, request := refunding(t, c)
	for range 2 {
		require.Equal(t, merchant.Indeterminate, c.Refund(context.Background(), asked, request).Outcome)
	}
	for _, form := range *seen {
		require.Equal(t, methodRefund, form.Get("method"))
		require.Equal(t, `{"out_trade_no":"P1","refund_amount":"20.00","out_request_no":"R1","refund_reason":"asked"}`, form.Get("biz_content"))
		require.Empty(t, form.Get("notify_url"), "refunds are notified to the payment's own address")
	}
}

func TestPrepareRefund_OnlyRenminbi(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	_, err := c.PrepareRefund(merchant.RefundIntent{Payment: "P1", Refund: "R1", Amount: payment.Money{Minor: 1, Currency: "USD"}})
	require.ErrorIs(t, err, merchant.ErrInvalid)
}

// TestRefund_OnlyFundChangeSaysDone: 10000 alone decides nothing (section 6),
// and refund_fee is the sum of all refunds so far.
func TestRefund_OnlyFundChangeSaysDone(t *testing.T) {
	for name, row := range map[string]struct {
		fields  string
		outcome merchant.Outcome
	}{
		"moved now":                {`"fund_change":"Y","out_trade_no":"P1","refund_fee":"20.00"`, merchant.OK},
		"moved now, others before": {`"fund_change":"Y","out_trade_no":"P1","refund_fee":"50.00"`, merchant.OK},
		"moved before":             {`"fund_change":"N","out_trade_no":"P1","refund_fee":"20.00"`, merchant.Indeterminate},
		"does not say":             {`"out_trade_no":"P1","refund_fee":"20.00"`, merchant.Indeterminate},
		"less than was asked":      {`"fund_change":"Y","out_trade_no":"P1","refund_fee":"19.99"`, merchant.Indeterminate},
		"no sum":                   {`"fund_change":"Y","out_trade_no":"P1"`, merchant.Indeterminate},
		"sum is no amount":         {`"fund_change":"Y","out_trade_no":"P1","refund_fee":"20.001"`, merchant.Indeterminate},
		"another payment":          {`"fund_change":"Y","out_trade_no":"P2","refund_fee":"20.00"`, merchant.Indeterminate},
		"no payment":               {`"fund_change":"Y","refund_fee":"20.00"`, merchant.Indeterminate},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := gateway(t, answer{node: `{"code":"10000","msg":"Success","trade_no":"T1",` + row.fields + `}`})
			asked, request := refunding(t, c)
			got := c.Refund(context.Background(), asked, request)
			require.Equal(t, row.outcome, got.Outcome, got.Detail)
			if row.outcome == merchant.OK {
				state := payment.RefundDone
				if name == "moved now, others before" {
					state = payment.RefundProcessing
				}
				require.Equal(t, merchant.RefundReport{Payment: "P1", Refund: "R1", ProviderReference: "T1",
					State: state, Amount: payment.Fen(2000)}, got.Report)
			}
		})
	}
}

func TestRefund_Refusals(t *testing.T) {
	for sub, class := range map[string]merchant.Class{
		"ACQ.SELLER_BALANCE_NOT_ENOUGH": merchant.NotEnough, "ACQ.TRADE_NOT_EXIST": merchant.NotFound,
		"ACQ.REASON_TRADE_REFUND_FEE_ERR": merchant.Conflict, "ACQ.TRADE_HAS_CLOSE": merchant.OrderClosed,
		"ACQ.REASON_TRADE_BEEN_FREEZEN": merchant.Offline, "ACQ.SYSTEM_ERROR": "", "ACQ.REFUNDALLOC_UNAUTH_LIMIT": "",
	} {
		c, _ := gateway(t, refusal(sub, "P1"))
		asked, request := refunding(t, c)
		got := c.Refund(context.Background(), asked, request)
		require.Equal(t, class, got.Class, sub)
		require.Equal(t, class == "", got.Outcome == merchant.Indeterminate, sub)
	}
}

func TestQueryRefund(t *testing.T) {
	report := func(state payment.RefundState, fen int64) merchant.RefundAnswer {
		return merchant.RefundAnswer{Result: merchant.Result{Outcome: merchant.OK}, Report: merchant.RefundReport{
			Payment: "P1", Refund: "R1", ProviderReference: "T1", State: state, Amount: payment.Fen(fen)}}
	}
	for name, row := range map[string]struct {
		fields string
		want   merchant.RefundAnswer
	}{
		"done":           {`,"out_request_no":"R1","out_trade_no":"P1","refund_amount":"20.00","refund_status":"REFUND_SUCCESS","trade_no":"T1"`, report(payment.RefundDone, 2000)},
		"another amount": {`,"out_request_no":"R1","out_trade_no":"P1","refund_amount":"19.00","refund_status":"REFUND_SUCCESS","trade_no":"T1"`, report(payment.RefundDone, 1900)},
		"under way":      {`,"out_request_no":"R1","out_trade_no":"P1","refund_amount":"20.00","trade_no":"T1"`, report(payment.RefundProcessing, 2000)},
		"wrong number":   {``, merchant.RefundAnswer{Result: merchant.Result{Outcome: merchant.Failed, Class: merchant.NotFound}}},
		"another refund": {`,"out_request_no":"R2","out_trade_no":"P1","refund_amount":"20.00","refund_status":"REFUND_SUCCESS"`, merchant.RefundAnswer{}},
		"another trade":  {`,"out_request_no":"R1","out_trade_no":"P2","refund_amount":"20.00","refund_status":"REFUND_SUCCESS"`, merchant.RefundAnswer{}},
		"no amount":      {`,"out_request_no":"R1","out_trade_no":"P1","refund_status":"REFUND_SUCCESS"`, merchant.RefundAnswer{}},
	} {
		t.Run(name, func(t *testing.T) {
			c, seen := gateway(t, answer{node: `{"code":"10000","msg":"Success"` + row.fields + `}`})
			asked, _ := refunding(t, c)
			got := c.QueryRefund(context.Background(), asked)
			got.Detail = ""
			require.Equal(t, row.want, got)
			require.Equal(t, `{"out_request_no":"R1","out_trade_no":"P1"}`, (*seen)[0].Get("biz_content"))
		})
	}
}
