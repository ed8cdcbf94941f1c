package alipay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/providers/keys"
)

// Every client has its own way to place the parameters (§2).
func TestWire_TakesEveryPlacement(t *testing.T) {
	b := open(t, nil)
	b.paid("A1")
	all := b.signed(query, numbered("A1"), nil)
	some := func(names ...string) map[string]string {
		taken := map[string]string{}
		for _, name := range names {
			taken[name] = all[name]
		}
		return taken
	}
	without := func(names ...string) map[string]string {
		left := maps.Clone(all)
		for _, name := range names {
			delete(left, name)
		}
		return left
	}
	for name, sent := range map[string]struct{ verb, query, body string }{
		"java":       {"POST", form(without("biz_content")), form(some("biz_content"))},
		"gopay":      {"POST", "charset=utf-8", form(all)},
		"smartwalle": {"POST", "", form(all)},
		"python":     {"GET", form(all), ""},
		"percent":    {"GET", strings.ReplaceAll(form(all), "+", "%20"), ""},
		"ampersands": {"POST", "", "&" + form(all) + "&&"},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			got := b.send(sent.verb, "/gateway.do?"+sent.query, sent.body)
			b.done(got)
			require.Equal(t, "TRADE_SUCCESS", got.text("trade_status"))
			require.Equal(t, "text/html;charset=utf-8", got.header.Get("Content-Type"))
		})
	}
	b.t = t
	b.done(b.send("GET", "http://openapi.alipay.com/gateway.do?"+form(all), "")) // as a proxy sends it
}

// Clients disagree on empty values and on numbers for texts (§1, §2).
func TestWire_BearsClients(t *testing.T) {
	b := open(t, nil)
	kept := b.parameters(precreate, ordered("A1"))
	kept["app_auth_token"] = ""
	for _, signed := range []string{stringToSign(kept), "app_auth_token=&" + stringToSign(kept)} {
		kept["sign"] = sign(t, b.merchant, signed)
		b.done(b.send("POST", "/gateway.do", form(kept)))
	}

	b.done(b.call(precreate, `{"out_trade_no":20260001,"total_amount":88.8,"subject":"\u6d4b\u8bd5"}`))
	old := b.parameters(query, numbered("A1"))
	old["sign_type"] = "RSA"
	key, err := keys.ReadPrivate(b.merchant.PrivateKey)
	require.NoError(t, err)
	digest := sha1.Sum([]byte(stringToSign(old)))
	raw, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA1, digest[:])
	require.NoError(t, err)
	old["sign"] = base64.StdEncoding.EncodeToString(raw)
	b.refuses(b.send("POST", "/gateway.do", form(old)), "40004", "ACQ.TRADE_NOT_EXIST")
}

// The refusals of the gateway, in its order: app, signature, method,
// parameters (§5, §15).
func TestWire_Refusals(t *testing.T) {
	set := func(name, value string) func(map[string]string) {
		return func(values map[string]string) { values[name] = value }
	}
	drop := func(name string) func(map[string]string) {
		return func(values map[string]string) { delete(values, name) }
	}
	b := open(t, nil)
	for name, c := range map[string]struct {
		edit      func(map[string]string)
		code, sub string
	}{
		"no app":                {drop("app_id"), "40001", "isv.missing-app-id"},
		"another app":           {set("app_id", "2021999999999999"), "40002", "isv.invalid-app-id"},
		"no signature":          {set("sign", ""), "40001", "isv.missing-signature"},
		"no signature type":     {drop("sign_type"), "40001", "isv.missing-signature-type"},
		"another type":          {set("sign_type", "SM2"), "40002", "isv.invalid-signature-type"},
		"a wrong signature":     {set("sign", "AAAA"), "40002", "isv.invalid-signature"},
		"no base64":             {set("sign", "!"), "40002", "isv.invalid-signature"},
		"the other's signature": {set("sign", sign(t, b.config.Merchants[1], "x")), "40002", "isv.invalid-signature"},
		"no method":             {drop("method"), "40001", "isv.missing-method"},
		"another method":        {set("method", "alipay.trade.order.settle"), "40002", "isv.invalid-method"},
		"no timestamp":          {drop("timestamp"), "40001", "isv.missing-timestamp"},
		"another timestamp":     {set("timestamp", "2026-09-25T10:00:00Z"), "40002", "isv.invalid-timestamp"},
		"no version":            {drop("version"), "40001", "isv.missing-version"},
		"another version":       {set("version", "2.0"), "40002", "isv.invalid-parameter"},
		"another format":        {set("format", "xml"), "40002", "isv.invalid-format"},
		"another charset":       {set("charset", "GBK"), "40002", "isv.invalid-charset"},
		"another cipher":        {set("encrypt_type", "DES"), "40002", "isv.invalid-encrypt"},
		"nothing to do":         {drop("biz_content"), "40002", "isv.invalid-parameter"},
		"no JSON":               {set("biz_content", "{"), "40002", "isv.illegal-json"},
		"no object":             {set("biz_content", "[]"), "40002", "isv.illegal-json"},
		"two objects":           {set("biz_content", "{}{}"), "40002", "isv.illegal-json"},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			got := b.send("POST", "/gateway.do", form(b.signed(query, numbered("A1"), c.edit)))
			b.refuses(got, c.code, c.sub)
			node := "alipay_trade_query_response"
			switch name {
			case "no method":
				node = "error_response"
			case "another method":
				node = "alipay_trade_order_settle_response"
			}
			require.Contains(t, got.outer, node)
		})
	}
	b.t = t
	b.refuses(b.send("POST", "/gateway.do", "%zz=1"), "40002", "isv.invalid-parameter")
	gone := b.exchange("GET", "/other", "", nil)
	require.Equal(t, 404, gone.Code)
	require.NotContains(t, gone.Body.String(), "{")

	late := with(t, Options{TimestampWindow: faults.Duration(10 * time.Minute)})
	values := late.signed(query, numbered("A1"), set("timestamp", "2020-01-01 00:00:00"))
	late.refuses(late.send("POST", "/gateway.do", form(values)), "40002", "isv.invalid-timestamp")
	late.refuses(late.query("A1"), "40004", "ACQ.TRADE_NOT_EXIST")

	for old, code := range map[bool]string{false: "40003", true: "40002"} {
		keyless := open(t, func(c *Config) { c.Merchants[0].PublicKey, c.Options.OldSignatureConfig = "", old })
		keyless.refuses(keyless.query("A1"), code, "isv.missing-signature-config")
	}
	echoing := with(t, Options{EchoSignedString: true})
	got := echoing.send("POST", "/gateway.do", form(echoing.signed(query, numbered("A1"), set("sign", "AAAA"))))
	require.Contains(t, got.text("sub_msg"), "app_id="+echoing.merchant.AppID+"&amp;biz_content=")
}

// What is refused is signed too, unless an option says otherwise (§3).
func TestWire_UnsignedErrors(t *testing.T) {
	for choice, signed := range map[Unsigned][2]bool{"": {true, true}, UnsignedEarly: {false, true}, UnsignedAll: {false, false}} {
		b := with(t, Options{UnsignedErrors: choice})
		early := b.send("POST", "/gateway.do", form(b.signed(query, "{}", func(v map[string]string) { v["app_id"] = "1" })))
		later := b.query("A1")
		require.Equal(t, signed, [2]bool{early.outer["sign"] != nil, later.outer["sign"] != nil}, choice)
	}
}

// What clients cut out of an answer decides how it is written (§3).
func TestWire_WritesAnswersAsClientsCutThem(t *testing.T) {
	b := open(t, certified(t))
	b.done(b.call(precreate, ordered("A1")))
	raw := string(b.call(precreate, ordered("A1")).raw)
	require.Regexp(t, `^\{"alipay_trade_precreate_response":\{"code":"10000","msg":"Success","out_trade_no":"A1","qr_code":"https:\\/\\/qr\.alipay\.com\\/\w+"\},`+
		`"alipay_cert_sn":"[0-9a-f]{32}","sign":"[A-Za-z0-9+/=]{344}"\}$`, raw)
	refused := string(b.query("A9").raw)
	require.True(t, strings.HasPrefix(refused, `{"alipay_trade_query_response":{"code":"40004","msg":"Business Failed","sub_code":"ACQ.TRADE_NOT_EXIST",`+
		`"sub_msg":"交易不存在","buyer_pay_amount":"0.00","invoice_amount":"0.00","out_trade_no":"A9","point_amount":"0.00","receipt_amount":"0.00"},`), refused)
	require.Equal(t, `"a\"\\\/<&> 测\n\r\t\u0001`+"\u2028\ufffd\"", quoted("a\"\\/<&> 测\n\r\t\x01\u2028\xff"))
}

func TestWire_CertificateMode(t *testing.T) {
	b := open(t, certified(t))
	credentials, err := b.config.Credentials(b.merchant.AppID)
	require.NoError(t, err)
	require.NotContains(t, credentials.AlipayRootCertSN, "_", "the EC root is left out")
	for name, c := range map[string]struct{ parameter, value, sub string }{
		"no serial":      {"app_cert_sn", "", "isv.missing-app-cert-sn"},
		"another serial": {"app_cert_sn", credentials.AlipayCertSN, "isv.invalid-signature"},
		"another root":   {"alipay_root_cert_sn", "00", "isv.invalid-signature"},
	} {
		values := b.signed(query, numbered("A1"), func(v map[string]string) { v[c.parameter] = c.value })
		b.refuses(b.send("POST", "/gateway.do", form(values)), "40002", c.sub)
		require.NotEmpty(t, name)
	}
	got := b.call(certificate, `{"alipay_cert_sn":"`+credentials.AlipayCertSN+`"}`)
	b.done(got)
	content, err := base64.StdEncoding.DecodeString(got.text("alipay_cert_content"))
	require.NoError(t, err)
	require.Equal(t, credentials.AlipayCertificate, string(content))
	b.refuses(b.call(certificate, `{"alipay_cert_sn":"00"}`), "40002", "isv.invalid-parameter")
}

// TestWire_RotatesCertificates: the newest effective certificate signs, and the
// earlier ones can still be had.
func TestWire_RotatesCertificates(t *testing.T) {
	maker := Keys{Clock: &lateClock{}}
	authority, err := maker.Authority()
	require.NoError(t, err)
	next, err := maker.Certificate(authority, time.Now().Add(time.Hour))
	require.NoError(t, err)
	b := open(t, func(c *Config) {
		*c = testConfig(t, CertificateMode)
		c.Platform.Certificates = append([]PlatformCertificate{next}, c.Platform.Certificates...)
	})
	serialNow := func() string { return strings.Trim(string(b.query("A1").outer["alipay_cert_sn"]), `"`) }
	require.Equal(t, b.config.Platform.Certificates[1].SN, serialNow())
	b.clock.pass(2 * time.Hour)
	require.Equal(t, next.SN, serialNow())
	for _, each := range b.config.Platform.Certificates {
		b.done(b.call(certificate, `{"alipay_cert_sn":"`+each.SN+`"}`))
	}
}

func TestWire_SealedBothWays(t *testing.T) {
	b := open(t, nil)
	b.paid("A1")
	sealedCall := func(number string) answer {
		hidden, err := seal(b.merchant.AESKey, []byte(numbered(number)))
		require.NoError(t, err)
		return b.send("POST", "/gateway.do", form(b.signed(query, hidden, func(v map[string]string) { v["encrypt_type"] = "AES" })))
	}
	got := sealedCall("A1")
	content := string(got.outer["alipay_trade_query_response"])
	require.Regexp(t, `^"[A-Za-z0-9+/=]+"$`, content)
	plain, err := unseal(b.merchant.AESKey, strings.Trim(content, `"`))
	require.NoError(t, err)
	require.Contains(t, string(plain), `"trade_status":"TRADE_SUCCESS"`)
	b.refuses(sealedCall("A9"), "40004", "ACQ.TRADE_NOT_EXIST") // what refuses is not sealed

	hidden, err := seal(b.merchant.AESKey, []byte(numbered("A1")))
	require.NoError(t, err)
	b.refuses(b.call(query, hidden), "40001", "isv.decryption-error-missing-encrypt-type")
	foreign := b.signed(query, "AAAA", func(v map[string]string) { v["encrypt_type"] = "AES" })
	b.refuses(b.send("POST", "/gateway.do", form(foreign)), "40002", "isv.invalid-encrypt")
}

const pageProduct = `"product_code":"FAST_INSTANT_TRADE_PAY","out_trade_no"`

// A shopper's browser is shown a page, and never JSON (§3).
func TestWire_Pages(t *testing.T) {
	b := open(t, nil)
	show := func(verb, query, body string) (int, http.Header, string) {
		got := b.exchange(verb, "/gateway.do?"+query, body, nil)
		return got.Code, got.Header(), got.Body.String()
	}
	asked := ordered("A1", `"out_trade_no"`, pageProduct)
	values := form(b.signed(pagePay, asked, nil))
	for _, sent := range [][3]string{{"GET", values, ""}, {"POST", "", values}} {
		status, header, page := show(sent[0], sent[1], sent[2])
		require.Equal(t, 200, status)
		require.Equal(t, "text/html;charset=utf-8", header.Get("Content-Type"))
		require.Contains(t, page, "&#27979;&#35797; &lt;")
		require.Contains(t, page, "1.01")
	}
	b.refuses(b.query("A1"), "40004", "ACQ.TRADE_NOT_EXIST")
	refused := func(query, code string) {
		t.Helper()
		status, header, page := show("GET", query, "")
		require.Equal(t, 200, status)
		require.Equal(t, "text/html;charset=GBK", header.Get("Content-Type"))
		require.Contains(t, page, code)
		require.Regexp(t, regexp.MustCompile(`^[\x00-\x7f]+$`), page)
	}
	refused(strings.Replace(values, "sign=", "sign=A", 1), "isv.invalid-signature")
	refused(form(b.signed(pagePay, ordered("A1"), nil)), "ACQ.INVALID_PARAMETER")
	_, err := b.provider.Pay(t.Context(), "t1", "https://openapi.alipay.com/gateway.do?"+values)
	require.NoError(t, err)
	refused(values, "ACQ.TRADE_HAS_SUCCESS")
	_, err = url.ParseQuery(values)
	require.NoError(t, err)
}
