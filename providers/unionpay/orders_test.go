package unionpay

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// Every way to place an order that the payer confirms: what the merchant is
// given, and how it is paid.
func TestOrders_EachWayToPay(t *testing.T) {
	b := open(t, nil)
	cases := []struct {
		name string
		path endpoint
		sub  string
		code func(answer) string
		want string
	}{
		{"front", front, "01", func(a answer) string { return a.header.Get("Location") }, `^https://gateway\.95516\.com/b2c/showCard\.action\?transNumber=\d{21}$`},
		{"app", app, "01", func(a answer) string { return a.values["tn"] }, `^\d{21}$`},
		{"code", back, "07", func(a answer) string { return a.values["qrCode"] }, `^https://qr\.95516\.com/00010000/62\d{30}$`},
		{"preorder", preorder, "07", func(a answer) string { return a.values["qrCode"] }, `^https://qr\.95516\.com/00010000/62\d{30}$`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			number := "order0001" + c.name
			order := b.order(c.sub, number, "reqReserved", "r1")
			placed := b.send(c.path, order)
			if c.path == front {
				require.Equal(t, 302, placed.status)
			} else {
				require.Equal(t, "00", placed.code(), placed.raw)
				require.Equal(t, "成功[0000000]", placed.values["respMsg"])
				require.Equal(t, "r1", placed.values["reqReserved"])
			}
			require.Regexp(t, c.want, c.code(placed))

			waiting := b.query(number, order["txnTime"])
			require.Equal(t, "00", waiting.code())
			require.Equal(t, "05", waiting.values["origRespCode"])
			require.NotContains(t, waiting.values, "queryId")
			sheet, err := b.provider.Open(t.Context(), "t1", c.code(placed))
			require.NoError(t, err)
			require.Equal(t, providers.Checkout{Payee: b.merchant.Name, Description: "茶<&>", Amount: payment.Fen(101),
				MerchantReference: payment.MerchantReference(number)}, sheet)
			receipt, err := b.provider.Pay(t.Context(), "t1", c.code(placed))
			require.NoError(t, err)
			require.Regexp(t, `^51\d{19}$`, string(receipt.ProviderReference))

			done := b.query(number, order["txnTime"])
			require.Equal(t, "00", done.values["origRespCode"])
			require.Equal(t, "01", done.values["txnType"], "the original's, not the query's")
			require.Equal(t, c.sub, done.values["txnSubType"])
			require.Equal(t, string(receipt.ProviderReference), done.values["queryId"])
			require.Equal(t, "101", done.values["settleAmt"])
			require.Equal(t, done.values["queryId"][14:20], done.values["traceNo"])
			byID := b.send(query, b.common("00", "02", "queryId", done.values["queryId"]))
			require.Equal(t, "00", byID.values["origRespCode"])
			require.Equal(t, number, byID.values["orderId"])

			_, err = b.provider.Pay(t.Context(), "t1", c.code(placed))
			require.ErrorIs(t, err, providers.ErrNotPayable)
		})
	}
	require.EqualValues(t, full-4*101, b.balance())
	require.NoError(t, b.provider.Audit())
}

// The fields of the answer to a query of a paid order are those of the second
// worked vector (protocol unionpay §6), and no value is empty (§4).
func TestQuery_HasTheFieldsOfTheVector(t *testing.T) {
	b := open(t, nil)
	paid := b.paid("order0001")
	got := b.query(paid.number, paid.txnTime)
	var names []string
	for name, value := range got.values {
		require.NotEmpty(t, value, name)
		names = append(names, name)
	}
	require.ElementsMatch(t, []string{"accessType", "bizType", "currencyCode", "encoding", "merId", "orderId", "origRespCode",
		"origRespMsg", "queryId", "respCode", "respMsg", "settleAmt", "settleCurrencyCode", "settleDate", "signMethod", "signPubKeyCert",
		"signature", "traceNo", "traceTime", "txnAmt", "txnSubType", "txnTime", "txnType", "version"}, names)
}

// What the gateway refuses, with the real code.
func TestOrders_Refusals(t *testing.T) {
	b := open(t, nil)
	cases := []struct {
		name, field, value, code, detail string
	}{
		{"no amount", "txnAmt", "", "13", "txnAmt"},
		{"no back URL", "backUrl", "", "13", "backUrl"},
		{"no orderId", "orderId", "", "13", "orderId"},
		{"no channel", "channelType", "", "13", "channelType"},
		{"no currency", "currencyCode", "", "13", "currencyCode"},
		{"no merchant", "merId", "", "13", "merId"},
		{"zero", "txnAmt", "0", "10", "txnAmt"},
		{"fraction", "txnAmt", "1.01", "10", "txnAmt"},
		{"negative", "txnAmt", "-1", "10", "txnAmt"},
		{"overflow", "txnAmt", "9223372036854775808", "10", "txnAmt"},
		{"too much", "txnAmt", "1000000001", "33", "txnAmt"},
		{"currency", "currencyCode", "840", "10", "currencyCode"},
		{"orderId too short", "orderId", "order01", "10", "orderId"},
		{"orderId too long", "orderId", strings.Repeat("a", 41), "10", "orderId"},
		{"orderId with a dash", "orderId", "order-0001", "10", "orderId"},
		{"no such day", "txnTime", "20260230120000", "10", "txnTime"},
		{"stale", "txnTime", "20200101000000", "10", "txnTime"},
		{"payTimeout", "payTimeout", "tomorrow", "10", "payTimeout"},
		{"back URL", "backUrl", "shop", "10", "backUrl"},
		{"channel of one client", "channelType", "09", "10", "channelType"},
		{"access", "accessType", "3", "10", "accessType"},
		{"encoding", "encoding", "latin1", "10", "encoding"},
		{"version", "version", "5.0.0", "10", "version"},
		{"SM3", "signMethod", "12", "10", "signMethod 12 (SM3)"},
		{"sign method", "signMethod", "02", "10", "signMethod"},
		{"merchant", "merId", "777290058119999", "31", "merId"},
		{"merchant's shape", "merId", "777", "10", "merId"},
		{"other certificate", "certId", "70000000001", "11", ""},
		{"too long", "reqReserved", strings.Repeat("x", 1025), "10", "reqReserved"},
		{"subtype", "txnSubType", "03", "32", "01/03"},
		{"pre-authorisation", "txnType", "02", "32", "02/07"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := b.send(back, b.order("07", "order0001", c.field, c.value))
			require.Equal(t, 200, got.status)
			require.Equal(t, c.code, got.code(), got.raw)
			require.Regexp(t, `\[\d{7}\]$`, got.values["respMsg"])
			require.Contains(t, got.values["respMsg"], c.detail)
			require.Equal(t, "01", got.values["signMethod"], "the one method that all can check")
		})
	}
	order := b.signs(b.order("07", "order0001"))
	order["txnAmt"] = "102"
	require.Equal(t, "11", b.post(back, posted(order)).code())
	delete(order, "signature")
	require.Equal(t, "13", b.post(back, posted(order)).code())
	require.Equal(t, "10", b.post(back, "no pairs").code())
	require.Equal(t, "10", b.post(back, "a=1&a=2").code())
	require.Equal(t, "32", b.send(app, b.order("07", "order0001")).code())
	require.Equal(t, "32", b.send(back, b.order("01", "order0001", "accNo", "6221")).code(), "no-redirect pay")
	require.Equal(t, "34", b.query("order0001", now()).code(), "the orderId is not used up")
	b.qr("order0001")
}

// An orderId is used once: with another txnTime, with the same content, and
// also as a refund's (protocol unionpay §10).
func TestOrders_Duplicates(t *testing.T) {
	b := open(t, nil)
	order := b.order("07", "order0001")
	require.Equal(t, "00", b.send(back, order).code())
	require.Equal(t, "12", b.send(back, order).code(), "the identical triple")
	later := time.Now().Add(time.Minute).In(zone()).Format(timeLayout)
	require.Equal(t, "12", b.send(back, b.order("07", "order0001", "txnTime", later)).code())
	require.Equal(t, "12", b.send(app, b.order("01", "order0001")).code())
	paid := b.paid("order0002")
	require.Equal(t, "12", b.refund("order0002", paid.queryID, "1").code())
	b.merchant = b.config.Merchants[1]
	b.qr("order0001")

	replaying := open(t, func(c *Config) { c.Options.ReplayResend = true })
	order = replaying.order("07", "order0001")
	first := replaying.send(back, order)
	require.Equal(t, first.raw, replaying.send(back, order).raw)
	order["txnAmt"] = "102"
	require.Equal(t, "12", replaying.send(back, order).code())
}

func TestQuery_NeedsTheTriple(t *testing.T) {
	b := open(t, nil)
	paid := b.paid("order0001")
	other := time.Now().Add(3 * time.Second).In(zone()).Format(timeLayout)
	require.Equal(t, "34", b.query(paid.number, other).code())
	require.Equal(t, "00", b.send(back, b.common("00", "00", "orderId", paid.number, "txnTime", paid.txnTime)).code(), "at the back endpoint too")
	require.Equal(t, "13", b.query(paid.number, "").code())
	b.merchant = b.config.Merchants[1]
	require.Equal(t, "34", b.query(paid.number, paid.txnTime).code())
	require.Equal(t, "34", b.send(query, b.common("00", "02", "queryId", paid.queryID)).code())

	byDate := open(t, func(c *Config) { c.Options.TxnTimeByDate = true })
	paid = byDate.paid("order0001")
	noon := paid.txnTime[:8] + "120000"
	require.Equal(t, "00", byDate.query(paid.number, noon).code())
	require.Equal(t, "34", byDate.query(paid.number, "20200101120000").code())
}

// payTimeout (protocol unionpay §8.3): nothing is paid after it, and a query
// gives the final state.
func TestOrders_PayTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		until := time.Now().Add(15 * time.Minute).In(zone()).Format(timeLayout)
		order := b.order("07", "order0001", "payTimeout", until)
		code := b.send(back, order).values["qrCode"]
		endless := b.order("07", "order0002")
		other := b.send(back, endless).values["qrCode"]
		time.Sleep(15 * time.Minute)
		_, err := b.provider.Open(t.Context(), "t1", code)
		require.NoError(t, err)
		time.Sleep(time.Second)
		_, err = b.provider.Pay(t.Context(), "t1", code)
		require.ErrorIs(t, err, providers.ErrNotPayable)
		require.Equal(t, "01", b.query("order0001", order["txnTime"]).values["origRespCode"])
		require.Equal(t, []string{"pending", "closed"}, b.Entries("order0001"))
		_, err = b.provider.Pay(t.Context(), "t1", code)
		require.ErrorIs(t, err, providers.ErrNotPayable)
		time.Sleep(23 * time.Hour)
		_, err = b.provider.Open(t.Context(), "t1", other)
		require.NoError(t, err, "without payTimeout a code lives a day")
		time.Sleep(time.Hour)
		_, err = b.provider.Open(t.Context(), "t1", other)
		require.ErrorIs(t, err, providers.ErrNotPayable)
	})
}

func TestOrders_Options(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, func(c *Config) {
			c.Options = Options{Unpaid: "34", Expired: "38", CodePrefix: "01", CodeLife: faults.Duration(time.Minute),
				TxnTimeWindow: faults.Duration(time.Minute), Stale: "39", PlainQueryIDs: true}
		})
		order := b.order("07", "order0001")
		require.Regexp(t, `/01\d{30}$`, b.send(back, order).values["qrCode"])
		require.Equal(t, "34", b.query("order0001", order["txnTime"]).code(), "the query itself")
		time.Sleep(61 * time.Second)
		require.Equal(t, "38", b.query("order0001", order["txnTime"]).values["origRespCode"])
		require.Equal(t, "39", b.send(back, b.order("07", "order0002", "txnTime", order["txnTime"])).code())
		require.Regexp(t, `^9\d{20}$`, b.paid("order0003").queryID)
	})
}

// The phone's browser posts a front request by itself: the wallet checks it as
// the wire does.
func TestWallet_TakesThePostedForm(t *testing.T) {
	b := open(t, nil)
	form := posted(b.signs(b.order("01", "order0001", "frontUrl", "https://shop.example/done")))
	sheet, err := b.provider.Open(t.Context(), "t1", form)
	require.NoError(t, err)
	require.EqualValues(t, "order0001", sheet.MerchantReference)
	receipt, err := b.provider.Pay(t.Context(), "t1", form)
	require.NoError(t, err, "the same form is the same order")
	require.EqualValues(t, full-101, b.balance())
	told := decoded(t, b.deliveries(1)[0])
	require.Equal(t, string(receipt.ProviderReference), told["queryId"])
	_, err = b.provider.Open(t.Context(), "t1", form)
	require.ErrorIs(t, err, providers.ErrNotPayable)

	for name, c := range map[string]struct{ form, says string }{
		"changed":          {strings.Replace(form, "txnAmt=101", "txnAmt=102", 1), "验证签名失败"},
		"another endpoint": {posted(b.signs(b.order("07", "order0002"))), "无此交易权限"},
		"stale":            {posted(b.signs(b.order("01", "order0002", "txnTime", "20200101000000"))), "报文格式错误:txnTime"},
		"used orderId":     {posted(b.signs(b.order("01", "order0001", "txnAmt", "102"))), "重复交易"},
		"no signature":     {"merId=1&signature=", "报文交易要素缺失"},
		"garbled":          {"signature=%zz", "name=value"},
	} {
		_, err := b.provider.Open(t.Context(), "t1", c.form)
		require.ErrorIs(t, err, providers.ErrUnknownCode, name)
		require.ErrorContains(t, err, c.says, name)
	}
	crossed := b.signs(b.order("01", "order0003"))
	page := b.post(front, posted(crossed)).header.Get("Location")
	_, err = b.provider.Open(t.Context(), "t1", posted(crossed))
	require.NoError(t, err, "the form of an order that crossed the wire is that order")
	_, err = b.provider.Open(t.Context(), "t1", strings.Replace(page, Host, "127.0.0.1:8443", 1))
	require.NoError(t, err, "whatever the host")
	shown := b.post(endpoint(strings.TrimPrefix(page, "https://"+Host)), "")
	require.Contains(t, shown.raw, `class="cashier"`)
	require.Contains(t, b.post(cashier+"?transNumber=1", "").raw, `class="end_error"`)
}

func TestWallet_Refusals(t *testing.T) {
	b := open(t, nil)
	code := b.qr("order0001")
	_, err := b.provider.Open(t.Context(), "t9", code)
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	_, err = b.provider.Balance("t9")
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	_, err = b.provider.Barcode(t.Context(), "t9")
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	require.Error(t, b.provider.Cast([]providers.Part{{Trial: "t1"}}), "cast twice")
	_, err = b.provider.Open(t.Context(), "t1", "https://qr.95516.com/00010000/62")
	require.ErrorIs(t, err, providers.ErrUnknownCode)
	require.ErrorIs(t, b.provider.Cancel(t.Context(), "t1", "none"), providers.ErrUnknownCode)
	_, err = b.provider.Pay(t.Context(), "t2", code)
	require.ErrorIs(t, err, providers.ErrDeclined, "50 fen do not pay 101")
	require.ErrorContains(t, err, "余额不足[2600064]")
	require.NoError(t, b.provider.Cancel(t.Context(), "t1", code))
	_, err = b.provider.Pay(t.Context(), "t1", code)
	require.NoError(t, err, "it stayed payable")
}

// The numbers of a payment are those of the try that succeeded.
func TestWallet_NumbersAreOfTheCapture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		order := b.order("07", "order0001")
		code := b.send(back, order).values["qrCode"]
		_, err := b.provider.Pay(t.Context(), "t2", code)
		require.ErrorIs(t, err, providers.ErrDeclined)
		time.Sleep(90 * time.Second)
		receipt, err := b.provider.Pay(t.Context(), "t1", code)
		require.NoError(t, err)
		require.Equal(t, now()[2:], string(receipt.ProviderReference)[2:14])
		require.Equal(t, now()[4:], b.query("order0001", order["txnTime"]).values["traceTime"])
	})
}
