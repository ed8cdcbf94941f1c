package wechatpay

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

func (b *bench) barcode() string {
	b.t.Helper()
	shown, err := b.provider.Barcode(b.t.Context(), "t1")
	require.NoError(b.t, err)
	require.Regexp(b.t, `^13\d{16}$`, shown)
	return shown
}

func (b *bench) balance() int64 {
	b.t.Helper()
	balance, err := b.provider.Balance("t1")
	require.NoError(b.t, err)
	return balance.Minor
}

const full = 10_000_000

func TestCodepay_CapturesAtOnceAndTellsNobody(t *testing.T) {
	b := open(t, nil)
	shown := b.barcode()
	got := b.call("POST", codepayPath, b.codepay("order-0001", shown))
	require.Equal(t, 200, got.status, string(got.raw))
	require.Equal(t, stateSuccess, got.text("trade_state"))
	require.Equal(t, "MICROPAY", got.text("trade_type"))
	require.EqualValues(t, full-101, b.balance())
	require.Empty(t, b.provider.Outstanding(), "no notification")

	b.refuses(b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())), 400, "ORDERPAID")
	b.refuses(b.call("POST", codepayPath, b.codepay("order-0002", shown)), 400, "AUTH_CODE_INVALID")
	b.refuses(b.call("POST", codepayPath, b.codepay("order-0002", "139999999999999999")), 400, "AUTH_CODE_INVALID")
	b.refuses(b.call("POST", codepayPath, b.codepay("order-0002", "990000000000000000")), 400, "PARAM_ERROR")
	b.refuses(b.query("order-0002"), 404, "ORDER_NOT_EXIST")
	got = b.close("order-0001")
	b.refuses(got, 400, "INVALID_REQUEST")
	require.EqualValues(t, full-101, b.balance())
}

func TestCodepay_BarcodeLivesAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		shown := b.barcode()
		time.Sleep(61 * time.Second)
		b.refuses(b.call("POST", codepayPath, b.codepay("order-0001", shown)), 400, "AUTHCODEEXPIRE")
	})
}

func TestReverse(t *testing.T) {
	b := open(t, nil)
	b.refuses(b.reverse("order-0001"), 404, "ORDER_NOT_EXIST")
	require.Equal(t, 200, b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())).status)
	for range 2 {
		got := b.reverse("order-0001")
		require.Equal(t, 200, got.status)
		require.Equal(t, map[string]any{"appid": b.merchant.AppID, "mchid": b.merchant.MchID, "out_trade_no": "order-0001"}, got.body)
		require.EqualValues(t, full, b.balance(), "returned, once")
	}
	require.Equal(t, stateRevoked, b.query("order-0001").text("trade_state"))
	b.refuses(b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())), 400, "ORDER_CLOSED")
	b.refuses(b.refund("order-0001", "r1", 101), 400, "INVALID_REQUEST")

	require.Equal(t, 200, b.call("POST", codepayPath, b.codepay("order-0002", b.barcode())).status)
	require.Equal(t, 200, b.refund("order-0002", "r2", 1).status)
	b.refuses(b.reverse("order-0002"), 400, "INVALID_REQUEST")
	b.native("order-0003")
	b.refuses(b.reverse("order-0003"), 400, "INVALID_REQUEST")
	require.NoError(t, b.provider.Audit())
}

func TestReverse_NotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, func(c *Config) { c.Options.ReverseNotBefore = faults.Duration(15 * time.Second) })
		require.Equal(t, 200, b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())).status)
		b.refuses(b.reverse("order-0001"), 400, "INVALID_REQUEST")
		time.Sleep(15 * time.Second)
		require.Equal(t, 200, b.reverse("order-0001").status)
	})
}

// A password: USERPAYING, and from there to SUCCESS, PAYERROR or REVOKED
// (protocol wechatpay §4.1).
func TestCodepay_Password(t *testing.T) {
	ask := func(c *Config) { c.Options.PasswordAbove = 100 }
	synctest.Test(t, func(t *testing.T) {
		b := open(t, ask)
		begin := func(number string) string {
			shown := b.barcode()
			got := b.call("POST", codepayPath, b.codepay(number, shown))
			require.Equal(t, 200, got.status)
			require.Equal(t, stateUserPaying, got.text("trade_state"))
			require.Equal(t, stateUserPaying, b.query(number).text("trade_state"))
			return shown
		}
		shown := begin("order-0001")
		require.Equal(t, stateUserPaying, b.call("POST", codepayPath, b.codepay("order-0001", shown)).text("trade_state"), "asked again")
		_, err := b.provider.Pay(t.Context(), "t2", shown)
		require.ErrorIs(t, err, providers.ErrUnknownCode)
		_, err = b.provider.Pay(t.Context(), "t1", shown)
		require.NoError(t, err)
		require.Equal(t, stateSuccess, b.query("order-0001").text("trade_state"))

		require.NoError(t, b.provider.Cancel(t.Context(), "t1", begin("order-0002")))
		require.Equal(t, statePayError, b.query("order-0002").text("trade_state"))
		require.Equal(t, 200, b.reverse("order-0002").status)

		late := begin("order-0003")
		time.Sleep(45 * time.Second)
		require.Equal(t, stateRevoked, b.query("order-0003").text("trade_state"))
		_, err = b.provider.Pay(t.Context(), "t1", late)
		require.ErrorIs(t, err, providers.ErrNotPayable)
		require.EqualValues(t, full-101, b.balance())
	})
	b := open(t, func(c *Config) { ask(c); c.Options.PasswordNeeded202 = true })
	b.refuses(b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())), 202, "USER_PAYING")
}

func TestConduct_Decline(t *testing.T) {
	b := conducted(t, faults.Conduct{Decline: "RULE_LIMIT", Declines: 2}, "decline")
	code := b.native("order-0001")
	for range 2 {
		_, err := b.provider.Pay(t.Context(), "t1", code)
		require.ErrorIs(t, err, providers.ErrDeclined)
		require.ErrorContains(t, err, "RULE_LIMIT")
		require.Equal(t, stateNotPay, b.query("order-0001").text("trade_state"))
	}
	_, err := b.provider.Pay(t.Context(), "t1", code)
	require.NoError(t, err)
	require.Equal(t, []string{"t1.decline"}, b.Fired(), "once per payment")
}

func TestConduct_DeclineOfABarcode(t *testing.T) {
	b := conducted(t, faults.Conduct{Decline: "NOT_ENOUGH", Declines: 1}, "decline")
	b.refuses(b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())), 403, "NOT_ENOUGH")
	require.Equal(t, statePayError, b.query("order-0001").text("trade_state"))
	require.Equal(t, 200, b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())).status, "the next try is accepted")
	require.Equal(t, []string{"t1.decline"}, b.Fired())

	poor := open(t, nil, providers.Part{Trial: "t1", Balance: payment.Fen(1)})
	poor.refuses(poor.call("POST", codepayPath, poor.codepay("order-0001", poor.barcode())), 403, "NOT_ENOUGH")
}

func TestConduct_UnknownOutcomeOfABarcode(t *testing.T) {
	b := conducted(t, faults.Conduct{UnknownOutcome: true}, "unknown-outcome")
	b.refuses(b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())), 500, "SYSTEM_ERROR")
	require.EqualValues(t, full-101, b.balance(), "although the money was taken")
	require.Equal(t, stateSuccess, b.query("order-0001").text("trade_state"), "later calls are truthful")
	require.Equal(t, 200, b.refund("order-0001", "r1", 101).status, "once per payment")
	require.Equal(t, []string{"t1.unknown-outcome"}, b.Fired())
}

func TestConduct_UnknownOutcomeOfARefund(t *testing.T) {
	b := conducted(t, faults.Conduct{UnknownOutcome: true}, "unknown-outcome")
	b.paid("order-0001")
	b.refuses(b.refund("order-0001", "r1", 50), 500, "SYSTEM_ERROR")
	require.Equal(t, refundProcessing, b.refund("order-0001", "r1", 50).text("status"))
	require.Equal(t, refundProcessing, b.call("GET", refundPath+"/r1", "").text("status"))
	require.Equal(t, []string{"t1.unknown-outcome"}, b.Fired())
}

func TestConduct_QueryLag(t *testing.T) {
	b := conducted(t, faults.Conduct{QueryLag: 2}, "query-lag")
	code := b.native("order-0001")
	require.Equal(t, stateNotPay, b.query("order-0001").text("trade_state"))
	require.Empty(t, b.Fired(), "before the capture unpaid is the truth")
	_, err := b.provider.Pay(t.Context(), "t1", code)
	require.NoError(t, err)
	b.refuses(b.close("order-0001"), 400, "ORDERPAID")
	for _, want := range []string{stateNotPay, stateNotPay, stateSuccess, stateSuccess} {
		got := b.query("order-0001")
		require.Equal(t, want, got.text("trade_state"))
		require.Equal(t, want == stateSuccess, got.text("transaction_id") != "")
	}
	require.Equal(t, 200, b.refund("order-0001", "r1", 1).status, "never on a refund")
	require.Equal(t, []string{"t1.query-lag"}, b.Fired())

	scanned := conducted(t, faults.Conduct{QueryLag: 1}, "query-lag")
	require.Equal(t, 200, scanned.call("POST", codepayPath, scanned.codepay("order-0001", scanned.barcode())).status)
	require.Equal(t, stateUserPaying, scanned.query("order-0001").text("trade_state"))
	require.Equal(t, stateSuccess, scanned.query("order-0001").text("trade_state"))
}

func TestConduct_CaptureBeforeClose(t *testing.T) {
	b := conducted(t, faults.Conduct{CaptureBeforeClose: true}, "late-success")
	b.native("order-0001")
	require.Equal(t, stateNotPay, b.query("order-0001").text("trade_state"))
	b.refuses(b.close("order-0001"), 400, "ORDERPAID")
	require.Equal(t, stateSuccess, b.query("order-0001").text("trade_state"))
	require.Len(t, b.deliveries(1), 1, "and it is notified")
	require.Equal(t, []string{"t1.late-success"}, b.Fired())

	poor := open(t, nil, providers.Part{Trial: "t1", Balance: payment.Fen(1), Conducts: []faults.Conduct{{CaptureBeforeClose: true}},
		Pins: []map[string]string{{"late-success": "p"}}})
	poor.native("order-0001")
	require.Equal(t, 204, poor.close("order-0001").status, "no money, no late success")
	require.Empty(t, poor.Fired())
}

func TestConduct_CaptureBeforeReverse(t *testing.T) {
	b := open(t, func(c *Config) { c.Options.PasswordAbove = 1 }, providers.Part{Trial: "t1", Balance: payment.Fen(full),
		Conducts: []faults.Conduct{{CaptureBeforeClose: true}}, Pins: []map[string]string{{"late-success": "p"}}})
	require.Equal(t, 200, b.call("POST", codepayPath, b.codepay("order-0001", b.barcode())).status)
	require.Equal(t, 200, b.reverse("order-0001").status)
	require.EqualValues(t, full, b.balance(), "captured, then returned")
	got := b.query("order-0001")
	require.Equal(t, stateRevoked, got.text("trade_state"))
	require.NotEmpty(t, got.text("transaction_id"))
	require.Equal(t, []string{"p"}, b.Fired())
}

func TestConduct_NthPaymentAndTheLastForAllFurther(t *testing.T) {
	b := open(t, nil, providers.Part{Trial: "t1", Balance: payment.Fen(full),
		Conducts: []faults.Conduct{{}, {NotifyNever: true}}, Pins: []map[string]string{nil, {"notify-never": "p"}}})
	b.paid("order-0001")
	require.Len(t, b.deliveries(1), 1)
	b.paid("order-0002")
	b.paid("order-0003")
	require.Equal(t, []string{"p", "p"}, b.Fired())
}

func TestTrial_UnattributedOrderIsAdoptedByItsShopper(t *testing.T) {
	b := conducted(t, faults.Conduct{NotifyNever: true}, "notify-never")
	b.trial = ""
	b.paid("order-0001")
	require.Equal(t, []string{"t1.notify-never"}, b.Fired())
	require.Equal(t, faults.Trial("t1"), b.Records()[len(b.Records())-1].Trial)
}
