package wechatpay

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/providers"
)

// params are a v2 message's parameters as the tests' own client has them.
type params map[string]string

// signV2 is the tests' own signer: it shares nothing with the code.
func signV2(p params, key, signType string) string {
	var names []string
	for name, value := range p {
		if name != "sign" && value != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	text := ""
	for _, name := range names {
		text += name + "=" + p[name] + "&"
	}
	text += "key=" + key
	if signType == "HMAC-SHA256" {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(text))
		return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
	}
	sum := md5.Sum([]byte(text))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// xmlOf writes parameters as a client does, sorted.
func xmlOf(p params) string {
	var names []string
	for name := range p {
		names = append(names, name)
	}
	sort.Strings(names)
	text := "<xml>"
	for _, name := range names {
		value := "<![CDATA[" + p[name] + "]]>"
		if strings.Contains(p[name], "]]>") {
			value = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(p[name])
		}
		text += "<" + name + ">" + value + "</" + name + ">"
	}
	return text + "</xml>"
}

// older is a signed v2 request of the bench's merchant. What is given as empty
// is left out.
func (b *bench) older(given params) string {
	p := params{"appid": b.merchant.AppID, "mch_id": b.merchant.MchID, "nonce_str": "N0NCE"}
	for name, value := range given {
		p[name] = value
		if value == "" {
			delete(p, name)
		}
	}
	if _, fixed := given["sign"]; !fixed {
		p["sign"] = signV2(p, b.merchant.APIv2Key, p["sign_type"])
	}
	return xmlOf(p)
}

// answerXML is what came back from v2.
type answerXML struct {
	status int
	kind   string
	raw    []byte
	params
}

// post2 sends a v2 body and, unless the answer denies the communication, checks
// its signature with the request's type.
func (b *bench) post2(path, body string, headers ...string) answerXML {
	b.t.Helper()
	request := httptest.NewRequest("POST", "/", strings.NewReader(body))
	request.RequestURI = path
	request.Header.Set(providers.TrialHeader, string(b.trial))
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	b.provider.Wire().ServeHTTP(recorder, request)
	got := answerXML{status: recorder.Code, kind: recorder.Header().Get("Content-Type"), raw: recorder.Body.Bytes(), params: params{}}
	if got.status != 200 {
		return got
	}
	require.Equal(b.t, "text/xml; charset=utf-8", got.kind)
	read, err := parseXML(got.raw)
	require.NoError(b.t, err, string(got.raw))
	for _, f := range read {
		got.params[f.name] = f.value
	}
	if got.params["return_code"] == "SUCCESS" {
		signType := ""
		if asked, err := parseXML([]byte(body)); err == nil {
			signType = asked.get("sign_type")
		}
		require.Equal(b.t, signV2(got.params, b.merchant.APIv2Key, signType), got.params["sign"], string(got.raw))
	} else {
		require.NotContains(b.t, got.params, "sign")
	}
	return got
}

// refuses2 expects a business refusal, denies2 one of the communication.
func (b *bench) refuses2(got answerXML, code string) {
	b.t.Helper()
	require.Equal(b.t, []string{"SUCCESS", "FAIL", code}, []string{got.params["return_code"], got.params["result_code"], got.params["err_code"]}, string(got.raw))
	require.NotEmpty(b.t, got.params["err_code_des"])
}

func (b *bench) denies2(got answerXML, message string) {
	b.t.Helper()
	require.Equal(b.t, params{"return_code": "FAIL", "return_msg": message}, got.params)
}

func (b *bench) accepts2(got answerXML) answerXML {
	b.t.Helper()
	require.Equal(b.t, []string{"SUCCESS", "SUCCESS"}, []string{got.params["return_code"], got.params["result_code"]}, string(got.raw))
	return got
}

// micro and unified are the parameters of the two calls that begin a payment.
func micro(number, barcode string) params {
	return params{"body": "测试商品", "out_trade_no": number, "total_fee": "101", "spbill_create_ip": "127.0.0.1", "auth_code": barcode, "attach": "a<&>]]>1"}
}

func unified(number, tradeType string) params {
	return params{"body": "测试商品", "out_trade_no": number, "total_fee": "101", "spbill_create_ip": "127.0.0.1",
		"notify_url": "https://shop.example/notify/wx", "trade_type": tradeType, "openid": "oUser", "attach": "a1"}
}

func (p params) with(edits ...string) params {
	made := params{}
	for name, value := range p {
		made[name] = value
	}
	for i := 0; i < len(edits); i += 2 {
		made[edits[i]] = edits[i+1]
	}
	return made
}

const (
	microPath, unifiedPath = "/pay/micropay", "/pay/unifiedorder"
	queryPath2, closePath2 = "/pay/orderquery", "/pay/closeorder"
	reversePath2           = "/secapi/pay/reverse"
	refundPath2, backPath2 = "/secapi/pay/refund", "/pay/refundquery"
)

func (b *bench) number2(path, number string) answerXML {
	b.t.Helper()
	return b.post2(path, b.older(params{"out_trade_no": number}))
}

// X1 of protocol wechatpay §10.
func TestVectors_V2(t *testing.T) {
	form := document{{name: "total_fee", value: "101"}, {name: "appid", value: "wxd678efh567hg6787"}, {name: "auth_code", value: "130000000000000001"},
		{name: "body", value: "测试商品"}, {name: "mch_id", value: "1900000109"}, {name: "nonce_str", value: "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"},
		{name: "out_trade_no", value: "PQ20260101000002"}, {name: "spbill_create_ip", value: "127.0.0.1"}, {name: "attach"}, {name: "sign", value: "x"}}
	const key = "payquakeTESTONLYapiv2key00000001"
	require.Equal(t, "E724A6BB92C13FC7537E2D24B96C8993", form.sign(key, signMD5))
	form = append(form, field{name: "sign_type", value: signHMAC})
	require.Equal(t, "appid=wxd678efh567hg6787&auth_code=130000000000000001&body=测试商品&mch_id=1900000109&nonce_str=5K8264ILTKCH16CQ2502SI8ZNMTM67VS"+
		"&out_trade_no=PQ20260101000002&sign_type=HMAC-SHA256&spbill_create_ip=127.0.0.1&total_fee=101&key=payquakeTESTONLYapiv2key00000001", form.signString(key))
	require.Equal(t, "EE42E39C07BB75B24D4D34C7269F4D531E8A2AAA6319579745E6D997EFA0F619", form.sign(key, signHMAC))
	require.Empty(t, form.sign(key, "RSA"))
	require.False(t, form.signed("", signMD5), "without a key nothing is signed")
}

// OpenSSL agrees about both signatures.
func TestV2_OpenSSLAgrees(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl to ask")
	}
	form := document{{name: "b", value: "测试"}, {name: "a", value: "1 & 2"}}
	for signType, flags := range map[string][]string{signMD5: {"dgst", "-md5", "-r"}, signHMAC: {"dgst", "-sha256", "-r", "-hmac", "0123456789abcdef"}} {
		command := exec.Command("openssl", flags...)
		command.Stdin = strings.NewReader(form.signString("0123456789abcdef"))
		out, err := command.Output()
		require.NoError(t, err)
		require.Equal(t, form.sign("0123456789abcdef", signType), strings.ToUpper(strings.Fields(string(out))[0]), signType)
	}
}

// lints feeds a document to xmllint.
func lints(t *testing.T, raw []byte) {
	t.Helper()
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Skip("no xmllint to ask")
	}
	command := exec.Command("xmllint", "--noout", "-")
	command.Stdin = bytes.NewReader(raw)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, raw)
}

func TestV2_XMLIsWellFormed(t *testing.T) {
	b := open(t, nil)
	captured := b.accepts2(b.post2(microPath, b.older(micro("order-0001", b.barcode()))))
	require.Equal(t, "a<&>]]>1", captured.params["attach"], "whatever stands in it")
	lints(t, captured.raw)
	lints(t, b.number2(queryPath2, "none").raw)
	lints(t, b.post2(queryPath2, "").raw)
	// v3 takes characters that XML cannot write.
	require.Equal(t, 200, b.call("POST", nativePath, b.order("order-0002", `"a1"`, `"a\u0001\r\n]]>\uFFFE"`)).status)
	code := b.call("POST", nativePath, b.order("order-0002", `"a1"`, `"a\u0001\r\n]]>\uFFFE"`)).text("code_url")
	_, err := b.provider.Pay(t.Context(), "t1", code)
	require.NoError(t, err)
	odd := b.accepts2(b.number2(queryPath2, "order-0002"))
	lints(t, odd.raw)
	require.Equal(t, "a\uFFFD\n\n]]>\uFFFD", odd.params["attach"])
}

func TestV2_Communication(t *testing.T) {
	b := open(t, nil)
	good := b.older(micro("order-0001", b.barcode()))
	for name, c := range map[string]struct{ body, message string }{
		"empty":             {"", "post数据为空"},
		"not XML":           {"{}", "XML格式错误"},
		"entity":            {`<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><mch_id>&x;</mch_id></xml>`, "XML格式错误"},
		"unknown entity":    {`<xml><mch_id>&x;</mch_id></xml>`, "XML格式错误"},
		"nested":            {`<xml><mch_id><a>1</a></mch_id></xml>`, "XML格式错误"},
		"deep":              {strings.Repeat("<xml>", 10000), "XML格式错误"},
		"another root":      {`<html></html>`, "XML格式错误"},
		"two roots":         {`<xml></xml><xml></xml>`, "XML格式错误"},
		"a parameter twice": {`<xml><a>1</a><a>1</a></xml>`, "XML格式错误"},
		"attributes":        {`<xml><a b="c">1</a></xml>`, "XML格式错误"},
		"another encoding":  {`<?xml version="1.0" encoding="gbk"?><xml><a>1</a></xml>`, "XML格式错误"},
		"text":              {`<xml>1</xml>`, "XML格式错误"},
		"cut":               {good[:len(good)-3], "XML格式错误"},
		"too many":          {"<xml>" + manyFields() + "</xml>", "XML格式错误"},
		"not UTF-8":         {"<xml><a>\xff</a></xml>", "编码格式错误"},
		"no merchant":       {b.older(params{"mch_id": ""}), "缺少参数mch_id"},
		"unknown merchant":  {b.older(params{"mch_id": "1999999999"}), "MCHID不存在"},
		"no signature":      {b.older(params{"sign": ""}), "缺少参数sign"},
		"wrong signature":   {b.older(params{"sign": "0123456789ABCDEF0123456789ABCDEF"}), "签名错误"},
		"another type":      {b.older(params{"sign_type": "RSA"}), "签名错误"},
		"changed":           {strings.Replace(good, "101", "100", 1), "签名错误"},
		"no body":           {b.older(micro("order-0001", "130000000000000001").with("body", "")), "缺少参数body"},
		"no number":         {b.older(micro("", "130000000000000001")), "缺少参数out_trade_no"},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.denies2(b.post2(microPath, c.body), c.message)
		})
	}
	b.t = t
	request := httptest.NewRequest("GET", microPath, nil)
	recorder := httptest.NewRecorder()
	b.provider.Wire().ServeHTTP(recorder, request)
	require.Equal(t, 200, recorder.Code)
	require.Contains(t, recorder.Body.String(), "请使用post方法")
	b.refuses2(b.number2(queryPath2, "order-0001"), "ORDERNOTEXIST")
	b.accepts2(b.post2(microPath, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<!-- spaced -->"+regexp.MustCompile(`(</\w+>)`).ReplaceAllString(good, "$1\n  ")))

	coded := open(t, func(c *Config) { c.Options.CommunicationCodes = true })
	got := coded.post2(microPath, "")
	require.Equal(t, "FAIL", got.params["return_code"])
	require.Equal(t, "POST_DATA_EMPTY", got.params["err_code"])
	keyless := open(t, func(c *Config) { c.Merchants[0].APIv2Key = "" })
	keyless.denies2(keyless.number2(queryPath2, "order-0001"), "签名错误")
}

func manyFields() string {
	var out strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&out, "<f%d>1</f%d>", i, i)
	}
	return out.String()
}

func TestV2_Parameters(t *testing.T) {
	b := open(t, nil)
	for name, edits := range map[string][]string{
		"fraction": {"total_fee", "1.5"}, "zero": {"total_fee", "0"}, "negative": {"total_fee", "-1"}, "beyond the cap": {"total_fee", "1000000001"},
		"currency": {"fee_type", "USD"}, "number": {"out_trade_no", "a#b"}, "long": {"body", strings.Repeat("长", 129)}, "attach": {"attach", strings.Repeat("a", 128)},
		"trade_type": {"trade_type", "MICROPAY"}, "time": {"time_expire", "2026-01-01"}, "no such time": {"time_expire", "20261399999999"}, "notify_url": {"notify_url", "https://a/b?c=d"},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.refuses2(b.post2(unifiedPath, b.older(unified("order-0001", "NATIVE").with(edits...))), "PARAM_ERROR")
		})
	}
	b.t = t
	b.refuses2(b.post2(unifiedPath, b.older(unified("order-0001", "NATIVE").with("appid", "wx0"))), "APPID_NOT_EXIST")
	b.refuses2(b.post2(unifiedPath, b.older(unified("order-0001", "NATIVE").with("appid", b.config.Merchants[1].AppID))), "APPID_MCHID_NOT_MATCH")
	b.denies2(b.post2(unifiedPath, b.older(unified("order-0001", "JSAPI").with("openid", ""))), "缺少参数openid")
	b.denies2(b.post2(queryPath2, b.older(params{})), "缺少参数out_trade_no")
	b.denies2(b.post2(reversePath2, b.older(params{})), "缺少参数out_trade_no")
	b.denies2(b.post2(refundPath2, b.older(params{"out_refund_no": "r1", "total_fee": "1", "refund_fee": "1"})), "缺少参数out_trade_no")
	b.accepts2(b.post2(unifiedPath, b.older(unified("order-0001", "NATIVE"))))
}
