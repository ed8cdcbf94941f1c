package wechatpay

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// A coupon of the provider's own: the order is paid in full, the shopper pays less,
// and every message says both.
func TestConduct_Promotion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := conducted(t, faults.Conduct{CouponPercent: 10}, "promotion")
		b.paid("order-0001")
		synctest.Wait()
		require.EqualValues(t, full-91, b.balance())
		told := map[string]any{"total": 101.0, "payer_total": 91.0, "currency": "CNY", "payer_currency": "CNY"}
		queried := b.query("order-0001")
		require.Equal(t, told, queried.body["amount"])
		require.EqualValues(t, 10, queried.body["promotion_detail"].([]any)[0].(map[string]any)["amount"])
		_, inner := b.unfold(b.Sent()[0])
		require.Equal(t, queried.body, inner)

		accepted := b.refund("order-0001", "r1", 50)
		amount := accepted.body["amount"].(map[string]any)
		require.EqualValues(t, 50, amount["refund"])
		require.EqualValues(t, 46, amount["payer_refund"], "the coupon's share of 50 is 4")
		require.EqualValues(t, 4, amount["discount_refund"])
		require.NoError(t, b.provider.Audit())
		require.Equal(t, []string{"t1.promotion"}, b.Fired())
	})
}

// A refund that was accepted fails: its query and its notification say how, and the
// money is where they say.
func TestConduct_RefundFails(t *testing.T) {
	for how, want := range map[faults.RefundFails]struct {
		status, event string
		left          int64 // that can still be refunded
	}{
		faults.RefundCloses:     {refundClosed, "REFUND.CLOSED", 101},
		faults.RefundGoesAstray: {refundAbnormal, "REFUND.ABNORMAL", 1},
	} {
		t.Run(string(how), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := conducted(t, faults.Conduct{RefundFails: how, RefundsFail: 1}, "refund-fails-after-accept")
				b.paid("order-0001")
				synctest.Wait()
				require.Equal(t, refundProcessing, b.refund("order-0001", "r1", 100).text("status"))
				time.Sleep(2*time.Minute + time.Second)
				require.Equal(t, want.status, b.call("GET", refundPath+"/r1", "").text("status"))
				require.EqualValues(t, full-101, b.balance(), "nothing reached the shopper")
				outer, inner := b.unfold(b.Sent()[1])
				require.Equal(t, want.event, outer.EventType)
				require.Equal(t, want.status, inner["refund_status"])
				require.NotContains(t, inner, "success_time")
				require.NotEqual(t, 200, b.refund("order-0001", "r2", want.left+1).status)
				require.Equal(t, 200, b.refund("order-0001", "r3", want.left).status)
				require.NoError(t, b.provider.Audit())
				require.Equal(t, []string{"t1.refund-fails-after-accept"}, b.Fired())
			})
		})
	}
}

// A barcode payment waits for its shopper, who confirms it or does not.
func TestConduct_Pending(t *testing.T) {
	for fails, want := range map[bool]string{false: stateSuccess, true: statePayError} {
		synctest.Test(t, func(t *testing.T) {
			b := conducted(t, faults.Conduct{PendingFor: 10 * time.Second, PendingFails: fails}, "pending-then-paid", "pending-then-failed")
			asked := b.call("POST", codepayPath, b.codepay("order-0001", b.barcode()))
			require.Equal(t, stateUserPaying, asked.text("trade_state"))
			require.EqualValues(t, full, b.balance())
			time.Sleep(11 * time.Second)
			require.Equal(t, want, b.query("order-0001").text("trade_state"))
			require.Equal(t, !fails, b.balance() == full-101)
		})
	}
}

// The first closes are refused because the shopper is paying; the order is what it
// was, and can be closed later.
func TestConduct_CloseUserPaying(t *testing.T) {
	b := conducted(t, faults.Conduct{ClosesRefused: 2}, "close-user-paying")
	b.native("order-0001")
	for range 2 {
		b.refuses(b.close("order-0001"), 202, "USER_PAYING")
		require.Equal(t, stateNotPay, b.query("order-0001").text("trade_state"))
	}
	require.Equal(t, 204, b.close("order-0001").status)
	require.Equal(t, []string{"t1.close-user-paying"}, b.Fired())
}

// What the provider says of one payment is minutes away from the merchant's clock,
// also in what it signs; a real client bears up to five.
func TestConduct_ClockSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := conducted(t, faults.Conduct{Skew: -4 * time.Minute}, "clock-skew")
		b.paid("order-0001")
		synctest.Wait()
		now := time.Now()
		sent := b.Sent()[0]
		signed, err := strconv.ParseInt(sent.Header.First("Wechatpay-Timestamp"), 10, 64)
		require.NoError(t, err)
		require.Equal(t, now.Add(-4*time.Minute).Unix(), signed)
		_, inner := b.unfold(sent)
		said, err := time.Parse(time.RFC3339, inner["success_time"].(string))
		require.NoError(t, err)
		require.Equal(t, now.Add(-4*time.Minute).Unix(), said.Unix())
		require.Equal(t, []string{"t1.clock-skew"}, b.Fired())
	})
}

// The shopper looks at the code for a while; what became of the order meanwhile counts.
func TestConduct_LateByHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := conducted(t, faults.Conduct{Hesitates: 2 * time.Second}, "late-by-hours")
		code := b.native("order-0001")
		begun := time.Now()
		receipt, err := b.provider.Pay(t.Context(), "t1", code)
		require.NoError(t, err)
		require.Equal(t, payment.Fen(101), receipt.Amount)
		require.Equal(t, 2*time.Second, time.Since(begun))
	})
}
