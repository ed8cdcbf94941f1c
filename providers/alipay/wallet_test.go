package alipay

import (
	"html"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// htmlForm is what the official clients return for a page: parameters in the
// action, biz_content in a hidden input (§3).
func htmlForm(values map[string]string) string {
	rest := map[string]string{}
	for name, value := range values {
		if name != "biz_content" {
			rest[name] = value
		}
	}
	return `<form action="https://openapi.alipay.com/gateway.do?` + html.EscapeString(form(rest)) + `" method="post" name="alipaySDKSubmit">` +
		`<input type="hidden" name="biz_content" value="` + strings.ReplaceAll(html.EscapeString(values["biz_content"]), "&#34;", "&quot;") + `"/>` +
		`<input type="submit" value="pay" style="display:none"></form><script>document.forms[0].submit();</script>`
}

// A page or an app makes no call: the trade is made when the wallet opens what
// the merchant signed, and belongs to the wallet's trial (§3, §6).
func TestWallet_OpensWhatTheMerchantSigned(t *testing.T) {
	page := ordered("A1", `"out_trade_no"`, pageProduct)
	wap := ordered("A1", `"total`, `"product_code":"QUICK_WAP_WAY","quit_url":"https://shop.example","total`)
	for name, c := range map[string]struct {
		method   method
		business string
		text     func(map[string]string) string
		by       payment.Method
	}{
		"page as a URL":      {pagePay, page, func(v map[string]string) string { return "https://openapi.alipay.com/gateway.do?" + form(v) }, payment.MethodWeb},
		"page as HTML":       {pagePay, page, htmlForm, payment.MethodWeb},
		"page as parameters": {pagePay, page, form, payment.MethodWeb},
		"wap as a URL":       {wapPay, wap, func(v map[string]string) string { return "https://openapi.alipay.com/gateway.do?" + form(v) }, payment.MethodWeb},
		"wap as HTML":        {wapPay, wap, htmlForm, payment.MethodWeb},
		"app":                {appPay, ordered("A1"), form, payment.MethodApp},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, nil)
			text := c.text(b.signed(c.method, c.business, nil))
			b.refuses(b.query("A1"), "40004", "ACQ.TRADE_NOT_EXIST")
			checkout, err := b.provider.Open(t.Context(), "t1", text)
			require.NoError(t, err)
			require.Equal(t, payment.Fen(101), checkout.Amount)
			require.EqualValues(t, "A1", checkout.MerchantReference)
			require.Equal(t, "WAIT_BUYER_PAY", b.query("A1").text("trade_status"))
			receipt, err := b.provider.Pay(t.Context(), "t1", text)
			require.NoError(t, err)
			require.Equal(t, b.query("A1").text("trade_no"), string(receipt.ProviderReference))
			b.told(b.deliveries(1)[0])
			_, err = b.provider.Open(t.Context(), "t1", text)
			require.ErrorIs(t, err, providers.ErrNotPayable)
			require.ErrorContains(t, err, "ACQ.TRADE_HAS_SUCCESS")
			known, err := b.provider.Book.Payment(b.provider.lookUp(b.provider.ring.apps[b.merchant.AppID], "A1").key)
			require.NoError(t, err)
			require.EqualValues(t, "t1", known.Trial)
			require.Equal(t, c.by, known.Method)
		})
	}
}

func TestWallet_RefusesInWords(t *testing.T) {
	b := open(t, nil)
	signed := func(edit func(map[string]string)) string { return form(b.signed(appPay, ordered("A1"), edit)) }
	_, err := b.provider.Open(t.Context(), "t1", signed(nil))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		text, says string
		is         error
	}{
		"nothing":             {"", "the code is unknown", providers.ErrUnknownCode},
		"an unknown code":     {"https://qr.alipay.com/bax0none", "the code is unknown", providers.ErrUnknownCode},
		"an unknown trade_no": {"2026092522001400000000000001", "the code is unknown", providers.ErrUnknownCode},
		"no form":             {"%zz=", "neither a query nor a form", providers.ErrUnknownCode},
		"HTML without a form": {`<html lang="zh"></html>`, "isv.missing-app-id", providers.ErrUnknownCode},
		"another app":         {signed(func(v map[string]string) { v["app_id"] = "1" }), "isv.invalid-app-id", providers.ErrUnknownCode},
		"a changed amount":    {strings.Replace(signed(nil), "1.01", "0.01", 1), "isv.invalid-signature", providers.ErrUnknownCode},
		"a call":              {signed(func(v map[string]string) { v["method"] = string(query) }), "isv.invalid-method", providers.ErrUnknownCode},
		"a bad parameter":     {form(b.signed(wapPay, ordered("A2"), nil)), "product_code", providers.ErrUnknownCode},
		"another amount":      {form(b.signed(appPay, ordered("A1", "1.01", "1.02"), nil)), "ACQ.CONTEXT_INCONSISTENT", providers.ErrNotPayable},
	} {
		_, err := b.provider.Open(t.Context(), "t1", c.text)
		require.ErrorIs(t, err, c.is, name)
		require.ErrorContains(t, err, c.says, name)
		require.ErrorIs(t, b.provider.Cancel(t.Context(), "t1", c.text), c.is, name)
		_, err = b.provider.Pay(t.Context(), "t1", c.text)
		require.ErrorIs(t, err, c.is, name)
	}
	_, err = b.provider.Open(t.Context(), "t9", signed(nil))
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	_, err = b.provider.Barcode(t.Context(), "t9")
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	_, err = b.provider.Balance("t9")
	require.ErrorIs(t, err, providers.ErrUnknownPart)
	_, err = b.provider.Open(t.Context(), "t1", b.barcode())
	require.ErrorIs(t, err, providers.ErrUnknownCode, "a barcode that no merchant scanned")
}

// The trade of a create is opened by its number; a code belongs to whoever
// scanned it first.
func TestWallet_CreatedTradesAndOtherShoppers(t *testing.T) {
	b := open(t, nil)
	made := b.call(create, ordered("A1", `"out_trade_no"`, `"buyer_id":"2088000000000007","out_trade_no"`))
	_, err := b.provider.Pay(t.Context(), "t1", made.text("trade_no"))
	require.NoError(t, err)
	require.Equal(t, "2088000000000007", b.query("A1").text("buyer_user_id"))
	shown := b.placed("A2")
	_, err = b.provider.Open(t.Context(), "t1", shown)
	require.NoError(t, err)
	_, err = b.provider.Open(t.Context(), "t2", shown)
	require.ErrorIs(t, err, providers.ErrUnknownCode)
	_, err = b.provider.Pay(t.Context(), "t1", b.query("A2").text("trade_no"))
	require.ErrorIs(t, err, providers.ErrUnknownCode, "only a create's trade is opened by its number")
	b.trial = "t2"
	shown = b.placed("A3")
	_, err = b.provider.Pay(t.Context(), "t2", shown)
	require.ErrorIs(t, err, providers.ErrDeclined)
	require.ErrorContains(t, err, "ACQ.BUYER_BALANCE_NOT_ENOUGH")
	require.Equal(t, "WAIT_BUYER_PAY", b.query("A3").text("trade_status"))
}
