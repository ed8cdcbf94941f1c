package alipay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/providers"
)

// What a merchant may ask for, and the refusals of its parameters (§1, §4).
func TestTrades_Parameters(t *testing.T) {
	b := open(t, nil)
	const parameter = "ACQ.INVALID_PARAMETER"
	long := strings.Repeat("测", 257)
	for name, c := range map[string]struct {
		method       method
		business     string
		code, refuse string
	}{
		"no number":            {precreate, ordered(""), "40004", parameter},
		"a long number":        {precreate, ordered(strings.Repeat("1", 65)), "40004", parameter},
		"a dash":               {precreate, ordered("A-1"), "40004", parameter},
		"no subject":           {precreate, ordered("A1", "测试 <商品>+1%", ""), "40004", parameter},
		"a long subject":       {precreate, ordered("A1", "测试 <商品>+1%", long), "40004", parameter},
		"a slash":              {precreate, ordered("A1", "测试", "a/b"), "40004", parameter},
		"no amount":            {precreate, ordered("A1", `"1.01"`, `""`), "40004", parameter},
		"nothing":              {precreate, ordered("A1", `"1.01"`, `"0.00"`), "40004", parameter},
		"less":                 {precreate, ordered("A1", `"1.01"`, `"-1.00"`), "40004", parameter},
		"three decimals":       {precreate, ordered("A1", `"1.01"`, `1.001`), "40004", parameter},
		"an exponent":          {precreate, ordered("A1", `"1.01"`, `1e2`), "40004", parameter},
		"too much":             {precreate, ordered("A1", `"1.01"`, `"100000000.01"`), "40004", "ACQ.TOTAL_FEE_EXCEED"},
		"more than a word":     {precreate, ordered("A1", `"1.01"`, `"92233720368547758.08"`), "40004", "ACQ.TOTAL_FEE_EXCEED"},
		"another currency":     {precreate, ordered("A1", `"total`, `"trans_currency":"USD","total`), "40004", parameter},
		"another seller":       {precreate, ordered("A1", `"total`, `"seller_id":"2088999999999999","total`), "40004", "ACQ.SELLER_NOT_EXIST"},
		"no time":              {precreate, ordered("A1", `"total`, `"time_expire":"soon","total`), "40004", parameter},
		"the past":             {precreate, ordered("A1", `"total`, `"time_expire":"2020-01-01 00:00:00","total`), "40004", "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"},
		"half an hour":         {precreate, ordered("A1", `"total`, `"timeout_express":"0.5h","total`), "40004", parameter},
		"too long":             {precreate, ordered("A1", `"total`, `"timeout_express":"16d","total`), "40004", parameter},
		"a long passback":      {precreate, ordered("A1", `"total`, `"passback_params":"`+strings.Repeat("a", 513)+`","total`), "40004", parameter},
		"a long body":          {precreate, ordered("A1", `"total`, `"body":"`+long+`","total`), "40004", parameter},
		"a brace":              {precreate, ordered("A1", `"total`, `"store_id":"{","total`), "40004", parameter},
		"another product":      {precreate, ordered("A1", `"total`, `"product_code":"QUICK_WAP_WAY","total`), "40004", parameter},
		"create for nobody":    {create, ordered("A1"), "40004", parameter},
		"pay without a code":   {pay, payBody("A1", ""), "40004", parameter},
		"pay with any code":    {pay, payBody("A1", "280000000000000000"), "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID"},
		"pay with a face":      {pay, payBody("A1", "fp0000000000000000000000000000000000", "bar_code", "security_code"), "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID"},
		"pay with a look":      {pay, payBody("A1", "28", "bar_code", "look"), "40004", parameter},
		"query nothing":        {query, "{}", "40004", parameter},
		"query a dash":         {query, numbered("A-{"), "40004", parameter},
		"close nothing":        {closeTrade, "{}", "40004", parameter},
		"cancel nothing":       {cancel, "{}", "40004", parameter},
		"cancel a trade_no":    {cancel, `{"trade_no":"2026092522001400000000000001"}`, "40004", "ACQ.TRADE_NOT_EXIST"},
		"close an unknown":     {closeTrade, numbered("A9"), "40004", "ACQ.TRADE_NOT_EXIST"},
		"refund an unknown":    {refund, `{"out_trade_no":"A9","refund_amount":"1.00"}`, "40004", "ACQ.TRADE_NOT_EXIST"},
		"refund nothing":       {refund, `{"out_trade_no":"A9"}`, "40004", parameter},
		"ask for no refund":    {refundQuery, numbered("A9"), "40004", parameter},
		"ask at an unknown":    {refundQuery, `{"out_trade_no":"A9","out_request_no":"R1"}`, "40004", "ACQ.TRADE_NOT_EXIST"},
		"a refund number":      {refund, `{"out_trade_no":"A9","refund_amount":"1.00","out_request_no":"` + strings.Repeat("1", 65) + `"}`, "40004", parameter},
		"a certificate at all": {certificate, `{"alipay_cert_sn":"00"}`, "40002", "isv.invalid-parameter"},
	} {
		t.Run(name, func(t *testing.T) { b.t = t; b.refuses(b.call(c.method, c.business), c.code, c.refuse) })
	}
	b.t = t
	require.Empty(t, b.Postings())
	lax := with(t, Options{AnySubject: true})
	lax.done(lax.call(precreate, ordered("A1", "测试", "a/b=c&d")))
}

// The same number again (§6): paid, closed, open, and other parameters.
func TestTrades_TheSameNumberAgain(t *testing.T) {
	b := open(t, nil)
	b.paid("A1")
	buyer := `"buyer_id":"2088000000000007","out_trade_no"`
	made := b.call(create, ordered("A2", `"out_trade_no"`, buyer))
	b.done(made)
	again := b.call(create, ordered("A2", `"out_trade_no"`, buyer))
	require.Equal(t, made.text("trade_no"), again.text("trade_no"), "the same trade goes on")
	b.done(b.call(precreate, ordered("A2")))
	b.done(b.call(create, ordered("A3", `"out_trade_no"`, buyer)))
	b.done(b.call(closeTrade, numbered("A3")))
	b.placed("A4")
	for name, c := range map[string]struct {
		method   method
		business string
		sub      string
	}{
		"a paid one":                {precreate, ordered("A1"), "ACQ.TRADE_HAS_SUCCESS"},
		"pay a paid one":            {pay, payBody("A1", b.barcode(), "tea", "测试 <商品>+1%"), "ACQ.TRADE_HAS_SUCCESS"},
		"a closed one":              {create, ordered("A3", `"out_trade_no"`, buyer), "ACQ.TRADE_HAS_CLOSE"},
		"pay a closed one":          {pay, payBody("A3", b.barcode()), "ACQ.TRADE_HAS_CLOSE"},
		"another amount":            {create, ordered("A2", `"out_trade_no"`, buyer, "1.01", "1.02"), "ACQ.CONTEXT_INCONSISTENT"},
		"another subject":           {create, ordered("A2", `"out_trade_no"`, buyer, "测试", "x"), "ACQ.CONTEXT_INCONSISTENT"},
		"another buyer":             {create, ordered("A2", `"out_trade_no"`, `"buyer_id":"2088000000000008","out_trade_no"`), "ACQ.TRADE_BUYER_NOT_MATCH"},
		"another amount for a code": {precreate, ordered("A4", "1.01", "1.02"), "ACQ.CONTEXT_INCONSISTENT"},
	} {
		t.Run(name, func(t *testing.T) { b.t = t; b.refuses(b.call(c.method, c.business), "40004", c.sub) })
	}
	b.t = t
	strict := with(t, Options{RefuseRepeatedPrecreate: true})
	strict.placed("A1")
	strict.refuses(strict.call(precreate, ordered("A1")), "40004", "ACQ.APPLY_PC_MERCHANT_CODE_ERROR")
	eager := with(t, Options{PrecreateMakesTrade: true})
	eager.placed("A1")
	require.Equal(t, "WAIT_BUYER_PAY", eager.query("A1").text("trade_status"))
	require.Empty(t, eager.query("A1").text("buyer_logon_id"))
	eager.done(eager.call(closeTrade, numbered("A1")))
}

// Another app's trades are none of this app's.
func TestTrades_OfAnotherApp(t *testing.T) {
	b := open(t, nil)
	receipt := b.paid("A1")
	b.merchant = b.config.Merchants[1]
	b.refuses(b.query("A1"), "40004", "ACQ.TRADE_NOT_EXIST")
	byTrade := `{"trade_no":"` + string(receipt.ProviderReference) + `"}`
	b.refuses(b.call(query, byTrade), "40004", "ACQ.TRADE_NOT_EXIST")
	b.merchant = b.config.Merchants[0]
	b.done(b.call(query, byTrade))
	require.Equal(t, "A1", b.call(query, `{"out_trade_no":"A9","trade_no":"`+string(receipt.ProviderReference)+`"}`).text("out_trade_no"),
		"trade_no wins")
}

// Time closes what nobody paid, and codes die (§4, §6). Time is real.
func TestTrades_Expire(t *testing.T) {
	scan := func(b *bench, code string) error {
		_, err := b.provider.Open(t.Context(), "t1", code)
		return err
	}
	express := func(life string) string { return ordered("A1", `"total`, `"timeout_express":"`+life+`","total`) }
	for name, c := range map[string]struct {
		business string
		method   method
		before   time.Duration // still open
		after    time.Duration // closed
	}{
		"a code's trade":  {ordered("A1"), precreate, 3*time.Hour - time.Minute, 3*time.Hour + time.Minute},
		"minutes":         {express("90m"), precreate, 89 * time.Minute, 91 * time.Minute},
		"hours":           {express("1h"), precreate, 59 * time.Minute, 61 * time.Minute},
		"a create":        {ordered("A1", `"total`, `"buyer_id":"2088000000000007","total`), create, 15*24*time.Hour - time.Hour, 15*24*time.Hour + time.Hour},
		"until":           {ordered("A1", `"total`, `"timeout_express":"1m","time_expire":"`+wireTime(time.Now().Add(time.Hour))+`","total`), precreate, 59 * time.Minute, 61 * time.Minute},
		"the day's end":   {express("1c"), precreate, 0, 24*time.Hour + time.Minute},
		"fifteen days":    {express("15d"), precreate, 15*24*time.Hour - time.Hour, 15*24*time.Hour + time.Hour},
		"until after all": {ordered("A1", `"total`, `"time_expire":"`+wireTime(time.Now().Add(30*24*time.Hour))+`","total`), precreate, 29 * 24 * time.Hour, 31 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, nil)
			got := b.call(c.method, c.business)
			b.done(got)
			require.NoError(t, scan(b, got.text("qr_code")+got.text("trade_no")))
			b.clock.pass(c.before)
			require.Equal(t, "WAIT_BUYER_PAY", b.query("A1").text("trade_status"))
			b.clock.pass(c.after - c.before)
			closed := b.query("A1")
			require.Equal(t, "TRADE_CLOSED", closed.text("trade_status"))
			require.Empty(t, closed.text("send_pay_date"))
			require.ErrorIs(t, scan(b, got.text("qr_code")+got.text("trade_no")), providers.ErrNotPayable)
			b.refuses(b.call(c.method, c.business), "40004", map[bool]string{true: "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", false: "ACQ.TRADE_HAS_CLOSE"}[strings.Contains(c.business, "time_expire")])
		})
	}
	b := open(t, nil)
	old := b.placed("A1")
	b.clock.pass(2*time.Hour + time.Minute)
	require.ErrorIs(t, scan(b, old), providers.ErrNotPayable, "a code lives two hours")
	renewed := b.placed("A1")
	require.NotEqual(t, old, renewed)
	short := b.call(precreate, ordered("A2", `"total`, `"qr_code_timeout_express":"1m","total`)).text("qr_code")
	b.clock.pass(2 * time.Minute)
	require.ErrorIs(t, scan(b, short), providers.ErrNotPayable)
	b.clock.pass(time.Hour)
	require.NoError(t, scan(b, renewed), "its time is counted from the precreate that made it")
}

// Close and cancel in every state (§6).
func TestTrades_CloseAndCancel(t *testing.T) {
	b := open(t, nil)
	shown := b.placed("A1")
	got := b.call(cancel, numbered("A1"))
	b.done(got)
	require.Equal(t, map[string]any{"code": "10000", "msg": "Success", "out_trade_no": "A1", "retry_flag": "N"}, got.node, "no action: nothing was done")
	_, err := b.provider.Open(t.Context(), "t1", shown)
	require.NoError(t, err, "the code is as payable as before")
	got = b.call(cancel, numbered("A1"))
	require.Equal(t, "close", got.text("action"))
	require.Equal(t, "close", b.call(cancel, numbered("A1")).text("action"), "again")
	_, err = b.provider.Pay(t.Context(), "t1", shown)
	require.ErrorIs(t, err, providers.ErrNotPayable)
	b.refuses(b.call(closeTrade, numbered("A1")), "40004", "ACQ.TRADE_STATUS_ERROR")

	b.paid("A2")
	b.refuses(b.call(closeTrade, numbered("A2")), "40004", "ACQ.TRADE_STATUS_ERROR")
	got = b.call(cancel, numbered("A2"))
	require.Equal(t, []string{"refund", "N"}, []string{got.text("action"), got.text("retry_flag")})
	require.NotEmpty(t, got.text("gmt_refund_pay"))
	require.Equal(t, "refund", b.call(cancel, numbered("A2")).text("action"))
	closed := b.query("A2")
	require.Equal(t, "TRADE_CLOSED", closed.text("trade_status"))
	require.NotEmpty(t, closed.text("send_pay_date"), "closed does not mean unpaid")
	b.refuses(b.refund("A2", "R1", "1.01"), "40004", "ACQ.TRADE_HAS_CLOSE")

	b.paid("A3")
	b.done(b.refund("A3", "R1", "0.50"))
	b.refuses(b.call(cancel, numbered("A3")), "40004", "ACQ.CANCEL_NOT_ALLOWED")
	b.paid("A4")
	b.clock.pass(24*time.Hour + time.Minute)
	b.refuses(b.call(cancel, numbered("A4")), "40004", "ACQ.TRADE_CANCEL_TIME_OUT")
	require.Equal(t, []journal.PostingKind{journal.CapturePosting, journal.ReversePosting, journal.CapturePosting, journal.RefundPosting, journal.CapturePosting}, b.Postings())
	require.NoError(t, b.provider.Audit())
}

func TestTrades_CloseAndCancelByOption(t *testing.T) {
	b := with(t, Options{CancelKillsCode: true, CancelRepeatSilent: true, ClosePaid: "ACQ.REASON_TRADE_STATUS_INVALID"})
	shown := b.placed("A1")
	b.done(b.call(cancel, numbered("A1")))
	_, err := b.provider.Pay(t.Context(), "t1", shown)
	require.ErrorIs(t, err, providers.ErrUnknownCode)
	b.paid("A2")
	b.refuses(b.call(closeTrade, numbered("A2")), "40004", "ACQ.REASON_TRADE_STATUS_INVALID")
	require.Equal(t, "refund", b.call(cancel, numbered("A2")).text("action"))
	require.Empty(t, b.call(cancel, numbered("A2")).text("action"))
	finished := with(t, Options{FinishAtOnce: true})
	finished.paid("A1")
	require.Equal(t, "TRADE_FINISHED", finished.query("A1").text("trade_status"))
	finished.refuses(finished.call(cancel, numbered("A1")), "40004", "ACQ.TRADE_HAS_FINISHED")
	finished.refuses(finished.refund("A1", "R1", "1.01"), "40004", "ACQ.TRADE_HAS_FINISHED")
}

// A barcode is captured at once, or waits for a password (§5).
func TestTrades_Barcodes(t *testing.T) {
	b := open(t, nil)
	shown := b.barcode()
	require.Regexp(t, `^2[5-9]\d{16}$|^30\d{16}$`, shown)
	got := b.call(pay, payBody("A1", shown))
	b.done(got)
	require.Equal(t, []string{"1.01", "1.01", "A1"}, []string{got.text("total_amount"), got.text("receipt_amount"), got.text("out_trade_no")})
	require.Equal(t, []any{map[string]any{"amount": "1.01", "fund_channel": "ALIPAYACCOUNT"}}, got.node["fund_bill_list"])
	require.NotEmpty(t, got.text("gmt_payment"))
	require.Equal(t, "s1", b.query("A1").text("store_id"))
	require.Equal(t, "TRADE_SUCCESS", b.told(b.deliveries(1)[0]).Get("trade_status"))
	b.refuses(b.call(pay, payBody("A2", shown)), "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID") // one use
	b.refuses(b.query("A2"), "40004", "ACQ.TRADE_NOT_EXIST")
	b.refuses(b.call(pay, payBody("A1", shown)), "40004", "ACQ.TRADE_HAS_SUCCESS") // the number decides first
	old := b.barcode()
	b.clock.pass(2 * time.Minute)
	b.refuses(b.call(pay, payBody("A2", old)), "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID")
	poor, err := b.provider.Barcode(t.Context(), "t2")
	require.NoError(t, err)
	refused := b.call(pay, payBody("A3", poor))
	b.refuses(refused, "40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH")
	require.Equal(t, []string{"0.00", "A3"}, []string{refused.text("receipt_amount"), refused.text("out_trade_no")})
	b.refuses(b.query("A3"), "40004", "ACQ.TRADE_NOT_EXIST")
	strict := with(t, Options{SpentCodeFirst: true})
	shown = strict.barcode()
	strict.done(strict.call(pay, payBody("A1", shown)))
	strict.refuses(strict.call(pay, payBody("A1", shown)), "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID")
}

func TestTrades_BarcodesThatNeedAPassword(t *testing.T) {
	b := with(t, Options{PasswordAbove: 100})
	shown := b.barcode()
	got := b.call(pay, payBody("A1", shown))
	require.Equal(t, []string{"10003", " order success pay inprocess", ""}, []string{got.text("code"), got.text("msg"), got.text("sub_code")})
	again := b.call(pay, payBody("A1", shown))
	require.Equal(t, got.node, again.node, "the same trade goes on")
	other, err := b.provider.Barcode(t.Context(), "t2")
	require.NoError(t, err)
	b.refuses(b.call(pay, payBody("A1", other)), "40004", "ACQ.TRADE_BUYER_NOT_MATCH")
	require.Equal(t, "WAIT_BUYER_PAY", b.query("A1").text("trade_status"))
	_, err = b.provider.Pay(t.Context(), "t2", shown)
	require.ErrorIs(t, err, providers.ErrUnknownCode)
	require.NoError(t, b.provider.Cancel(t.Context(), "t1", shown))
	receipt, err := b.provider.Pay(t.Context(), "t1", shown)
	require.NoError(t, err)
	require.EqualValues(t, got.text("trade_no"), receipt.ProviderReference)
	require.Equal(t, "TRADE_SUCCESS", b.query("A1").text("trade_status"))
	_, err = b.provider.Pay(t.Context(), "t1", shown)
	require.ErrorIs(t, err, providers.ErrUnknownCode)

	b.call(pay, payBody("A2", b.barcode()))
	require.Equal(t, "close", b.call(cancel, numbered("A2")).text("action"))
}

// A newly created app is shown shoppers by another name (§1).
func TestTrades_BuyerOpenID(t *testing.T) {
	for name, open := range map[bool]func() *bench{
		false: func() *bench { return open(t, nil) },
		true:  func() *bench { return open(t, func(c *Config) { c.Merchants[0].BuyerOpenID = true }) },
	} {
		b := open()
		members := []string{"buyer_user_id", "buyer_id"}
		absent := []string{"buyer_open_id", "buyer_open_id"}
		if name {
			members, absent = absent, members
		}
		got, told := b.call(pay, payBody("A1", b.barcode())), b.told(b.deliveries(1)[0])
		require.NotEmpty(t, got.text(members[0]))
		require.Empty(t, got.text(absent[0]))
		require.Equal(t, got.text(members[0]), told.Get(members[1]))
		require.Empty(t, told.Get(absent[1]), fmt.Sprint(name))
	}
}
