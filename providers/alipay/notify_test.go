package alipay

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
)

// A refund is told as a payment's notice with what went back: TRADE_SUCCESS for
// a part, TRADE_CLOSED for all (§7).
func TestNotify_PaymentAndRefunds(t *testing.T) {
	b := open(t, nil)
	got := b.call(precreate, ordered("A1", `"total`, `"passback_params":"a%3D1","body":"two teas","total`))
	_, err := b.provider.Pay(t.Context(), "t1", got.text("qr_code"))
	require.NoError(t, err)
	paid := b.told(b.deliveries(1)[0])
	require.Equal(t, "application/x-www-form-urlencoded; charset=utf-8", b.Sent()[0].Header.First("Content-Type"))
	require.Equal(t, "/notify/alipay", b.Sent()[0].Target)
	require.Equal(t, "trade_status_sync", paid.Get("notify_type"))
	require.Equal(t, "测试 <商品>+1%", paid.Get("subject"))
	require.Equal(t, "a%3D1", paid.Get("passback_params"))
	require.Equal(t, `[{"amount":"1.01","fundChannel":"ALIPAYACCOUNT"}]`, paid.Get("fund_bill_list"))
	for _, absent := range []string{"refund_fee", "gmt_refund", "gmt_close", "out_biz_no"} {
		require.Empty(t, paid.Get(absent))
	}
	b.done(b.refund("A1", "R1", "0.40"))
	part := b.told(b.deliveries(2)[1])
	require.Equal(t, []string{"TRADE_SUCCESS", "0.40", "R1", ""}, []string{part.Get("trade_status"), part.Get("refund_fee"), part.Get("out_biz_no"), part.Get("gmt_close")})
	require.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$`, part.Get("gmt_refund"))
	require.NotEqual(t, paid.Get("notify_id"), part.Get("notify_id"))
	b.done(b.refund("A1", "R2", "0.61"))
	whole := b.told(b.deliveries(3)[2])
	require.Equal(t, []string{"TRADE_CLOSED", "1.01", "R2"}, []string{whole.Get("trade_status"), whole.Get("refund_fee"), whole.Get("out_biz_no")})
	require.NotEmpty(t, whole.Get("gmt_close"))
}

// Only HTTP 200 with exactly the word acknowledges (§7). A retry keeps its id
// and is signed anew.
func TestNotify_RetriesUntilTheWord(t *testing.T) {
	b := open(t, func(c *Config) { c.Factor = 1_000_000 })
	answers := []*proxy.Answer{{Status: 500, Body: []byte("success")}, {Status: 200, Body: []byte("SUCCESS")},
		{Status: 200, Body: []byte("success\n")}, {Status: 302, Body: []byte("success")}, nil, {Status: 200, Body: []byte("success")}}
	b.Acknowledge = func(n int) (*proxy.Answer, error) {
		if answers[n-1] == nil {
			return nil, errors.New("no answer")
		}
		return answers[n-1], nil
	}
	b.paid("A1")
	ids := map[string]bool{}
	for _, each := range b.deliveries(len(answers)) {
		ids[b.told(each).Get("notify_id")] = true
	}
	require.Len(t, ids, 1)
	require.Eventually(t, func() bool { return len(b.provider.Outstanding()) == 0 }, 10*time.Second, time.Millisecond)
	require.Len(t, b.Sent(), len(answers))
}

func TestNotify_GivesUpAtTheCalendarsEnd(t *testing.T) {
	sum := time.Duration(0)
	for _, gap := range Calendar() {
		sum += gap
	}
	require.Equal(t, 24*time.Hour+24*time.Minute, sum)
	for choice, deliveries := range map[Retries]int{"": 8, RetriesAtOnce: 11, RetriesOverseas: 8} {
		b := with(t, Options{Retries: choice})
		b.Acknowledge = func(int) (*proxy.Answer, error) { return &proxy.Answer{Status: 200, Body: []byte("fail")}, nil }
		b.paid("A1")
		for len(b.provider.Outstanding()) > 0 {
			require.NoError(t, b.provider.Hurry(t.Context(), []faults.Trial{"t1"}))
		}
		require.Len(t, b.Sent(), deliveries, choice)
		require.NoError(t, b.provider.Close())
	}
	overseas, err := RetriesOverseas.calendar()
	require.NoError(t, err)
	require.Equal(t, 2*time.Minute, overseas[0])
	require.Equal(t, 4*time.Minute, Calendar()[0])
}

func TestNotify_LenientAck(t *testing.T) {
	b := with(t, Options{LenientAck: true})
	b.Acknowledge = func(int) (*proxy.Answer, error) { return &proxy.Answer{Status: 200, Body: []byte(" SUCCESS\n")}, nil }
	b.paid("A1")
	b.deliveries(1)
	require.Eventually(t, func() bool { return len(b.provider.Outstanding()) == 0 }, 10*time.Second, time.Millisecond)
}

// Which changes are told (§7): by both matrices, and of refunds.
func TestNotify_Matrices(t *testing.T) {
	quiet := func(b *bench) {
		b.t.Helper()
		require.Eventually(b.t, func() bool { return len(b.provider.Outstanding()) == 0 }, 10*time.Second, time.Millisecond)
	}
	closeApp := func(b *bench) {
		_, err := b.provider.Open(t.Context(), "t1", form(b.signed(appPay, ordered("A1"), nil)))
		require.NoError(t, err)
		b.done(b.call(closeTrade, numbered("A1")))
		quiet(b)
	}
	b := open(t, nil)
	closeApp(b)
	require.Empty(t, b.Sent(), "current pages tell only of success")
	older := with(t, Options{OlderNotices: true})
	closeApp(older)
	closed := older.told(older.deliveries(1)[0])
	require.Equal(t, []string{"TRADE_CLOSED", ""}, []string{closed.Get("trade_status"), closed.Get("refund_fee")})
	require.NotEmpty(t, closed.Get("gmt_close"))
	shown := older.placed("A2")
	_, err := older.provider.Open(t.Context(), "t1", shown)
	require.NoError(t, err)
	older.done(older.call(closeTrade, numbered("A2")))
	quiet(older)
	require.Len(t, older.Sent(), 1, "not for a face to face trade")

	silent := with(t, Options{SilentRefunds: true, NotifyCancelRefund: true})
	silent.paid("A1")
	silent.done(silent.refund("A1", "R1", "1.01"))
	quiet(silent)
	require.Len(t, silent.Sent(), 1)
	undone := with(t, Options{NotifyCancelRefund: true, WholeSecondsRefund: true})
	undone.paid("A1")
	undone.deliveries(1) // else the two may overtake each other
	undone.done(undone.call(cancel, numbered("A1")))
	back := undone.told(undone.deliveries(2)[1])
	require.Equal(t, []string{"TRADE_CLOSED", "1.01", "A1"}, []string{back.Get("trade_status"), back.Get("refund_fee"), back.Get("out_biz_no")})
	require.Len(t, back.Get("gmt_refund"), len("2026-09-25 10:00:00"))

	mute := open(t, nil)
	placed := mute.send("POST", "/gateway.do", form(mute.signed(precreate, ordered("A1"), func(v map[string]string) { delete(v, "notify_url") })))
	_, err = mute.provider.Pay(t.Context(), "t1", placed.text("qr_code"))
	require.NoError(t, err)
	quiet(mute)
	require.Empty(t, mute.Sent(), "without a notify_url nobody is told")
}

// TestConducts: each behaviour shows on every channel that it concerns, and
// reports its pin.
func TestConducts(t *testing.T) {
	t.Run("notify-never", func(t *testing.T) {
		b := conducted(t, faults.Conduct{NotifyNever: true}, "notify-never")
		b.paid("A1")
		b.done(b.refund("A1", "R1", "0.40"))
		require.Empty(t, b.provider.Outstanding())
		require.Equal(t, []string{"t1.notify-never"}, b.Fired())
	})
	t.Run("notify-many", func(t *testing.T) {
		b := conducted(t, faults.Conduct{NotifyCopies: 2, NotifySpacing: time.Millisecond, NotifyFreshIDs: true}, "notify-many")
		b.paid("A1")
		ids := map[string]bool{}
		for _, each := range b.deliveries(3) {
			ids[b.told(each).Get("notify_id")] = true
		}
		require.Len(t, ids, 3)
		require.Equal(t, []string{"t1.notify-many"}, b.Fired())
	})
	t.Run("query-lag", func(t *testing.T) {
		b := conducted(t, faults.Conduct{QueryLag: 2}, "query-lag")
		b.paid("A1")
		for range 2 {
			got := b.query("A1")
			require.Equal(t, []string{"WAIT_BUYER_PAY", "0.00", ""}, []string{got.text("trade_status"), got.text("receipt_amount"), got.text("send_pay_date")})
		}
		b.refuses(b.call(closeTrade, numbered("A1")), "40004", "ACQ.TRADE_STATUS_ERROR")
		require.Equal(t, "TRADE_SUCCESS", b.query("A1").text("trade_status"))
		require.Equal(t, []string{"t1.query-lag"}, b.Fired())
	})
	t.Run("query-lag never fools a refund or a cancel", func(t *testing.T) {
		b := conducted(t, faults.Conduct{QueryLag: 9})
		b.paid("A1")
		b.done(b.refund("A1", "R1", "0.40"))
		b.paid("A2")
		require.Equal(t, "refund", b.call(cancel, numbered("A2")).text("action"))
	})
	t.Run("unknown-outcome", func(t *testing.T) {
		for option, code := range map[string][2]string{"": {"20000", "isp.unknow-error"}, "ACQ.SYSTEM_ERROR": {"40004", "ACQ.SYSTEM_ERROR"}} {
			b := conducted(t, faults.Conduct{UnknownOutcome: true}, "unknown-outcome")
			b.provider.desk.ring.config.Options.UnknownOutcome = option
			b.refuses(b.call(pay, payBody("A1", b.barcode())), code[0], code[1])
			require.Equal(t, "TRADE_SUCCESS", b.query("A1").text("trade_status"), "carried out all the same")
			require.Equal(t, []string{"t1.unknown-outcome"}, b.Fired())
			b.done(b.refund("A1", "R1", "0.40"))
			again := conducted(t, faults.Conduct{UnknownOutcome: true}, "unknown-outcome")
			again.provider.desk.ring.config.Options.UnknownOutcome = option
			again.paid("A1")
			again.refuses(again.refund("A1", "R1", "0.40"), code[0], code[1])
			require.Equal(t, "N", again.refund("A1", "R1", "0.40").text("fund_change"), "the money moved")
		}
	})
	t.Run("decline", func(t *testing.T) {
		for given, told := range map[string]string{"ACQ.PAYMENT_FAIL": "ACQ.PAYMENT_FAIL", "PAYMENT_FAIL": "ACQ.PAYMENT_FAIL", "": "ACQ.BUYER_BALANCE_NOT_ENOUGH"} {
			b := conducted(t, faults.Conduct{Decline: given, Declines: 2}, "decline")
			shown := b.placed("A1")
			_, err := b.provider.Pay(t.Context(), "t1", shown)
			require.ErrorIs(t, err, providers.ErrDeclined)
			require.ErrorContains(t, err, told)
			_, err = b.provider.Pay(t.Context(), "t1", shown)
			require.ErrorIs(t, err, providers.ErrDeclined)
			_, err = b.provider.Pay(t.Context(), "t1", shown)
			require.NoError(t, err)
			scanned := conducted(t, faults.Conduct{Decline: given, Declines: 1}, "decline")
			scanned.refuses(scanned.call(pay, payBody("A1", scanned.barcode())), "40004", told)
			scanned.refuses(scanned.query("A1"), "40004", "ACQ.TRADE_NOT_EXIST")
			scanned.done(scanned.call(pay, payBody("A1", scanned.barcode())))
			require.Equal(t, []string{"t1.decline"}, scanned.Fired())
		}
	})
}

// TestConducts_LateSuccess: the money comes in the instant before a close or a
// cancel acts, and for a code that nobody scanned after the merchant was told
// that there is nothing.
func TestConducts_LateSuccess(t *testing.T) {
	late := func(t *testing.T) *bench {
		return conducted(t, faults.Conduct{CaptureBeforeClose: true}, "late-success")
	}
	for name, act := range map[string]func(*bench) answer{
		"close": func(b *bench) answer {
			got := b.call(closeTrade, numbered("A1"))
			b.refuses(got, "40004", "ACQ.TRADE_NOT_EXIST")
			return got
		},
		"cancel": func(b *bench) answer {
			got := b.call(cancel, numbered("A1"))
			b.done(got)
			require.Empty(b.t, got.text("action"))
			return got
		},
	} {
		t.Run("unscanned, "+name, func(t *testing.T) {
			b := late(t)
			shown := b.placed("A1")
			act(b)
			require.Equal(t, "TRADE_SUCCESS", b.query("A1").text("trade_status"))
			require.Equal(t, "TRADE_SUCCESS", b.told(b.deliveries(1)[0]).Get("trade_status"))
			require.Equal(t, []string{"t1.late-success"}, b.Fired())
			_, err := b.provider.Pay(t.Context(), "t1", shown)
			require.ErrorIs(t, err, providers.ErrNotPayable)
		})
	}
	b := late(t)
	_, err := b.provider.Open(t.Context(), "t1", b.placed("A1"))
	require.NoError(t, err)
	b.refuses(b.call(closeTrade, numbered("A1")), "40004", "ACQ.TRADE_STATUS_ERROR")
	require.Equal(t, "TRADE_SUCCESS", b.query("A1").text("trade_status"))
	b = late(t)
	_, err = b.provider.Open(t.Context(), "t1", b.placed("A1"))
	require.NoError(t, err)
	require.Equal(t, "refund", b.call(cancel, numbered("A1")).text("action"))
	b.refuses(b.call(closeTrade, numbered("A9")), "40004", "ACQ.TRADE_NOT_EXIST")
	b.provider.Heal([]faults.Trial{"t1"})
	b.placed("A2")
	b.done(b.call(cancel, numbered("A2")))
	b.refuses(b.query("A2"), "40004", "ACQ.TRADE_NOT_EXIST")
	expired := late(t)
	expired.placed("A1")
	expired.clock.pass(3 * time.Hour)
	expired.done(expired.call(cancel, numbered("A1")))
	expired.refuses(expired.query("A1"), "40004", "ACQ.TRADE_NOT_EXIST")
}
