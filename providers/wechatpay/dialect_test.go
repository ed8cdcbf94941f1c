package wechatpay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// exchange is a message of a kind as it crosses the gateway.
type exchange struct {
	request *proxy.Request
	answer  *proxy.Answer
}

// line is a bench whose calls are seen by a dialect.
type line struct {
	*bench
	dialect *Dialect
}

func tapped(t *testing.T, change func(*Config)) line {
	t.Helper()
	b := open(t, change)
	dialect, err := NewDialect(b.config)
	require.NoError(t, err)
	return line{b, dialect}
}

func (l line) exchange(method, target, body string) exchange {
	l.t.Helper()
	request := &proxy.Request{Method: method, Target: target, Scheme: "https", Body: []byte(body), Header: proxy.Header{
		{Name: "Host", Value: Host}, {Name: "Content-Length", Value: fmt.Sprint(len(body))},
		{Name: "Authorization", Value: authorize(l.t, l.merchant, time.Now(), method, target, body)}}}
	got := l.send(method, target, body, request.Header.First("Authorization"))
	answer := &proxy.Answer{Status: got.status, Body: got.raw}
	for name, values := range got.header {
		answer.Header = append(answer.Header, proxy.HeaderLine{Name: name, Value: values[0]})
	}
	return exchange{request, answer}
}

func (l line) pay(x exchange) {
	l.t.Helper()
	_, err := l.provider.Pay(l.t.Context(), "t1", string(l.dialect.Answer(x.request, x.answer).Code))
	require.NoError(l.t, err)
}

func (l line) path(number, action string) string {
	return "/v3/pay/transactions/out-trade-no/" + number + action
}

func TestDialect_FactsOfAWholePayment(t *testing.T) {
	l := tapped(t, nil)
	mchid := l.merchant.MchID
	signed := journal.Facts{Account: mchid, Signature: journal.SignatureValid}
	byMerchant := func(f journal.Facts) journal.Facts {
		f.Account, f.Signature, f.Signer = mchid, signed.Signature, l.merchant.Serial
		return f
	}
	byPlatform := func(f journal.Facts) journal.Facts {
		f.Account, f.Signature, f.Signer = mchid, signed.Signature, l.config.Platform.PublicKeyID
		return f
	}
	created := l.exchange("POST", nativePath, l.order("order-0001"))
	require.Equal(t, byMerchant(journal.Facts{Operation: faults.Create, MerchantReference: "order-0001", Amount: payment.Fen(101)}),
		l.dialect.Request(created.request))
	said := l.dialect.Answer(created.request, created.answer)
	require.True(t, strings.HasPrefix(said.Code, "weixin://"))
	require.Equal(t, byPlatform(journal.Facts{Operation: faults.Create, MerchantReference: "order-0001", State: "pending", Code: said.Code}), said)

	queryTarget := l.path("order-0001", "?mchid="+mchid)
	unpaid := l.exchange("GET", queryTarget, "")
	require.Equal(t, byMerchant(journal.Facts{Operation: faults.Query, MerchantReference: "order-0001"}), l.dialect.Request(unpaid.request))
	require.Equal(t, byPlatform(journal.Facts{Operation: faults.Query, MerchantReference: "order-0001", State: "pending", Status: "NOTPAY",
		Amount: payment.Fen(101)}), l.dialect.Answer(unpaid.request, unpaid.answer))

	l.pay(created)
	notified := l.deliveries(1)[0]
	told := l.dialect.Request(notified)
	require.NotEmpty(t, told.NotificationID)
	require.Equal(t, byPlatform(journal.Facts{Operation: faults.NotifyPayment, MerchantReference: "order-0001", State: "captured", Status: "SUCCESS",
		ProviderReference: told.ProviderReference, NotificationID: told.NotificationID, Amount: payment.Fen(101)}), told)
	require.Equal(t, journal.Facts{Operation: faults.NotifyPayment, MerchantReference: "order-0001", ProviderReference: told.ProviderReference,
		NotificationID: told.NotificationID, Account: mchid, Status: "FAIL"},
		l.dialect.Answer(notified, &proxy.Answer{Status: 500, Body: []byte(`{"code":"FAIL"}`)}))

	refused := l.exchange("POST", l.path("order-0001", "/close"), `{"mchid":"`+mchid+`"}`)
	require.Equal(t, byPlatform(journal.Facts{Operation: faults.Close, MerchantReference: "order-0001", State: "captured", Status: "ORDERPAID"}),
		l.dialect.Answer(refused.request, refused.answer))

	refund := l.exchange("POST", refundPath, refundBody("order-0001", "r1", 40))
	require.Equal(t, byMerchant(journal.Facts{Operation: faults.Refund, MerchantReference: "order-0001", RefundReference: "r1",
		Amount: payment.Fen(101), Refunded: payment.Fen(40)}), l.dialect.Request(refund.request))
	accepted := byPlatform(journal.Facts{Operation: faults.Refund, MerchantReference: "order-0001", RefundReference: "r1",
		ProviderReference: told.ProviderReference, Amount: payment.Fen(101), Refunded: payment.Fen(40), State: "processing", Status: "PROCESSING"})
	require.Equal(t, accepted, l.dialect.Answer(refund.request, refund.answer))
	require.NoError(t, l.provider.Hurry(t.Context(), []faults.Trial{"t1"}))
	done := l.exchange("GET", refundPath+"/r1", "")
	require.Equal(t, byMerchant(journal.Facts{Operation: faults.RefundQuery, RefundReference: "r1"}), l.dialect.Request(done.request))
	accepted.Operation, accepted.State, accepted.Status = faults.RefundQuery, "done", "SUCCESS"
	require.Equal(t, accepted, l.dialect.Answer(done.request, done.answer))
	back := l.dialect.Request(l.deliveries(2)[1])
	accepted.Operation, accepted.NotificationID = faults.NotifyRefund, back.NotificationID
	require.Equal(t, accepted, back)
	unknown := l.exchange("GET", refundPath+"/r9", "")
	require.Equal(t, byPlatform(journal.Facts{Operation: faults.RefundQuery, RefundReference: "r9", Status: "RESOURCE_NOT_EXISTS"}),
		l.dialect.Answer(unknown.request, unknown.answer))
}

func refundBody(number, refund string, fen int) string {
	return fmt.Sprintf(`{"out_trade_no":"%s","out_refund_no":"%s","notify_url":"https://shop.example/notify/refund","amount":{"refund":%d,"total":101,"currency":"CNY"}}`, number, refund, fen)
}

func TestDialect_FactsOfTheOthers(t *testing.T) {
	l := tapped(t, nil)
	shown := l.barcode()
	scanned := l.exchange("POST", codepayPath, l.codepay("order-0001", shown))
	asked := l.dialect.Request(scanned.request)
	require.Equal(t, faults.PayCode, asked.Operation)
	require.Equal(t, shown, asked.Code)
	said := l.dialect.Answer(scanned.request, scanned.answer)
	require.Equal(t, "captured", said.State)
	require.NotEmpty(t, said.ProviderReference)
	byID := l.exchange("GET", "/v3/pay/transactions/id/"+string(said.ProviderReference)+"?mchid="+l.merchant.MchID, "")
	require.Equal(t, said.ProviderReference, l.dialect.Request(byID.request).ProviderReference)
	require.EqualValues(t, "order-0001", l.dialect.Answer(byID.request, byID.answer).MerchantReference)
	reversed := l.exchange("POST", l.path("order-0001", "/reverse"), `{"appid":"`+l.merchant.AppID+`","mchid":"`+l.merchant.MchID+`"}`)
	require.Equal(t, "closed", l.dialect.Answer(reversed.request, reversed.answer).State)
	require.Equal(t, faults.Reverse, l.dialect.Request(reversed.request).Operation)
	require.Equal(t, faults.Certificates, l.dialect.Request(&proxy.Request{Method: "GET", Target: "/v3/certificates"}).Operation)
	require.Equal(t, journal.Facts{Operation: faults.Other}, l.dialect.Request(&proxy.Request{Method: "POST", Target: "/hook", Body: []byte("{")}))

	for status, want := range map[string]payment.State{"NOTPAY": payment.Pending, "USERPAYING": payment.Pending, "SUCCESS": payment.Captured,
		"REFUND": payment.Captured, "CLOSED": payment.Closed, "REVOKED": payment.Closed, "PAYERROR": payment.Declined, "NEW": ""} {
		require.Equal(t, want, stateOf(status), status)
	}
	for status, want := range map[string]payment.RefundState{"PROCESSING": payment.RefundProcessing, "ABNORMAL": payment.RefundProcessing,
		"SUCCESS": payment.RefundDone, "CLOSED": payment.RefundRefused, "NEW": ""} {
		require.Equal(t, want, refundStateOf(status), status)
	}
}

// amounts is what each change makes of 4321 fen, as it stands in the JSON.
var amounts = map[faults.AmountChange]string{
	faults.AmountPlusOne: `4322`, faults.AmountMinusOne: `4320`, faults.AmountTimes100: `432100`, faults.AmountDividedBy100: `43`,
	faults.AmountNegative: `-4321`, faults.AmountZero: `0`, faults.AmountMissing: ``, faults.AmountEmpty: `""`,
	faults.AmountNotANumber: `"one yuan"`, faults.AmountOverflow: `9223372036854775808`, faults.AmountCentsDropped: `4300`,
	faults.AmountOtherCurrency: `4321`,
}

// Every change of an amount under every signature, on every kind of message.
func TestDialect_EditsEveryAmountUnderEverySignature(t *testing.T) {
	l := tapped(t, nil)
	total := strings.NewReplacer(":101", ":4321")
	created := l.exchange("POST", nativePath, total.Replace(l.order("order-0001")))
	l.pay(created)
	paid := l.deliveries(1)[0]
	query := l.exchange("GET", l.path("order-0001", "?mchid="+l.merchant.MchID), "")
	codepay := l.exchange("POST", codepayPath, total.Replace(l.codepay("order-0002", l.barcode())))
	refund := l.exchange("POST", refundPath, total.Replace(refundBody("order-0001", "r1", 4321)))
	require.Equal(t, 200, refund.answer.Status)
	require.NoError(t, l.provider.Hurry(t.Context(), []faults.Trial{"t1"}))
	refundQuery := l.exchange("GET", refundPath+"/r1", "")
	kinds := map[string]struct {
		exchange
		member   string
		onAnswer bool
	}{
		"create": {created, "total", false}, "codepay": {codepay, "total", false}, "refund": {refund, "refund", false},
		"query answer": {query, "total", true}, "codepay answer": {codepay, "total", true}, "refund answer": {refund, "refund", true},
		"refund query answer": {refundQuery, "refund", true}, "payment notification": {exchange{request: paid}, "total", false},
		"refund notification": {exchange{request: l.deliveries(2)[1]}, "refund", false},
	}
	signatures := append(faults.BadSignatures(), "", faults.SignatureResigned)
	for name, kind := range kinds {
		for _, change := range faults.AmountChanges() {
			for _, signature := range signatures {
				t.Run(fmt.Sprintf("%s/%s/%s", name, change, signature), func(t *testing.T) {
					l.t = t
					edit := faults.Edit{Amount: change, Signature: signature}
					var edited message
					var err error
					if kind.onAnswer {
						var a *proxy.Answer
						a, err = l.dialect.EditAnswer(kind.request, kind.answer, edit)
						if err == nil {
							edited = message{kind.answer.Body, a.Body, a.Header, l.answerVerdict(a.Header, a.Body)}
						}
					} else {
						var r *proxy.Request
						r, err = l.dialect.EditRequest(kind.request, edit)
						if err == nil {
							edited = message{l.opened(kind.request), l.opened(r), r.Header, l.requestVerdict(r)}
						}
					}
					if signature == faults.SignatureProbe && !kind.onAnswer && strings.HasPrefix(kind.request.Target, "/v3/") {
						require.ErrorIs(t, err, proxy.ErrCannotEdit, "merchants have no probes")
						return
					}
					require.NoError(t, err)
					checkAmount(t, edited, kind.member, change)
					require.Equal(t, signature == faults.SignatureResigned, edited.verdict == "valid", edited.verdict)
					if signature == faults.SignatureMissing {
						require.Equal(t, "missing", edited.verdict)
					}
				})
			}
		}
	}
}

// message is an edited message with what the tests' verifier says of it.
type message struct {
	was, is []byte
	header  proxy.Header
	verdict string
}

// checkAmount finds the amount in the bytes and demands that all others are
// the same.
func checkAmount(t *testing.T, m message, member string, change faults.AmountChange) {
	t.Helper()
	want := strings.Replace(string(m.was), `"`+member+`":4321`, `"`+member+`":`+amounts[change], 1)
	switch change {
	case faults.AmountMissing:
		want = strings.Replace(strings.Replace(string(m.was), `"`+member+`":4321,`, ``, 1), `,"`+member+`":4321}`, `}`, 1)
		if want == string(m.was) {
			want = strings.Replace(want, `"`+member+`":4321`, ``, 1)
		}
		if got, ok := m.dropped(member); ok {
			want = got
		}
	case faults.AmountOtherCurrency:
		if want = strings.Replace(string(m.was), `"currency":"CNY"`, `"currency":"USD"`, 1); want == string(m.was) {
			want = strings.Replace(want, `"`+member+`":4321`, `"`+member+`":4321,"currency":"USD"`, 1)
		}
	}
	require.Equal(t, want, string(m.is))
}

// dropped is the text without ,"member":4321 where the member is not the first.
func (m message) dropped(member string) (string, bool) {
	text := strings.Replace(string(m.was), `,"`+member+`":4321`, ``, 1)
	return text, text != string(m.was)
}

// opened is a notification's plaintext, or a call's body.
func (l line) opened(r *proxy.Request) []byte {
	if strings.HasPrefix(r.Target, "/v3/") {
		return r.Body
	}
	var outer envelope
	require.NoError(l.t, json.Unmarshal(r.Body, &outer))
	plain, err := unseal(l.merchant.APIv3Key, outer.Resource.Nonce, outer.Resource.AssociatedData, outer.Resource.Ciphertext)
	require.NoError(l.t, err)
	return plain
}

// answerVerdict is what a correct merchant's client says.
func (l line) answerVerdict(header proxy.Header, body []byte) string {
	if header.First("Wechatpay-Signature") == "" {
		return "missing"
	}
	var seconds int64
	_, err := fmt.Sscan(header.First("Wechatpay-Timestamp"), &seconds)
	require.NoError(l.t, err)
	if off := time.Since(time.Unix(seconds, 0)); off > 5*time.Minute {
		return "stale"
	}
	if !signedBy(l.t, l.config, header.Std(), body) {
		return "invalid"
	}
	return "valid"
}

// requestVerdict asks the provider about calls, and a merchant's client about
// notifications.
func (l line) requestVerdict(r *proxy.Request) string {
	if !strings.HasPrefix(r.Target, "/v3/") {
		return l.answerVerdict(r.Header, r.Body)
	}
	header := r.Header.First("Authorization")
	_, refused := l.provider.authenticate(r.Method, r.Target, header, r.Body)
	switch {
	case refused == nil:
		return "valid"
	case header == "":
		return "missing"
	default:
		return refused.message
	}
}

func TestDialect_SignatureChangesAlone(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange("POST", nativePath, l.order("order-0001"))
	l.pay(created)
	notified := l.deliveries(1)[0]
	for change, want := range map[faults.SignatureChange][2]string{
		faults.SignatureResigned:         {"valid", "valid"},
		faults.SignatureMissing:          {"missing", "missing"},
		faults.SignatureBroken:           {"错误的签名，验签失败", "invalid"},
		faults.SignatureWrongKey:         {"错误的签名，验签失败", "invalid"},
		faults.SignatureWrongSerial:      {"商户证书序列号有误", "invalid"},
		faults.SignatureExpiredTimestamp: {"Http头Authorization中的timestamp与发起请求的时间不得超过5分钟", "stale"},
		faults.SignatureProbe:            {"", "invalid"},
	} {
		call, err := l.dialect.EditRequest(created.request, faults.Edit{Signature: change})
		if change == faults.SignatureProbe {
			require.ErrorIs(t, err, proxy.ErrCannotEdit)
		} else {
			require.NoError(t, err)
			require.Equal(t, want[0], l.requestVerdict(call), change)
			verdict := l.dialect.Request(call).Signature
			require.Equal(t, want[0] == "valid", verdict == journal.SignatureValid, "%s: %s", change, verdict)
		}
		hook, err := l.dialect.EditRequest(notified, faults.Edit{Signature: change})
		require.NoError(t, err)
		require.Equal(t, want[1], l.requestVerdict(hook), change)
		require.Equal(t, want[1] == "valid", l.dialect.Request(hook).Signature == journal.SignatureValid, change)
		require.Equal(t, faults.NotifyPayment, l.dialect.Request(hook).Operation, "known without its signature too")
		if change == faults.SignatureProbe {
			require.True(t, strings.HasPrefix(hook.Header.First("Wechatpay-Signature"), "WECHATPAY/SIGNTEST/"))
		}
		if change == faults.SignatureExpiredTimestamp {
			require.True(t, signedBy(t, l.config, hook.Header.Std(), hook.Body), "genuine, but old")
		}
	}
	require.Equal(t, "valid", l.requestVerdict(created.request), "the original was not touched")
	require.Equal(t, "valid", l.requestVerdict(notified))
}

func TestDialect_WhatCannotBeEdited(t *testing.T) {
	l := tapped(t, func(c *Config) { c.Merchants[0].PrivateKey, c.Options.UnsignedErrors = "", true })
	amount := faults.Edit{Amount: faults.AmountPlusOne}
	resign := faults.Edit{Signature: faults.SignatureResigned}
	l.merchant.PrivateKey = testConfig(t).Merchants[0].PrivateKey
	created := l.exchange("POST", nativePath, l.order("order-0001", ":101", ":100"))
	missing := l.exchange("GET", l.path("none", "?mchid="+l.merchant.MchID), "")
	try := func(name string, err error) { t.Helper(); require.ErrorIs(t, err, proxy.ErrCannotEdit, name) }
	_, err := l.dialect.EditRequest(missing.request, amount)
	try("a query has no amount", err)
	_, err = l.dialect.EditAnswer(created.request, created.answer, amount)
	try("a create answer has no amount", err)
	_, err = l.dialect.EditAnswer(missing.request, missing.answer, resign)
	try("an unsigned answer has no signature", err)
	_, err = l.dialect.EditRequest(created.request, faults.Edit{Amount: faults.AmountCentsDropped})
	try("no cents to drop", err)
	_, err = l.dialect.EditRequest(created.request, resign)
	try("no private key", err)
	hook := &proxy.Request{Method: "POST", Target: "/hook", Body: []byte(`{"a":1}`)}
	_, err = l.dialect.EditRequest(hook, amount)
	try("no notification", err)
	_, err = l.dialect.EditAnswer(hook, &proxy.Answer{}, amount)
	try("an acknowledgement", err)
	_, err = proxy.Forged(l.dialect, missing.request, missing.answer, faults.Edit{Signature: faults.SignatureBroken})
	try("nothing to forge about", err)
}

func TestDialect_Refuse(t *testing.T) {
	l := tapped(t, nil)
	request := &proxy.Request{Method: "POST", Target: nativePath}
	for _, c := range []struct {
		status int
		code   string
	}{{500, "SYSTEM_ERROR"}, {429, "FREQUENCY_LIMITED"}, {502, "BANK_ERROR"}, {403, "NOT_ENOUGH"}} {
		got, err := l.dialect.Refuse(request, faults.Response{Status: c.status, Code: c.code})
		require.NoError(t, err)
		require.Equal(t, c.status, got.Status)
		require.Contains(t, string(got.Body), `"code":"`+c.code+`"`)
		require.Equal(t, "valid", l.answerVerdict(got.Header, got.Body))
	}
	got, err := l.dialect.Refuse(&proxy.Request{Method: "POST", Target: "/notify"}, faults.Response{Status: 503})
	require.NoError(t, err)
	require.Equal(t, 503, got.Status)
	require.Contains(t, string(got.Body), `"code":"FAIL"`)
}

// Each code's status and text, and its older spelling.
func TestCodes(t *testing.T) {
	for code, status := range map[string]int{"PARAM_ERROR": 400, "INVALID_REQUEST": 400, "APPID_MCHID_NOT_MATCH": 400, "MCH_NOT_EXISTS": 400,
		"ORDER_CLOSED": 400, "ORDERPAID": 400, "SIGN_ERROR": 401, "NO_AUTH": 403, "ACCOUNT_ERROR": 403, "RULE_LIMIT": 403, "TRADE_ERROR": 403,
		"NOT_ENOUGH": 403, "OUT_TRADE_NO_USED": 403, "USER_ACCOUNT_ABNORMAL": 403, "ORDER_NOT_EXIST": 404, "RESOURCE_NOT_EXISTS": 404,
		"FREQUENCY_LIMITED": 429, "SYSTEM_ERROR": 500, "BANK_ERROR": 500, "INVALID_TRANSACTIONID": 500, "OPENID_MISMATCH": 500,
		"USER_PAYING": 202} {
		require.Equal(t, status, coded(0, code).status, code)
		require.NotEmpty(t, coded(0, code).message)
	}
	for code, old := range map[string]string{"ORDER_CLOSED": "ORDERCLOSED", "NO_AUTH": "NOAUTH", "NOT_ENOUGH": "NOTENOUGH",
		"ORDER_NOT_EXIST": "ORDERNOTEXIST", "SYSTEM_ERROR": "SYSTEMERROR", "PARAM_ERROR": "PARAM_ERROR"} {
		require.Equal(t, old, legacy(code))
	}
	for _, code := range []string{"ORDERPAID", "ORDER_CLOSED", "ORDER_NOT_EXIST", "USER_PAYING"} {
		require.Equal(t, code, current(legacy(code)), "the dialect reads both spellings")
	}
}

func TestDialect_ForgesWithEveryBadSignature(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange("POST", nativePath, l.order("order-0001"))
	for _, change := range faults.BadSignatures() {
		forged, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Signature: change})
		require.NoError(t, err)
		require.Equal(t, "/notify/wx", forged.Target)
		require.Equal(t, "shop.example", forged.Header.First("Host"))
		require.NotEqual(t, "valid", l.requestVerdict(forged), change)
		facts := l.dialect.Request(forged)
		require.NotEqual(t, journal.SignatureValid, facts.Signature)
		require.Equal(t, payment.Fen(101), facts.Amount, "right in every way but its signature")
		require.EqualValues(t, "order-0001", facts.MerchantReference)
		require.Equal(t, "captured", facts.State)
		require.Regexp(t, `^4200\d{24}$`, string(facts.ProviderReference))
	}
	scanned := l.exchange("POST", codepayPath, l.codepay("order-0002", l.barcode()))
	unaware, err := NewDialect(l.config)
	require.NoError(t, err)
	_, err = proxy.Forged(unaware, scanned.request, scanned.answer, faults.Edit{Signature: faults.SignatureBroken})
	require.ErrorIs(t, err, proxy.ErrCannotEdit, "a barcode names no address, and this dialect has seen none")
	forged, err := proxy.Forged(l.dialect, scanned.request, scanned.answer, faults.Edit{Signature: faults.SignatureBroken})
	require.NoError(t, err)
	require.Equal(t, "/notify/wx", forged.Target, "the last known address")
}

func TestDialect_BodiesAreMasked(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange("POST", "/v3/pay/transactions/jsapi", l.order("order-0001", `,"amount"`, `,"payer":{"openid":"oSecretSecret"},"amount"`))
	require.NotContains(t, l.dialect.Body(created.request, nil), "oSecretSecret")
	l.pay(created)
	notified := l.dialect.Body(l.deliveries(1)[0], nil)
	require.Contains(t, notified, `"trade_state":"SUCCESS"`, "decrypted")
	require.NotContains(t, notified, "oSecretSecret")
	shown := l.barcode()
	scanned := l.exchange("POST", codepayPath, l.codepay("order-0002", shown))
	require.NotContains(t, l.dialect.Body(scanned.request, nil), shown)
	require.NotContains(t, l.dialect.Body(scanned.request, scanned.answer), "openid\":\"o"+strings.Repeat("x", 27))
	require.Equal(t, "(3 bytes that are no JSON object)", l.dialect.Body(&proxy.Request{Body: []byte("a b")}, nil))
	require.Empty(t, l.dialect.Body(scanned.request, &proxy.Answer{Status: http.StatusNoContent}))
}
