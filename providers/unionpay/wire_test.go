package unionpay

import (
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What an answer is on the wire (protocol unionpay §4).
func TestWire_Answers(t *testing.T) {
	b := open(t, nil)
	for name, got := range map[string]answer{"good": b.send(back, b.order("07", "order0001")), "refused": b.query("order0009", now())} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, "text/html;charset=UTF-8", got.header.Get("Content-Type"), "never a form's")
			require.Equal(t, []string{got.header.Get("Content-Length")}, got.header["Content-Length"])
			require.Regexp(t, `^\d+$`, got.header.Get("Content-Length"), "never chunked")
			require.Equal(t, got.raw, strings.TrimSpace(got.raw))
			require.NotContains(t, strings.ReplaceAll(got.raw, "\r\n", ""), "\n", "one line, but for the PEM's CRLF")
			require.NotContains(t, got.raw, "%", "nothing is percent-encoded")
			require.Regexp(t, `-----BEGIN CERTIFICATE-----\r\n([\w+/=]{64}\r\n)+[\w+/=]{1,64}\r\n-----END CERTIFICATE-----&`, got.raw)
			for field, value := range got.values {
				require.NotEmpty(t, value, field)
			}
			require.Equal(t, onWire(b.config.Platform.Leaf), got.values["signPubKeyCert"])
		})
	}
}

// Every received field is signed but the signature, also an empty one and one
// that the gateway does not know (§4).
func TestWire_VerifiesAllThatItReceives(t *testing.T) {
	b := open(t, nil)
	order := b.order("07", "order0001")
	order["subMerName"], order["unknownField"] = "", "x y+z&=%"
	require.Equal(t, "00", b.send(back, order).code())
	for name, change := range map[string]func(map[string]string){
		"one more, empty": func(v map[string]string) { v["reserved"] = "" },
		"one less, empty": func(v map[string]string) { delete(v, "subMerName") },
		"one changed":     func(v map[string]string) { v["unknownField"] = "x" },
		"no base64":       func(v map[string]string) { v["signature"] = "!" },
	} {
		t.Run(name, func(t *testing.T) {
			order := b.order("07", "order0002")
			order["subMerName"], order["unknownField"] = "", "x y"
			b.signs(order)
			change(order)
			require.Equal(t, "11", b.post(back, posted(order)).code())
		})
	}
	spaces := strings.ReplaceAll(posted(b.signs(b.order("07", "order0003", "subMerName", "a b"))), "+", "%20")
	require.Equal(t, "00", b.post(back, spaces).code(), "a space has two spellings")
}

// The encoding is echoed as it was written, and GBK is taken byte for byte.
func TestWire_Encodings(t *testing.T) {
	b := open(t, nil)
	require.Equal(t, "utf-8", b.send(back, b.order("07", "order0001", "encoding", "utf-8")).values["encoding"])
	const tea = "\xb2\xe8" // in GBK
	order := b.order("07", "order0002", "encoding", "GBK", "orderDesc", tea, "reqReserved", tea)
	got := b.send(back, order)
	require.Equal(t, "00", got.code(), got.raw)
	require.Equal(t, "success[0000000]", got.values["respMsg"], "the same bytes in both encodings")
	require.Equal(t, tea, got.values["reqReserved"])
	_, err := b.provider.Pay(t.Context(), "t1", got.values["qrCode"])
	require.NoError(t, err)
	sent := b.deliveries(1)[0]
	require.Equal(t, "application/x-www-form-urlencoded;charset=GBK", sent.Header.First("Content-Type"))
	told := decoded(t, sent)
	require.Equal(t, tea, told["reqReserved"])
	require.True(t, b.believes(told))
}

// signMethod 11: the shared key in both directions, and no certificate (§5).
func TestWire_SecureKey(t *testing.T) {
	b := open(t, nil)
	b.sealed = true
	order := b.order("07", "order0001")
	got := b.send(back, order)
	require.Equal(t, "00", got.code(), got.raw)
	require.Equal(t, "11", got.values["signMethod"])
	require.NotContains(t, got.values, "signPubKeyCert")
	_, err := b.provider.Pay(t.Context(), "t1", got.values["qrCode"])
	require.NoError(t, err)
	told := decoded(t, b.deliveries(1)[0])
	require.Equal(t, "11", told["signMethod"])
	require.True(t, b.believes(told))
	order["signature"] = strings.Repeat("0", 64)
	require.Equal(t, "11", b.post(back, posted(order)).code())

	without := open(t, func(c *Config) { c.Merchants[0].SecureKey = "" })
	without.sealed = true
	without.merchant.SecureKey = ""
	refused := without.post(back, posted(without.signs(without.order("07", "order0001"))))
	require.Equal(t, "11", refused.code())
	require.Equal(t, "01", refused.values["signMethod"])
}

// A browser is shown a page, which tells in an element of class end_error (§2).
func TestWire_Pages(t *testing.T) {
	b := open(t, nil)
	got := b.send(front, b.order("01", "order0001", "txnAmt", ""))
	require.Equal(t, 200, got.status)
	require.Regexp(t, `<div class="end_error">报文交易要素缺失:txnAmt\[2600013\]</div>`, got.raw)
	for target, status := range map[string]int{"/": 404, "/gateway/api/cardTransReq.do": 404, string(back) + "/": 404} {
		require.Equal(t, status, b.post(endpoint(target), "").status, target)
	}
	recorder := httptest.NewRecorder()
	b.provider.Wire().ServeHTTP(recorder, httptest.NewRequest("GET", string(back), nil))
	require.Equal(t, 405, recorder.Code)
	absolute := httptest.NewRequest("POST", "/", strings.NewReader(posted(b.signs(b.order("07", "order0001")))))
	absolute.RequestURI = "http://" + Host + string(back) + "?x=1"
	recorder = httptest.NewRecorder()
	b.provider.Wire().ServeHTTP(recorder, absolute)
	require.Contains(t, recorder.Body.String(), "respCode=00")
}

// The key to encrypt sensitive fields under (§1).
func TestWire_EncryptionKey(t *testing.T) {
	b := open(t, nil)
	got := b.send(back, b.common("95", "00", "orderId", "refresh01", "txnTime", now(), "certType", "01"))
	require.Equal(t, "00", got.code(), got.raw)
	require.Equal(t, onWire(b.config.Platform.Encrypt), got.values["encryptPubKeyCert"])
	require.Equal(t, "13", b.send(back, b.common("95", "00", "orderId", "refresh01", "txnTime", now())).code())
	none := open(t, func(c *Config) { c.Platform.Encrypt = "" })
	require.Equal(t, "32", none.send(back, none.common("95", "00", "orderId", "refresh01", "txnTime", now(), "certType", "01")).code())
}

// Every code has words in both languages, and a respMsg that ends as real ones
// do.
func TestCodes(t *testing.T) {
	ends := regexp.MustCompile(`\[\d{7}\]$`)
	for _, code := range []string{"00", "A6", "01", "03", "04", "05", "06", "10", "11", "12", "13", "31", "32", "33", "34", "35", "36", "42",
		"45", "46", "64", "70", "86", "87", "88", "99"} {
		require.True(t, known(code))
		require.Regexp(t, ends, message(code, "", true))
		require.Regexp(t, ends, message(code, "", false))
		require.Equal(t, url.QueryEscape(describe(code)[0]), strings.NewReplacer(" ", "+", ",", "%2C", "'", "%27").Replace(describe(code)[0]), "ASCII")
	}
	for _, none := range []string{"", "0", "000", "A5", "xx", "SYSTEM_ERROR"} {
		require.False(t, known(none), none)
	}
	states := map[string]string{"00": "captured", "A6": "captured", "42": "captured", "03": "pending", "04": "pending", "05": "pending",
		"06": "pending", "70": "pending", "83": "pending", "99": "pending", "01": "closed", "46": "closed", "64": "declined", "61": "declined",
		"12": "", "34": "", "37": "", "11": "", "none": ""}
	for code, state := range states {
		require.EqualValues(t, state, stateOf(code), code)
	}
}
