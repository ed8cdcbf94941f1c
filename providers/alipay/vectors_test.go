package alipay

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
)

// The worked vectors of protocol alipay §14: a TEST-ONLY key for the app and
// one for the provider. PKCS#1 v1.5 is deterministic, so texts are compared.

type vector struct{ Message, Signature, Body, Key, Plain, Sealed, App, Alipay string }

func vectors(t testing.TB) (read map[string]vector, app, alipay *rsa.PrivateKey) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &read))
	load := func(name, public string) *rsa.PrivateKey {
		text, err := os.ReadFile("testdata/TEST-ONLY-" + name + ".pem")
		require.NoError(t, err)
		key, err := keys.ReadPrivate(string(text))
		require.NoError(t, err)
		der, err := base64.StdEncoding.DecodeString(public)
		require.NoError(t, err)
		read, err := keys.ReadPublic(keys.PEM("PUBLIC KEY", der))
		require.NoError(t, err)
		require.True(t, key.PublicKey.Equal(read), name)
		return key
	}
	return read, load("app", read["keys"].App), load("alipay", read["keys"].Alipay)
}

// vectorDesk writes answers with the vectors' key of the provider.
func vectorDesk(t testing.TB, key *rsa.PrivateKey) desk {
	t.Helper()
	own := keys.Of(key.Primes)
	ring, err := newKeyring(Config{Mode: KeyMode, Platform: Platform{Key: &own}})
	require.NoError(t, err)
	return desk{ring, clock.System{}}
}

func TestVectors_V1_Request(t *testing.T) {
	read, key, _ := vectors(t)
	message := read["V1"].Message
	sent := parameters{}
	for _, field := range strings.Split(message, "&") {
		name, value, _ := strings.Cut(field, "=")
		sent[name] = value
	}
	sent["return_url"], sent["sign"] = "", read["V1"].Signature
	require.Equal(t, message, sent.toSign(false, "sign"), "empty values are left out")
	require.Contains(t, sent.toSign(true, "sign"), "&return_url=&")
	signed, err := keys.Sign(key, message)
	require.NoError(t, err)
	require.Equal(t, read["V1"].Signature, signed)
	require.True(t, sent.signedBy(&key.PublicKey))
	sent["biz_content"] += " "
	require.False(t, sent.signedBy(&key.PublicKey))

	// As go-pay posts it, and as a URL has it: the same parameters.
	for _, encoded := range []string{parameters(sent).encoded(), strings.ReplaceAll(parameters(sent).encoded(), "+", "%20")} {
		again, err := readParameters(encoded, "")
		require.NoError(t, err)
		require.Equal(t, sent, again)
	}
}

func TestVectors_V2_Answers(t *testing.T) {
	read, _, key := vectors(t)
	own := vectorDesk(t, key)
	placed := good()
	placed.text("out_trade_no", "PQ20260925000002")
	placed.text("qr_code", "https://qr.alipay.com/bax0payquaketest")
	answer, err := own.answer(precreate.node(), placed.String(), "", true)
	require.NoError(t, err)
	require.Equal(t, read["V2"].Body, string(answer.Body))
	require.Equal(t, "text/html;charset=utf-8", answer.Header.First("Content-Type"))
	require.Equal(t, 200, answer.Status)

	// A slash that is not written as \/ is another string to the signature.
	var outer map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(answer.Body, &outer))
	content, sign := string(outer["alipay_trade_precreate_response"]), strings.Trim(string(outer["sign"]), `"`)
	require.True(t, keys.Verifies(&key.PublicKey, content, sign))
	require.False(t, keys.Verifies(&key.PublicKey, strings.ReplaceAll(content, `\/`, `/`), sign))

	p := &Provider{}
	o := &order{account: &account{}, tradeNo: "2026092522001400000000000001", shopper: "t1",
		asked: orderParams{OutTradeNo: "PQ20260925000001", Total: payment.Fen(8880)}}
	id, logon := o.buyer()
	require.Regexp(t, `^2088\d{12}$`, id)
	require.Regexp(t, `^132\*{4}\d{4}$`, logon)
	written := strings.NewReplacer(id, "2088000000000002", logon, "132****3029").Replace(p.inProcess(o).node.String())
	pending, err := own.answer(pay.node(), written, "", true)
	require.NoError(t, err)
	require.Equal(t, read["V2b"].Body, string(pending.Body))
}

func TestVectors_V3_Notification(t *testing.T) {
	read, _, key := vectors(t)
	form, err := readParameters("", read["V3"].Body)
	require.NoError(t, err)
	require.Equal(t, read["V3"].Message, form.noticeString())
	require.Equal(t, read["V3"].Body, form.encoded())
	signed, err := keys.Sign(key, form.noticeString())
	require.NoError(t, err)
	require.Equal(t, form["sign"], signed)

	// The dialect believes it; an empty field more, or a certificate's serial,
	// is signed by nobody: clients disagree on both, so the mock never sends
	// either.
	d := &Dialect{ring: vectorDesk(t, key).ring}
	notification := &proxy.Request{Method: "POST", Target: "/notify", Body: []byte(read["V3"].Body)}
	require.EqualValues(t, "valid", d.Request(notification).Signature)
	for _, more := range []string{"&body=", "&alipay_cert_sn=297a028d1bd05e485f0aecd891c95a40"} {
		notification.Body = []byte(read["V3"].Body + more)
		require.EqualValues(t, "invalid", d.Request(notification).Signature, more)
	}

	// Our own writer makes the same fields of the same trade.
	at := func(text string) time.Time { made, err := parseTime(text); require.NoError(t, err); return made }
	o := &order{account: &account{Merchant: Merchant{AppID: form["app_id"], SellerID: form["seller_id"]}},
		tradeNo: form["trade_no"], state: stateSuccess, created: at(form["gmt_create"]),
		asked: orderParams{OutTradeNo: form["out_trade_no"], Subject: form["subject"], Buyer: form["buyer_id"],
			Total: payment.Fen(8880)}}
	o.paid.ProviderReference, o.paid.CapturedAt = payment.ProviderReference(o.tradeNo), at(form["gmt_payment"])
	said := o.notice()
	delete(said, "buyer_logon_id") // the vector has none
	said["notify_id"] = form["notify_id"]
	request, err := noticeTo("https://merchant.test/notify?a=b", said, d.ring.plain, at(form["notify_time"]))
	require.NoError(t, err)
	require.Equal(t, read["V3"].Body, string(request.Body))
	require.Equal(t, "/notify?a=b", request.Target)
}

func TestVectors_V4_Sealing(t *testing.T) {
	read, _, key := vectors(t)
	v := read["V4"]
	sealed, err := seal(v.Key, []byte(v.Plain))
	require.NoError(t, err)
	require.Equal(t, v.Sealed, sealed)
	plain, err := unseal(v.Key, v.Sealed)
	require.NoError(t, err)
	require.Equal(t, v.Plain, string(plain))
	answer, err := vectorDesk(t, key).answer(query.node(), v.Plain, v.Key, true)
	require.NoError(t, err)
	require.Equal(t, `{"alipay_trade_query_response":"`+v.Sealed+`","sign":"`+v.Signature+`"}`, string(answer.Body),
		"the signature is over the text with its quotes")
	for _, bad := range []string{"", "AAAA", "not base64", v.Sealed[4:]} {
		_, err := unseal(v.Key, bad)
		require.ErrorIs(t, err, errUnsealable, bad)
	}
	_, err = unseal("short", v.Sealed)
	require.ErrorIs(t, err, errUnsealable)
	_, err = unseal(base64.StdEncoding.EncodeToString([]byte("another key here")), v.Sealed)
	require.ErrorIs(t, err, errUnsealable)
}

func TestVectors_V5_Serial(t *testing.T) {
	number, ok := new(big.Int).SetString("1234567890123456789", 10)
	require.True(t, ok)
	require.Equal(t, "297a028d1bd05e485f0aecd891c95a40",
		serialName("CN=Payquake Test CA R1,OU=Certification Authority,O=Payquake Test,C=CN", number))
}

func TestVectors_V6_REST(t *testing.T) {
	read, app, alipay := vectors(t)
	asked := read["V6 request"]
	lines := strings.Split(asked.Message, "\n")
	said, ok := readAuthorization(restScheme + " " + lines[0] + ",sign=" + asked.Signature)
	require.True(t, ok)
	require.Equal(t, asked.Signature, said.fields["sign"])
	require.Equal(t, "2021000000000001", said.fields["app_id"])
	require.Equal(t, asked.Message, restMessage(said.signed, restRequest{method: lines[1], target: lines[2], body: []byte(lines[3])}))
	signed, err := keys.Sign(app, asked.Message)
	require.NoError(t, err)
	require.Equal(t, asked.Signature, signed)

	answered := read["V6 answer"]
	body := `{"out_trade_no":"PQ20260925000001","trade_status":"WAIT_BUYER_PAY"}`
	require.Equal(t, answered.Message, restAnswerMessage("1790301600100", "b4dcd4ce0c0d4f0c9f", []byte(body)))
	header := proxy.Header{{Name: headerNonce, Value: "b4dcd4ce0c0d4f0c9f"}}
	own := vectorDesk(t, alipay)
	require.NoError(t, own.restSign(&header, []byte(body), "1790301600100", own.ring.plain))
	require.Equal(t, answered.Signature, header.First(headerSignature))
}
