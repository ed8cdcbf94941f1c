package alipay

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
)

// An injected refusal is one that the provider could have given.
func TestDialect_Refuses(t *testing.T) {
	l := tapped(t, nil)
	v2, rest := l.over(refund, refundPart, nil), l.overREST(refund, refundPart)
	for name, c := range map[string]struct {
		x            exchange
		with         faults.Response
		status       int
		says, notice string
		signature    journal.SignatureVerdict
	}{
		"nobody knows":       {v2, faults.Response{}, 200, `{"alipay_trade_refund_response":{"code":"20000","msg":"Service Currently Unavailable","sub_code":"isp.unknow-error","sub_msg":"系统繁忙"}`, "isp.unknow-error", "valid"},
		"by its code":        {v2, faults.Response{Code: "20000"}, 200, `"code":"20000"`, "isp.unknow-error", "valid"},
		"a system error":     {v2, faults.Response{Code: "ACQ.SYSTEM_ERROR"}, 200, `"code":"40004","msg":"Business Failed","sub_code":"ACQ.SYSTEM_ERROR"`, "ACQ.SYSTEM_ERROR", "valid"},
		"without its prefix": {v2, faults.Response{Code: "SYSTEM_ERROR"}, 200, `"sub_code":"ACQ.SYSTEM_ERROR"`, "ACQ.SYSTEM_ERROR", "valid"},
		"cancel's misspelt":  {v2, faults.Response{Code: "AQC.SYSTEM_ERROR"}, 200, `"code":"40004","msg":"Business Failed","sub_code":"AQC.SYSTEM_ERROR"`, "AQC.SYSTEM_ERROR", "valid"},
		"a limit":            {v2, faults.Response{Code: "isv.app-call-limited"}, 200, `"code":"40005"`, "isv.app-call-limited", "valid"},
		"no permission":      {v2, faults.Response{Code: "isv.insufficient-isv-permissions"}, 200, `"code":"40006"`, "isv.insufficient-isv-permissions", "valid"},
		"a token":            {v2, faults.Response{Code: "aop.invalid-auth-token"}, 200, `"code":"20001"`, "aop.invalid-auth-token", "valid"},
		"a bare code":        {v2, faults.Response{Code: "40006"}, 200, `{"code":"40006","msg":"Insufficient Permissions"}`, "40006", "valid"},
		"with a status":      {v2, faults.Response{Status: 503, Code: "ACQ.SYSTEM_ERROR"}, 503, `"ACQ.SYSTEM_ERROR"`, "ACQ.SYSTEM_ERROR", "valid"},
		"a broken gateway":   {v2, faults.Response{Status: 502}, 502, "<center><h1>502 Bad Gateway</h1></center>", "", "missing"},
		"REST knows nothing": {rest, faults.Response{}, 500, `{"code":"unknow-error","message":"系统繁忙","links":[`, "unknow-error", "missing"},
		"REST by a code":     {rest, faults.Response{Code: "ACQ.SYSTEM_ERROR"}, 400, `{"code":"ACQ.SYSTEM_ERROR"`, "ACQ.SYSTEM_ERROR", "missing"},
		"REST with a status": {rest, faults.Response{Status: 429, Code: "isv.app-call-limited"}, 429, `{"code":"app-call-limited"`, "app-call-limited", "missing"},
		"a broken REST":      {rest, faults.Response{Status: 504}, 504, "504 Gateway Timeout", "", "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := l.dialect.Refuse(c.x.request, c.with)
			require.NoError(t, err)
			require.Equal(t, c.status, answer.Status)
			require.Contains(t, string(answer.Body), c.says)
			facts := l.dialect.Answer(c.x.request, answer)
			require.Equal(t, []any{c.notice, c.signature, faults.Refund}, []any{facts.Status, facts.Signature, facts.Operation})
			require.Empty(t, facts.State)
		})
	}
	l.paid("A1")
	for with, status := range map[faults.Response]int{{}: 200, {Status: 500, Code: "X"}: 500} {
		answer, err := l.dialect.Refuse(l.deliveries(1)[0], with)
		require.NoError(t, err)
		require.Equal(t, status, answer.Status)
		require.Equal(t, "fail", string(answer.Body))
	}
	page, err := l.dialect.Refuse(l.crossed("GET", "/gateway.do?"+form(l.signed(pagePay, "{}", nil)), "", nil).request, faults.Response{Code: "ACQ.SYSTEM_ERROR"})
	require.NoError(t, err)
	require.Equal(t, "text/html;charset=GBK", page.Header.First("Content-Type"))
}

// A forgery is right in every way but its signature.
func TestDialect_Forges(t *testing.T) {
	l := tapped(t, nil)
	created := l.over(precreate, ordered("A1"), nil)
	require.Equal(t, faults.Create, l.dialect.Request(created.request).Operation) // the gateway reads every message once
	for change, verdict := range map[faults.SignatureChange]journal.SignatureVerdict{"": "valid", faults.SignatureMissing: "missing",
		faults.SignatureBroken: "invalid", faults.SignatureWrongKey: "invalid"} {
		forged, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Signature: change})
		require.NoError(t, err)
		facts := l.dialect.Request(forged)
		require.Equal(t, []any{faults.NotifyPayment, "captured", verdict, "TRADE_SUCCESS", l.merchant.AppID},
			[]any{facts.Operation, facts.State, facts.Signature, facts.Status, facts.Account})
		require.EqualValues(t, "A1", facts.MerchantReference)
		require.EqualValues(t, 101, facts.Amount.Minor)
		require.Equal(t, "/notify/alipay", forged.Target)
		read, err := readParameters("", string(forged.Body))
		require.NoError(t, err)
		require.Equal(t, []string{l.merchant.SellerID, "测试 <商品>+1%"}, []string{read["seller_id"], read["subject"]})
	}
	_, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Signature: faults.SignatureWrongSerial})
	require.ErrorIs(t, err, proxy.ErrCannotEdit)
	asked := l.over(query, numbered("A1"), nil)
	_, err = proxy.Forged(l.dialect, asked.request, asked.answer, faults.Edit{Signature: faults.SignatureBroken})
	require.ErrorIs(t, err, proxy.ErrCannotEdit)

	// A payment that names no address goes where the app last wanted its news.
	mute := func(v map[string]string) { delete(v, "notify_url") }
	scanned := l.over(pay, payBody("A2", l.barcode()), mute)
	forged, err := proxy.Forged(l.dialect, scanned.request, scanned.answer, faults.Edit{Signature: faults.SignatureBroken})
	require.NoError(t, err)
	require.Equal(t, "shop.example", forged.Header.First("Host"))
	fresh := tapped(t, nil)
	first := fresh.over(pay, payBody("A2", fresh.barcode()), mute)
	_, err = proxy.Forged(fresh.dialect, first.request, first.answer, faults.Edit{Signature: faults.SignatureBroken})
	require.ErrorIs(t, err, proxy.ErrCannotEdit)
}

// Bodies are decoded for people; people and secrets are masked.
func TestDialect_BodiesAreMasked(t *testing.T) {
	l := tapped(t, certified(t))
	shown := l.barcode()
	scanned := l.over(pay, payBody("A1", shown), nil)
	for _, text := range []string{l.dialect.Body(scanned.request, nil), l.dialect.Body(scanned.request, scanned.answer),
		l.dialect.Body(l.deliveries(1)[0], nil)} {
		require.Contains(t, text, `"out_trade_no":"A1"`)
		require.NotContains(t, text, shown)
		require.NotRegexp(t, `2088\d{12}","buyer|"buyer_id":"\d+"|"buyer_user_id":"\d+"`, text)
	}
	credentials, err := l.config.Credentials(l.merchant.AppID)
	require.NoError(t, err)
	fetched := l.over(certificate, `{"alipay_cert_sn":"`+credentials.AlipayCertSN+`"}`, nil)
	require.Contains(t, l.dialect.Body(fetched.request, fetched.answer), `"alipay_cert_content":"LS0***"`)

	hidden, err := seal(l.merchant.AESKey, []byte(numbered("A1")))
	require.NoError(t, err)
	sealed := l.over(query, hidden, func(v map[string]string) { v["encrypt_type"] = "AES" })
	require.Contains(t, l.dialect.Body(sealed.request, nil), `"biz_content":{"out_trade_no":"A1"}`)
	require.Contains(t, l.dialect.Body(sealed.request, sealed.answer), `"trade_status":"TRADE_SUCCESS"`)
	rest := l.overREST(query, numbered("A1"))
	require.Equal(t, `{"out_trade_no":"A1"}`, l.dialect.Body(rest.request, nil))
	require.Contains(t, l.dialect.Body(rest.request, rest.answer), `"trade_status":"TRADE_SUCCESS"`)
	require.Equal(t, "success", l.dialect.Body(l.deliveries(1)[0], &proxy.Answer{Body: []byte("success")}))
	require.Equal(t, "(40 bytes that cannot be read)", l.dialect.Body(l.deliveries(1)[0], &proxy.Answer{Body: []byte(strings.Repeat("x", 40))}))
	require.Equal(t, "(3 bytes that cannot be read)", l.dialect.Body(&proxy.Request{Method: "POST", Target: "/x", Body: []byte("a=b")}, nil))
	require.Empty(t, l.dialect.Body(&proxy.Request{Method: "GET", Target: "/x"}, nil))

	echoing := tapped(t, func(c *Config) { c.Options.EchoSignedString = true })
	refused := echoing.over(pay, payBody("A1", shown), func(v map[string]string) { v["sign"] = "AAAA" })
	require.NotContains(t, echoing.dialect.Body(refused.request, refused.answer), shown)
}
