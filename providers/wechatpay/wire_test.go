package wechatpay

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Every documented refusal to believe who asks (protocol wechatpay §2.2).
func TestWire_AnswersBadAuthorizations(t *testing.T) {
	b := open(t, nil)
	const target = nativePath
	body := b.order("order-0001")
	good := authorize(t, b.merchant, time.Now(), "POST", target, body)
	cases := []struct {
		name, authorization, message string
	}{
		{"missing", "", "Http头Authorization值格式错误"},
		{"garbled", strings.ReplaceAll(good, `"`, `'`), "Http头Authorization值格式错误"},
		{"no nonce", strings.Replace(good, "nonce_str", "nonce", 1), "Http头Authorization值格式错误"},
		{"a field twice", good + `,mchid="x"`, "Http头Authorization值格式错误"},
		{"timestamp is no number", strings.Replace(good, `timestamp="`, `timestamp="x`, 1), "Http头Authorization值格式错误"},
		{"another scheme", strings.Replace(good, scheme, "WECHATPAY2-SM2-WITH-SM3", 1), "Http头Authorization认证类型不正确"},
		{"basic", "Basic dXNlcjpwYXNz", "Http头Authorization认证类型不正确"},
		{"too old", authorize(t, b.merchant, time.Now().Add(-301*time.Second), "POST", target, body), "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"},
		{"too new", authorize(t, b.merchant, time.Now().Add(303*time.Second), "POST", target, body), "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"},
		{"milliseconds", strings.Replace(good, `timestamp="`, `timestamp="1`, 1) + "", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"},
		{"unknown serial", strings.Replace(good, b.merchant.Serial, bogusSerial(b.merchant.Serial), 1), "商户证书序列号有误"},
		{"unknown merchant", strings.Replace(good, b.merchant.MchID, "1900009999", 1), "商户未申请过证书"},
		{"another body", authorize(t, b.merchant, time.Now(), "POST", target, body+" "), "错误的签名，验签失败"},
		{"another path", authorize(t, b.merchant, time.Now(), "POST", target+"?x=1", body), "错误的签名，验签失败"},
		{"no base64", strings.Replace(good, `signature="`, `signature="!`, 1), "错误的签名，验签失败"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := b.send("POST", target, body, c.authorization)
			b.refuses(got, 401, "SIGN_ERROR")
			require.Equal(t, c.message, got.text("message"))
		})
	}
	require.Equal(t, 404, b.query("order-0001").status, "nothing was executed")
	require.Equal(t, 200, b.send("POST", target, body, good).status)
	require.Equal(t, 200, b.send("POST", target, body, strings.ReplaceAll(good, ",", ", ")).status,
		"a nonce may come again, and commas may be followed by spaces")
}

func TestWire_MerchantWithoutAPIKey(t *testing.T) {
	b := open(t, func(c *Config) { c.Merchants[0].APIv3Key = "" })
	got := b.query("order-0001")
	b.refuses(got, 401, "SIGN_ERROR")
	require.Equal(t, "商户未设置APIv3密钥", got.text("message"))
}

func TestWire_SignDetail(t *testing.T) {
	for _, old := range []bool{false, true} {
		b := open(t, func(c *Config) { c.Options.OldSignDetail = old })
		body := b.order("order-0001", `"a1"`, `"`+strings.Repeat("汉", 120)+`"`)
		got := b.send("POST", nativePath, body, authorize(t, b.merchant, time.Now(), "POST", nativePath, "{}"))
		detail := got.body["detail"].(map[string]any)
		require.Equal(t, "signature", detail["field"])
		require.Equal(t, "authorization", detail["location"])
		information := detail["sign_information"].(map[string]any)
		require.Equal(t, "POST", information["method"])
		require.Equal(t, nativePath, information["url"])
		whole := requestMessage("POST", nativePath, fmt.Sprint(time.Now().Unix()), "NONCE", []byte(body))
		require.EqualValues(t, len(whole), information["sign_message_length"], "in bytes")
		require.NotContains(t, information["truncated_sign_message"], "\uFFFD", "no character is cut")
		if old {
			require.Equal(t, "sign not match", detail["issue"])
		} else {
			require.Equal(t, map[string]any{"issue": "sign not match"}, detail["detail"])
		}
	}
}

func TestWire_WindowOfFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		target := "/v3/pay/transactions/out-trade-no/order-0001?mchid=" + b.merchant.MchID
		for offset, status := range map[int]int{-300: 404, -301: 401, 300: 404, 301: 401} {
			at := time.Now().Add(time.Duration(offset) * time.Second)
			got := b.send("GET", target, "", authorize(t, b.merchant, at, "GET", target, ""))
			require.Equal(t, status, got.status, "%d s", offset)
		}
	})
}

func TestWire_HeadersOfAnswers(t *testing.T) {
	b := open(t, nil)
	for _, got := range []answer{b.query("order-0001"), b.call("POST", nativePath, b.order("order-0001")), b.close("order-0001")} {
		require.Equal(t, []string{"nginx"}, got.header["Server"])
		require.Equal(t, []string{"timeout=8"}, got.header["Keep-Alive"])
		require.Equal(t, "zh-CN", got.header.Get("Content-Language"))
		require.Equal(t, "no-cache, must-revalidate", got.header.Get("Cache-Control"))
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		require.Equal(t, "WECHATPAY2-SHA256-RSA2048", got.header.Get("Wechatpay-Signature-Type"))
		tail := got.header["Request-ID"][0]
		tail = tail[strings.LastIndex(tail, "-")+1:]
		if got.status == 404 {
			require.Equal(t, "268512771", tail)
		} else {
			require.Equal(t, "0", tail)
		}
		if got.status == 204 {
			require.Empty(t, got.raw)
			require.Empty(t, got.header.Get("Content-Type"))
		} else {
			require.Equal(t, "application/json; charset=utf-8", got.header.Get("Content-Type"))
		}
	}
}

func TestWire_PathsAreReadRaw(t *testing.T) {
	b := open(t, nil)
	number := "ab|cd*ef"
	require.Equal(t, 200, b.call("POST", nativePath, b.order(number)).status)
	for _, written := range []string{"ab|cd*ef", "ab%7Ccd%2Aef", "ab%7ccd*ef"} {
		require.Equal(t, 200, b.query(written).status, written)
	}
	for _, path := range []string{"/", "/v3", "/v3/", "//v3/certificates", "/v3/pay/transactions/unknown", "/v3/pay/transactions/id/",
		"/v3/refund/domestic/refunds/a/b", "/v3/pay/transactions/out-trade-no/%zz", "/pay/facepay", "/v3/combine-transactions/codepay", "/v3/combine-transactions/out-trade-no/", "/v3/combine-transactions/id/1"} {
		b.refuses(b.call("POST", path, "{}"), 404, "NOT_FOUND")
	}
	b.refuses(b.call("GET", nativePath, ""), 405, "METHOD_NOT_ALLOWED")
	absolute := b.send("GET", "http://api.mch.weixin.qq.com/v3/certificates", "", authorize(t, b.merchant, time.Now(), "GET", "/v3/certificates", ""))
	b.refuses(absolute, 404, "RESOURCE_NOT_EXISTS")
}

func TestWire_Options(t *testing.T) {
	strict := open(t, func(c *Config) {
		c.Options = Options{StrictHeaders: true, UnsignedErrors: true, LegacyCodes: true}
	})
	got := strict.query("order-0001")
	strict.refuses(got, 400, "PARAM_ERROR")
	require.Empty(t, got.header.Get("Wechatpay-Signature"))

	old := open(t, func(c *Config) { c.Options.LegacyCodes = true })
	old.refuses(old.query("order-0001"), 404, "ORDERNOTEXIST")

	serial := open(t, func(c *Config) { c.Options.UnknownSerialRefused = true })
	serial.serial = "PUB_KEY_ID_0"
	serial.refuses(serial.query("order-0001"), 400, "PARAM_ERROR")
	serial.serial = serial.config.Platform.PublicKeyID
	serial.refuses(serial.query("order-0001"), 404, "ORDER_NOT_EXIST")
}
