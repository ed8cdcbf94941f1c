package wechatpay

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// exchange2 is a call of v2 as it crosses the gateway.
func (l line) exchange2(path, body string) exchange {
	l.t.Helper()
	request := &proxy.Request{Method: "POST", Target: path, Scheme: "https", Body: []byte(body), Header: proxy.Header{
		{Name: "Host", Value: Host}, {Name: "Content-Length", Value: fmt.Sprint(len(body))}}}
	sent := httptest.NewRequest("POST", "/", strings.NewReader(body))
	sent.RequestURI = path
	sent.Header.Set(providers.TrialHeader, string(l.trial))
	recorder := httptest.NewRecorder()
	l.provider.Wire().ServeHTTP(recorder, sent)
	answer := &proxy.Answer{Status: recorder.Code, Body: recorder.Body.Bytes()}
	for name, values := range recorder.Header() {
		answer.Header = append(answer.Header, proxy.HeaderLine{Name: name, Value: values[0]})
	}
	return exchange{request, answer}
}

func TestDialectV2_FactsOfAWholePayment(t *testing.T) {
	for _, signType := range []string{"", "HMAC-SHA256"} {
		l := tapped(t, nil)
		by := func(f journal.Facts) journal.Facts {
			f.Account, f.Signature = l.merchant.MchID, journal.SignatureValid
			return f
		}
		asks := func(path string, p params, want journal.Facts) exchange {
			t.Helper()
			x := l.exchange2(path, l.older(p.with("sign_type", signType)))
			require.Equal(t, by(want), l.dialect.Request(x.request))
			return x
		}
		says := func(x exchange, want journal.Facts) {
			t.Helper()
			require.Equal(t, by(want), l.dialect.Answer(x.request, x.answer), string(x.answer.Body))
		}
		number := params{"out_trade_no": "order-0001"}
		about := func(o faults.Operation, f journal.Facts) journal.Facts {
			f.Operation, f.MerchantReference = o, "order-0001"
			return f
		}
		created := asks(unifiedPath, unified("order-0001", "NATIVE"), about(faults.Create, journal.Facts{Amount: payment.Fen(101)}))
		code := l.dialect.Answer(created.request, created.answer).Code
		require.True(t, strings.HasPrefix(code, "weixin://"))
		says(created, about(faults.Create, journal.Facts{State: "pending", Code: code}))
		says(asks(queryPath2, number, about(faults.Query, journal.Facts{})), about(faults.Query, journal.Facts{State: "pending", Status: "NOTPAY"}))
		l.pay(created)
		notified := l.deliveries(1)[0]
		told := l.dialect.Request(notified)
		paid := journal.Facts{State: "captured", Status: "SUCCESS", Amount: payment.Fen(101), ProviderReference: told.ProviderReference}
		require.NotEmpty(t, told.ProviderReference)
		require.Equal(t, by(about(faults.NotifyPayment, paid)), told)
		acknowledged := l.dialect.Answer(notified, &proxy.Answer{Status: 200, Body: []byte("<xml><return_code>SUCCESS</return_code></xml>")})
		require.Equal(t, about(faults.NotifyPayment, journal.Facts{Account: l.merchant.MchID, ProviderReference: told.ProviderReference, Status: "SUCCESS"}), acknowledged)
		says(asks(queryPath2, number, about(faults.Query, journal.Facts{})), about(faults.Query, paid))
		says(asks(closePath2, number, about(faults.Close, journal.Facts{})), about(faults.Close, journal.Facts{State: "captured", Status: "ORDERPAID"}))
		back := number.with("out_refund_no", "r1", "total_fee", "101", "refund_fee", "40")
		refund := journal.Facts{RefundReference: "r1", Amount: payment.Fen(101), Refunded: payment.Fen(40)}
		accepted := asks(refundPath2, back, about(faults.Refund, refund))
		refund.ProviderReference, refund.State, refund.Status = told.ProviderReference, "processing", "SUCCESS"
		says(accepted, about(faults.Refund, refund))
		refund.Status = "PROCESSING"
		says(asks(backPath2, params{"out_refund_no": "r1"}, journal.Facts{Operation: faults.RefundQuery, RefundReference: "r1"}), about(faults.RefundQuery, refund))
		says(asks(backPath2, params{"out_refund_no": "r9"}, journal.Facts{Operation: faults.RefundQuery, RefundReference: "r9"}),
			journal.Facts{Operation: faults.RefundQuery, RefundReference: "r9", Status: "REFUNDNOTEXIST"})

		shown := l.barcode()
		scanned := asks(microPath, micro("order-0001", shown), about(faults.PayCode, journal.Facts{Amount: payment.Fen(101), Code: shown}))
		says(scanned, about(faults.PayCode, journal.Facts{State: "captured", Status: "ORDERPAID"}))
		shown = l.barcode()
		scanned = l.exchange2(microPath, l.older(micro("order-0002", shown).with("sign_type", signType)))
		said := l.dialect.Answer(scanned.request, scanned.answer)
		require.Equal(t, "captured", said.State)
		require.NotEmpty(t, said.ProviderReference)
		reversed := l.exchange2(reversePath2, l.older(params{"transaction_id": string(said.ProviderReference), "sign_type": signType}))
		says(reversed, journal.Facts{Operation: faults.Reverse, ProviderReference: said.ProviderReference, State: "closed"})
	}
}

func TestDialectV2_FactsOfTheUnreadable(t *testing.T) {
	l := tapped(t, nil)
	broken := &proxy.Request{Method: "POST", Target: microPath, Body: []byte("<xml>")}
	require.Equal(t, journal.Facts{Operation: faults.PayCode, Signature: journal.SignatureMissing}, l.dialect.Request(broken))
	denied := l.exchange2(microPath, "<xml>")
	require.Equal(t, journal.Facts{Operation: faults.PayCode, Signature: journal.SignatureMissing, Status: "FAIL"}, l.dialect.Answer(denied.request, denied.answer))
	page := &proxy.Answer{Status: 400, Body: []byte("<html>")}
	require.Equal(t, journal.Facts{Operation: faults.PayCode, Signature: journal.SignatureMissing}, l.dialect.Answer(broken, page))
	for code, state := range map[string]payment.State{"ORDERPAID": payment.Captured, "ORDERCLOSED": payment.Closed, "ORDERREVERSED": payment.Closed,
		"USERPAYING": payment.Pending, "SYSTEMERROR": "", "NOTENOUGH": ""} {
		require.EqualValues(t, state, refusedStateV2(faults.PayCode, code), code)
		require.Empty(t, refusedStateV2(faults.Refund, code))
	}
	require.Equal(t, payment.RefundRefused, refundStateV2("REFUNDCLOSE"))
	require.Equal(t, payment.RefundProcessing, refundStateV2("CHANGE"))
	require.Equal(t, payment.RefundDone, refundStateV2("SUCCESS"))
}

// verdict2 is the tests' own check of a v2 message.
func (l line) verdict2(body []byte, signType string) string {
	l.t.Helper()
	form, err := parseXML(body)
	require.NoError(l.t, err, string(body))
	read := params{}
	for _, f := range form {
		read[f.name] = f.value
	}
	switch read["sign"] {
	case "":
		return "missing"
	case signV2(read, l.merchant.APIv2Key, signType):
		return "valid"
	default:
		return "invalid"
	}
}

// Every change of an amount under every signature of v2, on every kind of
// message: all bytes but those of the amount and the signature stay.
func TestDialectV2_EditsEveryAmountUnderEverySignature(t *testing.T) {
	for _, signType := range []string{"MD5", "HMAC-SHA256"} {
		l := tapped(t, nil)
		ask := func(path string, p params) exchange {
			return l.exchange2(path, l.older(p.with("sign_type", signType, "fee_type", "")))
		}
		created := ask(unifiedPath, unified("order-0001", "NATIVE").with("total_fee", "4321"))
		l.pay(created)
		scanned := ask(microPath, micro("order-0002", l.barcode()).with("total_fee", "4321"))
		query := ask(queryPath2, params{"out_trade_no": "order-0001"})
		refund := ask(refundPath2, params{"out_trade_no": "order-0001", "out_refund_no": "r1", "total_fee": "5000", "refund_fee": "4321"}.with("total_fee", "4321"))
		back := ask(backPath2, params{"out_refund_no": "r1"})
		kinds := map[string]struct {
			exchange
			name     string
			currency string
			onAnswer bool
		}{
			"create": {created, "total_fee", "fee_type", false}, "micropay": {scanned, "total_fee", "fee_type", false}, "refund": {refund, "refund_fee", "refund_fee_type", false},
			"micropay answer": {scanned, "total_fee", "fee_type", true}, "query answer": {query, "total_fee", "fee_type", true}, "refund answer": {refund, "refund_fee", "refund_fee_type", true},
			"refund query answer": {back, "refund_fee_0", "refund_fee_type_0", true}, "notification": {exchange{request: l.deliveries(1)[0]}, "total_fee", "fee_type", false},
		}
		for name, kind := range kinds {
			for _, change := range faults.AmountChanges() {
				for _, signature := range []faults.SignatureChange{"", faults.SignatureResigned, faults.SignatureMissing, faults.SignatureBroken, faults.SignatureWrongKey} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", signType, name, change, signature), func(t *testing.T) {
						l.t = t
						was, is := l.edited2(kind.exchange, kind.onAnswer, faults.Edit{Amount: change, Signature: signature})
						open, shut := "<"+kind.name+">", "</"+kind.name+">"
						if !strings.Contains(string(was), open+"4321") {
							open, shut = open+"<![CDATA[", "]]>"+shut
						}
						becomes := map[bool]string{true: open + strings.Trim(amounts[change], `"`) + shut, false: ""}[change != faults.AmountMissing]
						if change == faults.AmountMissing {
							open, shut = "<"+kind.name+">", "</"+kind.name+">"
							if strings.Contains(string(was), open+"<![") {
								open, shut = open+"<![CDATA[", "]]>"+shut
							}
						}
						want := strings.Replace(string(was), open+"4321"+shut, becomes, 1)
						if change == faults.AmountOtherCurrency {
							if want = strings.Replace(string(was), "<fee_type><![CDATA[CNY]]>", "<fee_type><![CDATA[USD]]>", 1); want == string(was) {
								want = strings.Replace(want, open+"4321"+shut, open+"4321"+shut+"<"+kind.currency+">USD</"+kind.currency+">", 1)
							}
						}
						require.Equal(t, unsigned(want), unsigned(string(is)))
						require.NotEqual(t, unsigned(string(was)), unsigned(string(is)))
						wanted := map[faults.SignatureChange]string{faults.SignatureResigned: "valid", faults.SignatureMissing: "missing"}[signature]
						if wanted == "" {
							wanted = "invalid"
						}
						require.Equal(t, wanted, l.verdict2(is, signType))
					})
				}
			}
			l.t = t
			for _, change := range []faults.SignatureChange{faults.SignatureWrongSerial, faults.SignatureExpiredTimestamp, faults.SignatureProbe} {
				var err error
				if kind.onAnswer {
					_, err = l.dialect.EditAnswer(kind.request, kind.answer, faults.Edit{Signature: change})
				} else {
					_, err = l.dialect.EditRequest(kind.request, faults.Edit{Signature: change})
				}
				require.ErrorIs(t, err, proxy.ErrCannotEdit, "%s: v2 has no %s", name, change)
			}
			if kind.name != "refund_fee_0" || kind.onAnswer {
				was, is := l.edited2(kind.exchange, kind.onAnswer, faults.Edit{Reference: "other-0001", Signature: faults.SignatureResigned})
				number := "order-0001"
				if strings.HasPrefix(name, "micropay") {
					number = "order-0002"
				}
				require.Equal(t, unsigned(strings.Replace(string(was), number, "other-0001", 1)), unsigned(string(is)))
				require.Equal(t, "valid", l.verdict2(is, signType))
			}
		}
	}
}

// unsigned is a message without its signature.
func unsigned(body string) string {
	before, rest, found := strings.Cut(body, "<sign>")
	if !found {
		return strings.Replace(body, "\n\n", "\n", 1) // where an answer's signature was
	}
	_, after, _ := strings.Cut(rest, "</sign>")
	return strings.Replace(before+after, "\n\n", "\n", 1)
}

// edited2 is a message before and after an edit, whose stated length is true.
func (l line) edited2(x exchange, onAnswer bool, edit faults.Edit) (was, is []byte) {
	l.t.Helper()
	header := proxy.Header{}
	if onAnswer {
		a, err := l.dialect.EditAnswer(x.request, x.answer, edit)
		require.NoError(l.t, err)
		was, is, header = x.answer.Body, a.Body, a.Header
	} else {
		r, err := l.dialect.EditRequest(x.request, edit)
		require.NoError(l.t, err)
		was, is, header = x.request.Body, r.Body, r.Header
	}
	require.Equal(l.t, fmt.Sprint(len(is)), header.First("Content-Length"))
	return was, is
}

func TestDialectV2_WhatCannotBeEdited(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange2(unifiedPath, l.older(unified("order-0001", "NATIVE").with("total_fee", "100")))
	query := l.exchange2(queryPath2, l.older(params{"out_trade_no": "order-0001"}))
	denied := l.exchange2(queryPath2, "")
	try := func(name string, err error) { t.Helper(); require.ErrorIs(t, err, proxy.ErrCannotEdit, name) }
	amount, resign := faults.Edit{Amount: faults.AmountPlusOne}, faults.Edit{Signature: faults.SignatureResigned}
	_, err := l.dialect.EditRequest(query.request, amount)
	try("a query has no amount", err)
	_, err = l.dialect.EditRequest(query.request, faults.Edit{Reference: "other"})
	try("what a query is about", err)
	_, err = l.dialect.EditAnswer(created.request, created.answer, amount)
	try("a create answer has no amount", err)
	_, err = l.dialect.EditAnswer(query.request, query.answer, amount)
	try("an unpaid order's answer has no amount", err)
	_, err = l.dialect.EditRequest(created.request, faults.Edit{Amount: faults.AmountCentsDropped})
	try("no cents to drop", err)
	_, err = l.dialect.EditAnswer(denied.request, denied.answer, resign)
	try("unsigned", err)
	_, err = l.dialect.EditAnswer(query.request, denied.answer, resign)
	try("unsigned", err)
	for _, odd := range []string{"", "<xml>", "<xml></xml>", "<xml><total_fee/><sign/></xml>", "<xml><total_fee>x</total_fee></xml>"} {
		_, err = l.dialect.EditRequest(&proxy.Request{Method: "POST", Target: unifiedPath, Body: []byte(odd)}, amount)
		try(odd, err)
	}
	edited, err := l.dialect.EditRequest(query.request, faults.Edit{Signature: faults.SignatureBroken})
	require.NoError(t, err, "a signature alone")
	require.Equal(t, "invalid", l.verdict2(edited.Body, ""))
	_, err = proxy.Forged(l.dialect, query.request, query.answer, faults.Edit{Signature: faults.SignatureBroken})
	try("nothing to forge about", err)
}

func TestDialectV2_ForgesMasksAndRefuses(t *testing.T) {
	for _, signType := range []string{"", "HMAC-SHA256"} {
		l := tapped(t, nil)
		created := l.exchange2(unifiedPath, l.older(unified("order-0001", "JSAPI").with("sign_type", signType, "openid", "oSecretSecret")))
		for change, verdict := range map[faults.SignatureChange]string{faults.SignatureMissing: "missing", faults.SignatureBroken: "invalid", faults.SignatureWrongKey: "invalid"} {
			forged, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Signature: change})
			require.NoError(t, err)
			require.Equal(t, "/notify/wx", forged.Target)
			require.Equal(t, verdict, l.verdict2(forged.Body, signType))
			facts := l.dialect.Request(forged)
			require.Equal(t, faults.NotifyPayment, facts.Operation)
			require.Equal(t, payment.Fen(101), facts.Amount)
			require.EqualValues(t, "order-0001", facts.MerchantReference)
			require.Equal(t, "captured", facts.State)
			require.NotEqual(t, journal.SignatureValid, facts.Signature)
		}
		_, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Signature: faults.SignatureProbe})
		require.ErrorIs(t, err, proxy.ErrCannotEdit)
		shown := l.barcode()
		scanned := l.exchange2(microPath, l.older(micro("order-0002", shown)))
		forged, err := proxy.Forged(l.dialect, scanned.request, scanned.answer, faults.Edit{Signature: faults.SignatureBroken})
		require.NoError(t, err)
		require.Equal(t, "/notify/wx", forged.Target, "the last known address")

		l.pay(created)
		for _, text := range []string{l.dialect.Body(created.request, nil), l.dialect.Body(l.deliveries(1)[0], nil)} {
			require.Contains(t, text, "order-0001")
			require.NotContains(t, text, "oSecretSecret")
		}
		require.NotContains(t, l.dialect.Body(scanned.request, nil), shown)
		require.Contains(t, l.dialect.Body(scanned.request, scanned.answer), "MICROPAY")
		require.Equal(t, "(5 bytes that are no flat XML)", l.dialect.Body(&proxy.Request{Body: []byte("<xml>")}, nil))

		refused, err := l.dialect.Refuse(l.deliveries(1)[0], faults.Response{Status: 503, Code: "DOWN"})
		require.NoError(t, err)
		require.Equal(t, 503, refused.Status)
		require.Equal(t, "<xml><return_code><![CDATA[FAIL]]></return_code>\n<return_msg><![CDATA[down]]></return_msg></xml>", string(refused.Body))
		answer, err := l.dialect.Refuse(created.request, faults.Response{})
		require.NoError(t, err)
		require.Equal(t, "valid", l.verdict2(answer.Body, signType), "signed as the request is")
		require.Equal(t, journal.Facts{Operation: faults.Create, MerchantReference: "order-0001", Account: l.merchant.MchID,
			Signature: journal.SignatureValid, Status: "SYSTEMERROR"}, l.dialect.Answer(created.request, answer))
	}
}
