package unionpay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
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

func tapped(t testing.TB, change func(*Config)) line {
	t.Helper()
	b := open(t, change)
	dialect, err := NewDialect(b.config)
	require.NoError(t, err)
	return line{b, dialect}
}

// exchange sends signed values, seen as they pass.
func (l line) exchange(path endpoint, values map[string]string) exchange {
	l.t.Helper()
	body := posted(l.signs(values))
	request := &proxy.Request{Method: "POST", Target: string(path), Scheme: "https", Body: []byte(body), Header: proxy.Header{
		{Name: "Host", Value: Host}, {Name: "Content-Length", Value: strconv.Itoa(len(body))}}}
	l.dialect.Request(request)
	got := l.post(path, body)
	answer := &proxy.Answer{Status: got.status, Body: []byte(got.raw)}
	for name, lines := range got.header {
		answer.Header = append(answer.Header, proxy.HeaderLine{Name: name, Value: lines[0]})
	}
	l.dialect.Answer(request, answer)
	return exchange{request, answer}
}

func (l line) asked(x exchange) journal.Facts  { return l.dialect.Request(x.request) }
func (l line) answer(x exchange) journal.Facts { return l.dialect.Answer(x.request, x.answer) }

func (l line) pay(x exchange) {
	l.t.Helper()
	_, err := l.provider.Pay(l.t.Context(), "t1", l.answer(x).Code)
	require.NoError(l.t, err)
}

func (l line) leafSerial() string { return l.provider.ring.leaf.parsed.SerialNumber.String() }

// by fills in who signed.
func (l line) by(signer string, f journal.Facts) journal.Facts {
	f.Account, f.Signature, f.Signer = l.merchant.MerID, journal.SignatureValid, signer
	return f
}

func TestDialect_FactsOfAWholePayment(t *testing.T) {
	l := tapped(t, nil)
	merchant, platform := l.merchant.CertID, l.leafSerial()
	order := l.order("07", "order0001")
	created := l.exchange(back, order)
	require.Equal(t, l.by(merchant, journal.Facts{Operation: faults.Create, MerchantReference: "order0001", Amount: payment.Fen(101)}), l.asked(created))
	said := l.answer(created)
	require.True(t, strings.HasPrefix(said.Code, "https://qr.95516.com/"))
	require.Equal(t, l.by(platform, journal.Facts{Operation: faults.Create, MerchantReference: "order0001", State: "pending", Status: "00", Code: said.Code}), said)

	queried := l.common("00", "00", "orderId", "order0001", "txnTime", order["txnTime"])
	unpaid := l.exchange(query, queried)
	require.Equal(t, l.by(merchant, journal.Facts{Operation: faults.Query, MerchantReference: "order0001"}), l.asked(unpaid))
	require.Equal(t, l.by(platform, journal.Facts{Operation: faults.Query, MerchantReference: "order0001", State: "pending", Status: "05",
		Amount: payment.Fen(101)}), l.answer(unpaid))

	l.pay(created)
	notified := l.deliveries(1)[0]
	told := l.dialect.Request(notified)
	require.Equal(t, l.by(platform, journal.Facts{Operation: faults.NotifyPayment, MerchantReference: "order0001", State: "captured", Status: "00",
		ProviderReference: told.ProviderReference, Amount: payment.Fen(101)}), told)
	require.Equal(t, journal.Facts{Operation: faults.NotifyPayment, MerchantReference: "order0001", ProviderReference: told.ProviderReference,
		Account: l.merchant.MerID}, l.dialect.Answer(notified, &proxy.Answer{Status: 500}))
	paid := l.answer(l.exchange(query, queried))
	require.Equal(t, "captured", paid.State)
	require.Equal(t, told.ProviderReference, paid.ProviderReference)
	queryID := string(told.ProviderReference)
	byID := l.exchange(query, l.common("00", "02", "queryId", queryID))
	require.Equal(t, told.ProviderReference, l.asked(byID).ProviderReference)
	require.EqualValues(t, "order0001", l.asked(byID).MerchantReference, "known from before")

	// A refund names its original by queryId alone.
	asked := l.undoing("04", "refund0001", queryID, "40")
	refund := l.exchange(back, asked)
	about := journal.Facts{Operation: faults.Refund, MerchantReference: "order0001", RefundReference: "refund0001",
		ProviderReference: told.ProviderReference, Refunded: payment.Fen(40)}
	require.Equal(t, l.by(merchant, about), l.asked(refund))
	about.State, about.Status = "processing", "00"
	require.Equal(t, l.by(platform, about), l.answer(refund))
	again := l.common("00", "00", "orderId", "refund0001", "txnTime", asked["txnTime"])
	state := l.exchange(query, again)
	about.Operation, about.Status = faults.RefundQuery, "05"
	require.Equal(t, l.by(platform, about), l.answer(state))
	require.Equal(t, l.by(merchant, journal.Facts{Operation: faults.RefundQuery, RefundReference: "refund0001", MerchantReference: "order0001",
		ProviderReference: told.ProviderReference}), l.asked(state))
	l.hurry()
	about.State, about.Status = "done", "00"
	require.Equal(t, l.by(platform, about), l.answer(l.exchange(query, again)))
	about.Operation = faults.NotifyRefund
	require.Equal(t, l.by(platform, about), l.dialect.Request(l.deliveries(2)[1]))
	refused := l.exchange(back, l.undoing("04", "refund0002", queryID, "62"))
	require.Equal(t, "36", l.answer(refused).Status)
	require.Empty(t, l.answer(refused).State)
}

func TestDialect_FactsOfTheOthers(t *testing.T) {
	l := tapped(t, nil)
	shown := l.barcode()
	order := l.order("06", "order0001", "qrNo", shown)
	scan := l.exchange(back, order)
	require.Equal(t, faults.PayCode, l.asked(scan).Operation)
	require.Equal(t, shown, l.asked(scan).Code)
	said := l.answer(scan)
	require.Equal(t, "pending", said.State, "00 is no more than accepted")
	require.NotEmpty(t, said.ProviderReference)
	queryID := string(said.ProviderReference)
	unaware, err := NewDialect(l.config)
	require.NoError(t, err)

	l.deliveries(1) // else the two may overtake each other
	voidAsked := l.undoing("31", "void0001", queryID, "101")
	voided := l.exchange(back, voidAsked)
	require.Equal(t, faults.Reverse, l.asked(voided).Operation)
	require.EqualValues(t, "order0001", l.asked(voided).MerchantReference, "the original's, not the void's")
	require.Equal(t, "closed", l.answer(voided).State)
	require.Empty(t, unaware.Request(voided.request).MerchantReference, "who has not seen it does not guess")
	naming := posted(l.undoing("04", "refund0009", queryID, "1", "origOrderId", "order0001"))
	named := &proxy.Request{Method: "POST", Target: string(back), Body: []byte(naming)}
	require.EqualValues(t, "order0001", unaware.Request(named).MerchantReference, "but it reads")
	require.EqualValues(t, "order0001", unaware.Request(voided.request).MerchantReference, "and remembers")
	told := l.dialect.Request(l.deliveries(2)[1])
	require.Equal(t, faults.Other, told.Operation, "a void is no refund")
	require.EqualValues(t, "order0001", told.MerchantReference)
	require.Equal(t, journal.SignatureValid, told.Signature)
	about := l.exchange(query, l.common("00", "00", "orderId", "void0001", "txnTime", voidAsked["txnTime"]))
	require.Equal(t, faults.Other, l.asked(about).Operation)
	require.EqualValues(t, "order0001", l.answer(about).MerchantReference)

	reversed := l.exchange(back, l.common("99", "01", "orderId", "order0001", "txnTime", order["txnTime"]))
	require.Equal(t, faults.Reverse, l.asked(reversed).Operation)
	require.EqualValues(t, "order0001", l.asked(reversed).MerchantReference)
	require.Equal(t, "45", l.answer(reversed).Status)
	refresh := l.exchange(back, l.common("95", "00", "orderId", "refresh01", "txnTime", now(), "certType", "01"))
	require.Equal(t, faults.Certificates, l.asked(refresh).Operation)

	page := l.exchange(front, l.order("01", "order0002"))
	require.Equal(t, journal.Facts{Operation: faults.Create, MerchantReference: "order0002", Account: l.merchant.MerID, State: "pending",
		Code: page.answer.Header.First("Location")}, l.answer(page), "a browser's way has no signature")
	bad := l.exchange(front, l.order("01", "order0002", "txnAmt", "0"))
	require.Equal(t, "end_error", l.answer(bad).Status)
	tn := l.exchange(app, l.order("01", "order0003"))
	require.Regexp(t, `^\d{21}$`, l.answer(tn).Code)

	for name, r := range map[string]*proxy.Request{
		"another call": {Method: "POST", Target: "/gateway/api/cardTransReq.do", Body: []byte("a=1")},
		"no pairs":     {Method: "POST", Target: string(back), Body: []byte("x")},
		"empty":        {Method: "GET", Target: "/"},
	} {
		require.Equal(t, faults.Other, l.dialect.Request(r).Operation, name)
		require.Equal(t, faults.Other, l.dialect.Answer(r, &proxy.Answer{Status: 200, Body: []byte("ok")}).Operation, name)
	}
}

// What each code says of a payment or a refund, by the kind of the call.
func TestDialect_WhatCodesClaim(t *testing.T) {
	d, err := NewDialect(testConfig(t))
	require.NoError(t, err)
	cases := []struct {
		asked   transaction
		answer  string
		state   string
		amount  payment.Money
		refunds payment.Money
	}{
		{scanned, "respCode=00", "pending", payment.Money{}, payment.Money{}},
		{scanned, "respCode=A6", "captured", payment.Money{}, payment.Money{}},
		{scanned, "respCode=64", "declined", payment.Money{}, payment.Money{}},
		{scanned, "respCode=03", "", payment.Money{}, payment.Money{}},
		{scanned, "respCode=12", "", payment.Money{}, payment.Money{}},
		{shown, "respCode=12", "", payment.Money{}, payment.Money{}},
		{reversal, "respCode=00", "closed", payment.Money{}, payment.Money{}},
		{reversal, "respCode=46", "closed", payment.Money{}, payment.Money{}},
		{void, "respCode=03", "", payment.Money{}, payment.Money{}},
		{queryByOrder, "respCode=34", "", payment.Money{}, payment.Money{}},
		{queryByOrder, "respCode=34&origRespCode=00", "", payment.Money{}, payment.Money{}},
		{queryByOrder, "respCode=00", "", payment.Money{}, payment.Money{}},
		{queryByOrder, "respCode=00&origRespCode=42&txnAmt=7", "captured", payment.Fen(7), payment.Money{}},
		{queryByOrder, "respCode=00&origRespCode=01&txnAmt=x", "closed", payment.Money{}, payment.Money{}},
		{queryByOrder, "respCode=00&origRespCode=00&txnAmt=7&currencyCode=840", "captured", payment.Money{Minor: 7, Currency: "USD"}, payment.Money{}},
		{queryByOrder, "respCode=00&origRespCode=00&txnAmt=7&currencyCode=999", "captured", payment.Money{Minor: 7, Currency: "999"}, payment.Money{}},
		{queryByOrder, "respCode=00&origRespCode=00&txnType=04&txnSubType=00&txnAmt=7", "done", payment.Money{}, payment.Fen(7)},
		{queryByOrder, "respCode=00&origRespCode=03&txnType=04&txnSubType=00&txnAmt=7", "processing", payment.Money{}, payment.Fen(7)},
		{queryByOrder, "respCode=00&origRespCode=61&txnType=04&txnSubType=00&txnAmt=7", "refused", payment.Money{}, payment.Fen(7)},
		{queryByOrder, "respCode=00&origRespCode=12&txnType=04&txnSubType=00&txnAmt=7", "", payment.Money{}, payment.Fen(7)},
	}
	for i, c := range cases {
		kind, sub, _ := strings.Cut(string(c.asked), "/")
		body := fmt.Sprintf("merId=1&orderId=order%04d&txnType=%s&txnSubType=%s", i, kind, sub)
		request := &proxy.Request{Method: "POST", Target: string(back), Body: []byte(body)}
		facts := d.Answer(request, &proxy.Answer{Status: 200, Body: []byte(c.answer)})
		require.Equal(t, c.asked.operation(), facts.Operation, c.answer)
		require.Equal(t, c.state, facts.State, "%s: %s", c.asked, c.answer)
		require.Equal(t, c.amount, facts.Amount, c.answer)
		require.Equal(t, c.refunds, facts.Refunded, c.answer)
		require.Equal(t, journal.SignatureMissing, facts.Signature, c.answer)
	}
}

// The hosts that the gateway answers for, the production gateway first.
func TestHosts(t *testing.T) {
	require.Equal(t, []string{"gateway.95516.com", "gateway.test.95516.com", "filedownload.95516.com", "filedownload.test.95516.com"}, Hosts())
}

func TestMemory_ForgetsTheOldest(t *testing.T) {
	r := newRecent()
	for i := range remembered + 5 {
		r.put(strconv.Itoa(i), "x")
	}
	r.put(strconv.Itoa(remembered), "y")
	require.Len(t, r.values, remembered)
	require.Len(t, r.order, remembered)
	require.Empty(t, r.values["4"])
	require.Equal(t, "y", r.values[strconv.Itoa(remembered)])
}

// The verdicts of a correct receiver: the provider's on calls, a merchant's on
// everything else.
func (l line) verdict(f form, body []byte, call endpoint) string {
	values, err := f.parse(string(body))
	require.NoError(l.t, err)
	if call != "" {
		_, refused := l.provider.admit(call, values)
		if refused == nil {
			return "valid"
		}
		return refused.code
	}
	if values["signature"] == "" {
		return "missing"
	}
	if l.believes(values) {
		return "valid"
	}
	return "invalid"
}

func (l line) kinds() map[string]subject {
	order := l.order("07", "order0001", "txnAmt", "4321")
	created := l.exchange(back, order)
	l.pay(created)
	notified := exchange{request: l.deliveries(1)[0]}
	queried := l.exchange(query, l.common("00", "00", "orderId", "order0001", "txnTime", order["txnTime"]))
	queryID := string(l.answer(queried).ProviderReference)
	refund := l.exchange(back, l.undoing("04", "refund0001", queryID, "4321", "origOrderId", "order0001"))
	l.hurry()
	refunded := exchange{request: l.deliveries(2)[1]} // before the scan is notified too
	scan := l.exchange(back, l.order("06", "order0002", "qrNo", l.barcode(), "txnAmt", "4321"))
	return map[string]subject{
		"create":               {created, encoded, false, back},
		"scan":                 {scan, encoded, false, back},
		"refund":               {refund, encoded, false, back},
		"refund answer":        {refund, plain, true, ""},
		"query answer":         {queried, plain, true, ""},
		"payment notification": {notified, encoded, false, ""},
		"refund notification":  {refunded, encoded, false, ""},
	}
}

// subject is a message to edit.
type subject struct {
	exchange
	form     form
	onAnswer bool
	call     endpoint // "": the provider signed it
}

func (s subject) body() []byte {
	if s.onAnswer {
		return s.answer.Body
	}
	return s.request.Body
}

func (l line) edit(s subject, edit faults.Edit) ([]byte, error) {
	if s.onAnswer {
		a, err := l.dialect.EditAnswer(s.request, s.answer, edit)
		if err != nil {
			return nil, err
		}
		require.Equal(l.t, strconv.Itoa(len(a.Body)), a.Header.First("Content-Length"))
		return a.Body, nil
	}
	r, err := l.dialect.EditRequest(s.request, edit)
	if err != nil {
		return nil, err
	}
	require.Equal(l.t, strconv.Itoa(len(r.Body)), r.Header.First("Content-Length"))
	return r.Body, nil
}

// wanted is what a correct receiver says of each change of a signature: calls,
// and what the provider signs.
func wanted() map[faults.SignatureChange][2]string {
	return map[faults.SignatureChange][2]string{
		faults.SignatureResigned: {"valid", "valid"}, faults.SignatureMissing: {"13", "missing"},
		faults.SignatureBroken: {"11", "invalid"}, faults.SignatureWrongKey: {"11", "invalid"},
		faults.SignatureWrongSerial: {"11", "invalid"}, faults.SignatureExpiredTimestamp: {"10", "invalid"},
	}
}

func TestDialect_SignatureChangesAlone(t *testing.T) {
	l := tapped(t, nil)
	for name, s := range l.kinds() {
		for change, verdicts := range wanted() {
			t.Run(fmt.Sprintf("%s/%s", name, change), func(t *testing.T) {
				l.t = t
				body, err := l.edit(s, faults.Edit{Signature: change})
				require.NoError(t, err)
				want := verdicts[0]
				if s.call == "" {
					want = verdicts[1]
				}
				require.Equal(t, want, l.verdict(s.form, body, s.call))
				require.Equal(t, want == "valid", l.seen(s, body).Signature == journal.SignatureValid, "the dialect agrees")
				if change == faults.SignatureMissing {
					require.Equal(t, journal.SignatureMissing, l.seen(s, body).Signature)
				}
			})
		}
		_, err := l.edit(s, faults.Edit{Signature: faults.SignatureProbe})
		require.ErrorIs(t, err, proxy.ErrCannotEdit, "UnionPay has no probes")
	}
}

// seen is what the dialect says of an edited message.
func (l line) seen(s subject, body []byte) journal.Facts {
	if s.onAnswer {
		return l.dialect.Answer(s.request, &proxy.Answer{Status: 200, Body: body})
	}
	return l.dialect.Request(&proxy.Request{Method: "POST", Target: s.request.Target, Body: body})
}

// A wrong key shows a certificate that signed itself, and fits it; a wrong
// serial the true key in a certificate of no authority; both fool whoever does
// not check the chain (protocol unionpay §16.1).
func TestDialect_ImpostorsFoolTheCareless(t *testing.T) {
	l := tapped(t, nil)
	s := l.kinds()["payment notification"]
	for _, change := range []faults.SignatureChange{faults.SignatureWrongKey, faults.SignatureWrongSerial, faults.SignatureExpiredTimestamp} {
		body, err := l.edit(s, faults.Edit{Signature: change})
		require.NoError(t, err)
		values, err := encoded.parse(string(body))
		require.NoError(t, err)
		_, inline, err := keys.CertificateKey(values["signPubKeyCert"])
		require.NoError(t, err)
		require.True(t, keys.Verifies(inline, hexOf(joined(values)), values["signature"]), "the certificate inside fits: %s", change)
		require.NotEqual(t, l.leafSerial(), l.seen(s, body).Signer)
		require.Equal(t, change != faults.SignatureWrongKey, inline.Equal(l.provider.ring.leaf.pair.Key()), change)
	}
}

// Every change of an amount under every change of the signature, in every
// message that has one: no other byte moves.
func TestDialect_EditsAmounts(t *testing.T) {
	amounts := map[faults.AmountChange]string{faults.AmountPlusOne: "4322", faults.AmountMinusOne: "4320", faults.AmountTimes100: "432100",
		faults.AmountDividedBy100: "43", faults.AmountNegative: "-4321", faults.AmountZero: "0", faults.AmountEmpty: "",
		faults.AmountNotANumber: "one yuan", faults.AmountOverflow: "9223372036854775808", faults.AmountCentsDropped: "4300",
		faults.AmountMissing: "4321", faults.AmountOtherCurrency: "4321"}
	l := tapped(t, nil)
	for name, s := range l.kinds() {
		for _, change := range faults.AmountChanges() {
			for _, signature := range []faults.SignatureChange{"", faults.SignatureResigned, faults.SignatureMissing} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, change, signature), func(t *testing.T) {
					l.t = t
					body, err := l.edit(s, faults.Edit{Amount: change, Signature: signature})
					require.NoError(t, err)
					want := strings.Replace(string(s.body()), "txnAmt=4321", "txnAmt="+s.form.written(amounts[change]), 1)
					switch change {
					case faults.AmountMissing:
						want = strings.Replace(string(s.body()), "txnAmt=4321&", "", 1)
					case faults.AmountOtherCurrency:
						want = strings.Replace(want, "currencyCode=156", "currencyCode=840", 1)
					}
					require.Equal(t, unsigned(t, s.form, want), unsigned(t, s.form, string(body)))
					want = map[faults.SignatureChange]string{"": "invalid", faults.SignatureResigned: "valid", faults.SignatureMissing: "missing"}[signature]
					require.EqualValues(t, want, l.seen(s, body).Signature)
				})
			}
		}
	}
	require.ElementsMatch(t, faults.AmountChanges(), slices.Collect(func(yield func(faults.AmountChange) bool) {
		for change := range amounts {
			if !yield(change) {
				return
			}
		}
	}))
}

// unsigned is a message without its signature, the rest byte for byte.
func unsigned(t *testing.T, f form, body string) string {
	read := newText(f, []byte(body))
	if _, err := read.at("signature"); err == nil {
		require.NoError(t, read.remove("signature"))
	}
	return string(read.raw)
}

func TestDialect_EditsReferences(t *testing.T) {
	l := tapped(t, nil)
	for name, s := range l.kinds() {
		t.Run(name, func(t *testing.T) {
			l.t = t
			was, is := "orderId=order0001", "orderId=other0001"
			switch name {
			case "scan":
				was = "orderId=order0002"
			case "refund", "refund answer", "refund notification":
				was, is = "origOrderId=order0001", "origOrderId=other0001"
			}
			body, err := l.edit(s, faults.Edit{Reference: "other0001", Signature: faults.SignatureResigned})
			require.NoError(t, err)
			require.Equal(t, unsigned(t, s.form, strings.Replace(string(s.body()), was, is, 1)), unsigned(t, s.form, string(body)))
			require.Equal(t, "valid", l.verdict(s.form, body, s.call))
			same := strings.TrimPrefix(was[strings.Index(was, "="):], "=")
			_, err = l.edit(s, faults.Edit{Reference: payment.MerchantReference(same)})
			require.ErrorIs(t, err, proxy.ErrCannotEdit, "nothing would change")
		})
	}
}

// signMethod 11 has no certificate to spoil.
func TestDialect_EditsSealedMessages(t *testing.T) {
	l := tapped(t, nil)
	l.sealed = true
	created := l.exchange(back, l.order("07", "order0001"))
	l.pay(created)
	for _, s := range []subject{{created, encoded, false, back}, {created, plain, true, ""},
		{exchange{request: l.deliveries(1)[0]}, encoded, false, ""}} {
		for change, verdicts := range wanted() {
			body, err := l.edit(s, faults.Edit{Signature: change})
			noCertificate := change == faults.SignatureWrongSerial || (s.call == "" && change == faults.SignatureExpiredTimestamp)
			if noCertificate {
				require.ErrorIs(t, err, proxy.ErrCannotEdit)
				continue
			}
			require.NoError(t, err)
			want := verdicts[0]
			if s.call == "" {
				want = verdicts[1]
			}
			require.Equal(t, want, l.verdict(s.form, body, s.call), change)
			require.Equal(t, want == "valid", l.seen(s, body).Signature == journal.SignatureValid, change)
		}
	}
}

func TestDialect_WhatCannotBeEdited(t *testing.T) {
	private := testConfig(t).Merchants[0].PrivateKey
	l := tapped(t, func(c *Config) { c.Merchants[0].PrivateKey, c.Platform.Expired = "", "" })
	l.merchant.PrivateKey = private
	amount, resign := faults.Edit{Amount: faults.AmountPlusOne}, faults.Edit{Signature: faults.SignatureResigned}
	created := l.exchange(back, l.order("07", "order0001", "txnAmt", "100"))
	queried := l.exchange(query, l.common("00", "00", "orderId", "order0009", "txnTime", now()))
	page := l.exchange(front, l.order("01", "order0002"))
	refund := l.exchange(back, l.undoing("04", "refund0001", "512611231402335616528", "1"))
	hook := &proxy.Request{Method: "POST", Target: "/hook", Body: []byte(`{"a":1}`)}
	request := func(x exchange, edit faults.Edit) error { _, err := l.dialect.EditRequest(x.request, edit); return err }
	answer := func(x exchange, edit faults.Edit) error {
		_, err := l.dialect.EditAnswer(x.request, x.answer, edit)
		return err
	}
	for name, err := range map[string]error{
		"a query has no amount":         request(queried, amount),
		"a create answer has no amount": answer(created, amount),
		"no cents to drop":              request(created, faults.Edit{Amount: faults.AmountCentsDropped}),
		"no private key":                request(created, resign),
		"a query does not age":          request(queried, faults.Edit{Signature: faults.SignatureExpiredTimestamp}),
		"no certificate that ran out":   answer(queried, faults.Edit{Signature: faults.SignatureExpiredTimestamp}),
		"a redirect has no signature":   answer(page, resign),
		"a refund by queryId alone":     request(refund, faults.Edit{Reference: "order0001"}),
		"a query about a refund":        request(l.exchange(query, l.common("00", "00", "orderId", "refund0001", "txnTime", now())), faults.Edit{Reference: "order0001"}),
		"no notification":               request(exchange{request: hook}, amount),
		"an acknowledgement":            answer(exchange{hook, &proxy.Answer{}}, amount),
		"an unknown change":             answer(queried, faults.Edit{Signature: "dreamt"}),
	} {
		require.ErrorIs(t, err, proxy.ErrCannotEdit, name)
	}
	_, err := proxy.Forged(l.dialect, queried.request, queried.answer, faults.Edit{Signature: faults.SignatureBroken})
	require.ErrorIs(t, err, proxy.ErrCannotEdit, "nothing to forge about")
}

func TestDialect_Refuse(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange(back, l.order("07", "order0001", "reqReserved", "r1"))
	for given, want := range map[faults.Response]string{{}: "03", {Code: "04"}: "04", {Code: "05"}: "05", {Code: "06"}: "06", {Code: "37"}: "37",
		{Code: "A6"}: "A6", {Code: "SYSTEM_ERROR"}: "03", {Status: 503, Code: "06"}: "06"} {
		got, err := l.dialect.Refuse(created.request, given)
		require.NoError(t, err)
		require.Equal(t, max(given.Status, 200), got.Status)
		values := split(string(got.Body))
		require.Equal(t, want, values["respCode"])
		require.True(t, l.believes(values))
		for _, name := range echoes() {
			if name != "txnType" {
				require.Equal(t, decoded(t, created.request)[name], values[name], name)
			}
		}
	}
	got, err := l.dialect.Refuse(created.request, faults.Response{Status: 502})
	require.NoError(t, err)
	require.Equal(t, 502, got.Status)
	require.Contains(t, string(got.Body), "end_error")
	require.Empty(t, l.dialect.Answer(created.request, got).State)
	page := l.exchange(front, l.order("01", "order0002"))
	got, err = l.dialect.Refuse(page.request, faults.Response{})
	require.NoError(t, err)
	require.Contains(t, string(got.Body), "[2600003]")
	got, err = l.dialect.Refuse(&proxy.Request{Method: "POST", Target: "/up/back"}, faults.Response{})
	require.NoError(t, err)
	require.Equal(t, 500, got.Status)
	require.Equal(t, "fail", string(got.Body))
}

func TestDialect_ForgesWithEveryBadSignature(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange(back, l.order("07", "order0001"))
	for _, change := range faults.BadSignatures() {
		forged, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Signature: change})
		if change == faults.SignatureProbe {
			require.ErrorIs(t, err, proxy.ErrCannotEdit)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "/up/back?from=unionpay", forged.Target)
		require.Equal(t, "shop.example", forged.Header.First("Host"))
		require.Equal(t, strconv.Itoa(len(forged.Body)), forged.Header.First("Content-Length"))
		require.False(t, l.believes(decoded(t, forged)), change)
		facts := l.dialect.Request(forged)
		require.NotEqual(t, journal.SignatureValid, facts.Signature)
		require.Equal(t, faults.NotifyPayment, facts.Operation)
		require.Equal(t, payment.Fen(101), facts.Amount, "right in every way but its signature")
		require.EqualValues(t, "order0001", facts.MerchantReference)
		require.Equal(t, "captured", facts.State)
		require.Regexp(t, `^51\d{19}$`, string(facts.ProviderReference))
	}
	// It says what a genuine one says, field by field.
	forged, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Signature: faults.SignatureBroken})
	require.NoError(t, err)
	l.pay(created)
	genuine := decoded(t, l.deliveries(1)[0])
	for name := range decoded(t, forged) {
		require.Contains(t, genuine, name)
	}
	require.Len(t, decoded(t, forged), len(genuine))

	nameless := &proxy.Request{Method: "POST", Target: string(back),
		Body: []byte(posted(l.order("06", "order0002", "qrNo", "62", "backUrl", "")))}
	again, err := proxy.Forged(l.dialect, nameless, nil, faults.Edit{Signature: faults.SignatureBroken})
	require.NoError(t, err)
	require.Equal(t, "/up/back?from=unionpay", again.Target, "the last known address")
	unaware, err := NewDialect(l.config)
	require.NoError(t, err)
	_, err = proxy.Forged(unaware, nameless, nil, faults.Edit{Signature: faults.SignatureBroken})
	require.ErrorIs(t, err, proxy.ErrCannotEdit)
}

func TestDialect_BodiesAreMasked(t *testing.T) {
	l := tapped(t, nil)
	shown := l.barcode()
	scan := l.exchange(back, l.order("06", "order0001", "qrNo", shown, "accNo", "6221000000000018", "customerInfo", "e3Bob25lTm89MTM4fQ=="))
	said := l.dialect.Body(scan.request, nil)
	require.Contains(t, said, `"orderId":"order0001"`)
	for _, secret := range []string{shown, "6221000000000018", "e3Bob25lTm89MTM4fQ=="} {
		require.NotContains(t, said, secret)
	}
	answered := l.dialect.Body(scan.request, scan.answer)
	require.Contains(t, answered, "(certificate "+l.leafSerial()+")")
	require.NotContains(t, answered, "BEGIN CERTIFICATE")
	require.Contains(t, l.dialect.Body(l.deliveries(1)[0], nil), `"respMsg":"成功[0000000]"`, "decoded")
	require.Equal(t, "(1 bytes that are no pairs)", l.dialect.Body(&proxy.Request{Body: []byte("x")}, nil))
	require.Empty(t, l.dialect.Body(scan.request, &proxy.Answer{Status: 302}))
	require.Contains(t, l.dialect.Body(&proxy.Request{Body: []byte("signPubKeyCert=x&gbk=%B2%E8")}, nil), "(no certificate)")
}
