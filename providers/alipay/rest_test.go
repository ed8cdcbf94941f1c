package alipay

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// restCall signs and posts as a client of v3 does, and checks the answer's
// signature, which only errors may lack.
func (b *bench) restCall(m method, business string, edit func(*http.Header, *string)) answer {
	b.t.Helper()
	path := "/v3/" + strings.ReplaceAll(string(m), ".", "/")
	text := fmt.Sprintf("app_id=%s,nonce=5f9fba93,timestamp=%d", b.merchant.AppID, b.clock.Now().UnixMilli())
	header := http.Header{"Content-Type": {"application/json"}}
	if b.config.Mode == CertificateMode {
		credentials, err := b.config.Credentials(b.merchant.AppID)
		require.NoError(b.t, err)
		text = strings.Replace(text, ",", ",app_cert_sn="+credentials.AppCertSN+",", 1)
		header.Set("alipay-root-cert-sn", credentials.AlipayRootCertSN)
	}
	if edit != nil {
		edit(&header, &text)
	}
	if header.Get("Authorization") == "" {
		header.Set("Authorization", "ALIPAY-SHA256withRSA "+text+",sign="+sign(b.t, b.merchant, text+"\nPOST\n"+path+"\n"+business+"\n"))
	}
	recorder := b.exchange("POST", path, business, header)
	read := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.Bytes()}
	if signature := recorder.Header()["alipay-signature"]; read.status < 300 || b.config.Options.SignedRESTErrors {
		require.Len(b.t, signature, 1)
		raw, err := base64.StdEncoding.DecodeString(signature[0])
		require.NoError(b.t, err)
		digest := sha256.Sum256([]byte(recorder.Header()["alipay-timestamp"][0] + "\n" + recorder.Header()["alipay-nonce"][0] + "\n" + string(read.raw) + "\n"))
		sn := ""
		if b.config.Mode == CertificateMode {
			sn = recorder.Header()["alipay-sn"][0]
		}
		require.NoError(b.t, rsa.VerifyPKCS1v15(platformKey(b.t, b.config, sn), crypto.SHA256, digest[:], raw))
	} else {
		require.Empty(b.t, signature)
	}
	if recorder.Header()["alipay-encrypt-type"] == nil {
		require.NoError(b.t, json.Unmarshal(read.raw, &read.node), string(read.raw))
	}
	return read
}

// The same operations over the same book (§13).
func TestREST_AWholePayment(t *testing.T) {
	for name, change := range map[string]func(*Config){"key mode": nil, "certificate mode": certified(t)} {
		t.Run(name, func(t *testing.T) {
			b := open(t, change)
			notified := ordered("A1", `"total`, `"notify_url":"https://shop.example/notify/v3","total`)
			placed := b.restCall(precreate, notified, nil)
			require.Equal(t, 200, placed.status, string(placed.raw))
			require.NotContains(t, placed.node, "code")
			_, err := b.provider.Pay(t.Context(), "t1", placed.text("qr_code"))
			require.NoError(t, err)
			require.Equal(t, "TRADE_SUCCESS", b.restCall(query, numbered("A1"), nil).text("trade_status"))
			require.Equal(t, "TRADE_SUCCESS", b.query("A1").text("trade_status"), "v2 sees the same")
			require.Equal(t, "/notify/v3", b.deliveries(1)[0].Target)
			b.told(b.Sent()[0])
			back := b.restCall(refund, `{"out_trade_no":"A1","out_request_no":"R1","refund_amount":"0.40"}`, nil)
			require.Equal(t, "Y", back.text("fund_change"))
			require.Equal(t, "REFUND_SUCCESS", b.restCall(refundQuery, `{"out_trade_no":"A1","out_request_no":"R1"}`, nil).text("refund_status"))
			scanned := b.restCall(pay, payBody("A2", b.barcode()), nil)
			require.Equal(t, "A2", scanned.text("out_trade_no"))
			require.Equal(t, "refund", b.restCall(cancel, numbered("A2"), nil).text("action"))
			made := b.restCall(create, ordered("A3", `"out_trade_no"`, `"buyer_id":"2088000000000007","out_trade_no"`), nil)
			require.NotEmpty(t, made.text("trade_no"))
			require.Equal(t, 200, b.restCall(closeTrade, numbered("A3"), nil).status)
		})
	}
}

func TestREST_Refusals(t *testing.T) {
	b := open(t, nil)
	at := func(off time.Duration, more string) func(*http.Header, *string) {
		return func(_ *http.Header, text *string) {
			*text = fmt.Sprintf("app_id=%s,nonce=n,timestamp=%d%s", b.merchant.AppID, time.Now().Add(off).UnixMilli(), more)
		}
	}
	header := func(value string) func(*http.Header, *string) {
		return func(h *http.Header, _ *string) { h.Set("Authorization", value) }
	}
	for name, c := range map[string]struct {
		method method
		edit   func(*http.Header, *string)
		code   string
	}{
		"no authorization":  {query, header(" "), "missing-timestamp"},
		"another scheme":    {query, header("Basic x"), "missing-timestamp"},
		"no signature":      {query, header("ALIPAY-SHA256withRSA app_id=1,sign="), "missing-timestamp"},
		"another app":       {query, header("ALIPAY-SHA256withRSA app_id=1,sign=x"), "invalid-app-id"},
		"no app":            {query, header("ALIPAY-SHA256withRSA nonce=1,sign=x"), "missing-app-id"},
		"a wrong signature": {query, header("ALIPAY-SHA256withRSA app_id=" + b.merchant.AppID + ",sign=AAAA"), "invalid-signature"},
		"no timestamp":      {query, func(_ *http.Header, text *string) { *text = "app_id=" + b.merchant.AppID }, "missing-timestamp"},
		"too old":           {query, at(-11*time.Minute, ""), "invalid-timestamp"},
		"too old by itself": {query, at(-time.Minute, ",expired_seconds=30"), "invalid-timestamp"},
		"no method":         {"alipay.trade.order.settle", nil, "invalid-method"},
		"a page":            {pagePay, nil, "invalid-method"},
		"an unknown trade":  {query, nil, "ACQ.TRADE_NOT_EXIST"},
		"an older one":      {query, at(-11*time.Minute, ",expired_seconds=3600"), "ACQ.TRADE_NOT_EXIST"},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			got := b.restCall(c.method, numbered("A1"), c.edit)
			require.Equal(t, 400, got.status)
			require.Equal(t, c.code, got.text("code"), string(got.raw))
			require.NotEmpty(t, got.text("message"))
			require.Len(t, got.node["links"], 1)
		})
	}
	b.t = t
	require.Equal(t, "illegal-json", b.restCall(query, "{", nil).text("code"))
	signed := with(t, Options{SignedRESTErrors: true})
	require.Equal(t, 400, signed.restCall(query, numbered("A1"), nil).status)
	wrong := open(t, certified(t))
	require.Equal(t, "ACQ.TRADE_NOT_EXIST", wrong.restCall(query, numbered("A1"), func(h *http.Header, _ *string) { h.Del("alipay-root-cert-sn") }).text("code"), "go-pay names no roots")
	require.Equal(t, "invalid-signature", wrong.restCall(query, numbered("A1"), func(h *http.Header, _ *string) { h.Set("alipay-root-cert-sn", "00") }).text("code"))
}

// What v2 says with 10003 and 20000 has a status here (§13).
func TestREST_PendingAndUnknown(t *testing.T) {
	for option, status := range map[int]int{0: 202, 200: 200} {
		b := with(t, Options{PasswordAbove: 100, RESTPendingStatus: option})
		got := b.restCall(pay, payBody("A1", b.barcode()), nil)
		require.Equal(t, status, got.status)
		require.NotEmpty(t, got.text("trade_no"))
		require.Empty(t, got.text("gmt_payment"))
	}
	b := open(t, nil)
	b.provider.desk.ring.config.Options.UnknownOutcome = "isp.unknow-error"
	failed, err := b.provider.desk.restRefusal(b.provider.unknown(), 0)
	require.NoError(t, err)
	require.Equal(t, 500, failed.Status)
	require.Contains(t, string(failed.Body), `"code":"unknow-error"`)
}

func TestREST_Sealed(t *testing.T) {
	b := open(t, nil)
	b.paid("A1")
	hidden, err := seal(b.merchant.AESKey, []byte(numbered("A1")))
	require.NoError(t, err)
	got := b.restCall(query, hidden, func(h *http.Header, _ *string) {
		h.Set("alipay-encrypt-type", "AES")
		h.Set("Content-Type", "text/plain")
	})
	require.Equal(t, 200, got.status)
	require.Equal(t, "text/plain;charset=utf-8", got.header.Get("Content-Type"))
	plain, err := unseal(b.merchant.AESKey, string(got.raw))
	require.NoError(t, err)
	require.Contains(t, string(plain), `"trade_status":"TRADE_SUCCESS"`)
}
