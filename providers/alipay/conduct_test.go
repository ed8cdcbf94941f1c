package alipay

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
)

// TestConducts_Promotion: a coupon of the provider's own. The trade is paid in full,
// the buyer pays less, and answer, query and notification say both.
func TestConducts_Promotion(t *testing.T) {
	b := conducted(t, faults.Conduct{CouponPercent: 10}, "promotion")
	got := b.call(pay, payBody("A1", b.barcode()))
	b.done(got)
	queried, told := b.query("A1"), b.told(b.deliveries(1)[0])
	for _, said := range []func(string) string{got.text, queried.text, told.Get} {
		require.Equal(t, []string{"1.01", "1.01", "0.91", "0.91"},
			[]string{said("total_amount"), said("receipt_amount"), said("buyer_pay_amount"), said("invoice_amount")})
	}
	require.JSONEq(t, `[{"amount":"0.91","fundChannel":"ALIPAYACCOUNT"},{"amount":"0.10","fundChannel":"MCOUPON"}]`, told.Get("fund_bill_list"))
	require.Contains(t, told.Get("voucher_detail_list"), `"amount":"0.10"`)
	require.NoError(t, b.provider.Audit())
	require.Equal(t, []string{"t1.promotion"}, b.Fired())
}

// TestConducts_FinalStateWord: a paid trade is finished at once, or in a second
// notification under an id of its own; it cannot be refunded any more.
func TestConducts_FinalStateWord(t *testing.T) {
	for name, c := range map[string]struct {
		conduct faults.Conduct
		words   []string
	}{
		"at once": {faults.Conduct{FinishAtOnce: true}, []string{"TRADE_FINISHED"}},
		"later":   {faults.Conduct{FinishAfter: time.Second}, []string{"TRADE_SUCCESS", "TRADE_FINISHED"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := conducted(t, c.conduct, "final-state-word")
				b.paid("A1")
				time.Sleep(2 * time.Second)
				var words []string
				ids := map[string]bool{}
				for _, each := range b.Sent() {
					told := b.told(each)
					words, ids[told.Get("notify_id")] = append(words, told.Get("trade_status")), true
				}
				require.Equal(t, c.words, words)
				require.Len(t, ids, len(words))
				require.Equal(t, "TRADE_FINISHED", b.query("A1").text("trade_status"))
				b.refuses(b.refund("A1", "R1", "0.40"), "40004", "ACQ.TRADE_HAS_FINISHED")
				require.Equal(t, []string{"t1.final-state-word"}, b.Fired())
			})
		})
	}
}

// TestConducts_Pending: 10003, and later paid, or closed without money.
func TestConducts_Pending(t *testing.T) {
	for fails, want := range map[bool]string{false: "TRADE_SUCCESS", true: "TRADE_CLOSED"} {
		synctest.Test(t, func(t *testing.T) {
			b := conducted(t, faults.Conduct{PendingFor: 10 * time.Second, PendingFails: fails}, "pending-then-paid", "pending-then-failed")
			got := b.call(pay, payBody("A1", b.barcode()))
			require.Equal(t, "10003", got.text("code"))
			require.Equal(t, "WAIT_BUYER_PAY", b.query("A1").text("trade_status"))
			time.Sleep(11 * time.Second)
			require.Equal(t, want, b.query("A1").text("trade_status"))
			require.NoError(t, b.provider.Audit())
		})
	}
}
