package alipay

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

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

// over sends a call and keeps both sides of it. Half of its parameters stand in
// the query, as Java's do.
func (l line) over(m method, business string, edit func(map[string]string)) exchange {
	l.t.Helper()
	values := l.signed(m, business, edit)
	inForm := map[string]string{"biz_content": values["biz_content"]}
	delete(values, "biz_content")
	return l.crossed("POST", "/gateway.do?"+form(values), form(inForm), nil)
}

func (l line) crossed(verb, target, body string, header http.Header) exchange {
	l.t.Helper()
	request := &proxy.Request{Method: verb, Target: target, Scheme: "https", Body: []byte(body), Header: proxy.Header{
		{Name: "Host", Value: Host}, {Name: "Content-Length", Value: fmt.Sprint(len(body))}}}
	for name, values := range header {
		request.Header.Set(name, values[0])
	}
	got := l.exchange(verb, target, body, header)
	answer := &proxy.Answer{Status: got.Code, Body: got.Body.Bytes()}
	for name, values := range got.Header() {
		answer.Header = append(answer.Header, proxy.HeaderLine{Name: name, Value: values[0]})
	}
	return exchange{request, answer}
}

// overREST does the same over v3.
func (l line) overREST(m method, business string) exchange {
	l.t.Helper()
	text := fmt.Sprintf("app_id=%s,nonce=n,timestamp=%d", l.merchant.AppID, l.clock.Now().UnixMilli())
	header := http.Header{}
	if l.config.Mode == CertificateMode {
		credentials, err := l.config.Credentials(l.merchant.AppID)
		require.NoError(l.t, err)
		text += ",app_cert_sn=" + credentials.AppCertSN
		header.Set("alipay-root-cert-sn", credentials.AlipayRootCertSN)
	}
	header.Set("Authorization", "ALIPAY-SHA256withRSA "+text+",sign="+sign(l.t, l.merchant, text+"\nPOST\n"+m.path()+"\n"+business+"\n"))
	return l.crossed("POST", m.path(), business, header)
}

const refundPart = `{"out_trade_no":"A1","out_request_no":"R1","refund_amount":"0.40"}`

func TestDialect_FactsOfAWholePayment(t *testing.T) {
	for name, change := range map[string]func(*Config){"key mode": nil, "certificate mode": certified(t)} {
		t.Run(name, func(t *testing.T) {
			l := tapped(t, change)
			credentials, err := l.config.Credentials(l.merchant.AppID)
			require.NoError(t, err)
			byMerchant := func(f journal.Facts) journal.Facts {
				f.Account, f.Signature, f.Signer = l.merchant.AppID, journal.SignatureValid, credentials.AppCertSN
				return f
			}
			byPlatform := func(f journal.Facts) journal.Facts {
				f.Account, f.Signature, f.Signer = l.merchant.AppID, journal.SignatureValid, credentials.AlipayCertSN
				return f
			}
			check := func(x exchange, asked, said journal.Facts) journal.Facts {
				t.Helper()
				require.Equal(t, byMerchant(asked), l.dialect.Request(x.request))
				require.Equal(t, byPlatform(said), l.dialect.Answer(x.request, x.answer))
				return said
			}
			created := l.over(precreate, ordered("A1"), nil)
			code := l.dialect.Answer(created.request, created.answer).Code
			require.Contains(t, code, "https://qr.alipay.com/")
			check(created, journal.Facts{Operation: faults.Create, MerchantReference: "A1", Amount: payment.Fen(101)},
				journal.Facts{Operation: faults.Create, MerchantReference: "A1", State: "pending", Code: code})
			byNumber := journal.Facts{Operation: faults.Query, MerchantReference: "A1"}
			check(l.over(query, numbered("A1"), nil), byNumber,
				journal.Facts{Operation: faults.Query, MerchantReference: "A1", Status: "ACQ.TRADE_NOT_EXIST"})
			receipt, err := l.provider.Pay(t.Context(), "t1", code)
			require.NoError(t, err)
			paid := journal.Facts{Operation: faults.Query, MerchantReference: "A1", ProviderReference: receipt.ProviderReference,
				State: "captured", Status: "TRADE_SUCCESS", Amount: payment.Fen(101)}
			check(l.over(query, numbered("A1"), nil), byNumber, paid)

			notified := l.deliveries(1)[0]
			told := l.dialect.Request(notified)
			paid.Operation, paid.NotificationID = faults.NotifyPayment, told.NotificationID
			require.Equal(t, byPlatform(paid), told)
			require.Equal(t, journal.Facts{Operation: faults.NotifyPayment, MerchantReference: "A1", ProviderReference: receipt.ProviderReference,
				NotificationID: told.NotificationID, Account: l.merchant.AppID, Status: "success"},
				l.dialect.Answer(notified, &proxy.Answer{Status: 200, Body: []byte("success")}))

			check(l.over(closeTrade, numbered("A1"), nil), journal.Facts{Operation: faults.Close, MerchantReference: "A1"},
				journal.Facts{Operation: faults.Close, MerchantReference: "A1", Status: "ACQ.TRADE_STATUS_ERROR"})
			back := journal.Facts{Operation: faults.Refund, MerchantReference: "A1", RefundReference: "R1", Refunded: payment.Fen(40)}
			done := back
			done.ProviderReference, done.State, done.Status = receipt.ProviderReference, "done", "Y"
			check(l.over(refund, refundPart, nil), back, done)
			back.Operation, back.Refunded = faults.RefundQuery, payment.Money{}
			done.Operation, done.Amount, done.Status = faults.RefundQuery, payment.Fen(101), "REFUND_SUCCESS"
			check(l.over(refundQuery, `{"out_trade_no":"A1","out_request_no":"R1"}`, nil), back, done)
			returned := l.dialect.Request(l.deliveries(2)[1])
			done.Operation, done.NotificationID, done.Status = faults.NotifyRefund, returned.NotificationID, "TRADE_SUCCESS"
			require.Equal(t, byPlatform(done), returned)
			nothing := l.over(refundQuery, `{"out_trade_no":"A1","out_request_no":"R9"}`, nil)
			require.Empty(t, l.dialect.Answer(nothing.request, nothing.answer).State, "nothing is no proof")
		})
	}
}

func TestDialect_FactsOfTheOthers(t *testing.T) {
	l := tapped(t, nil)
	facts := func(x exchange) (asked, said journal.Facts) {
		return l.dialect.Request(x.request), l.dialect.Answer(x.request, x.answer)
	}
	shown := l.barcode()
	asked, said := facts(l.over(pay, payBody("A1", shown), nil))
	require.Equal(t, faults.PayCode, asked.Operation)
	require.Equal(t, shown, asked.Code)
	require.Equal(t, []string{"captured", "10000"}, []string{said.State, said.Status})
	_, again := facts(l.over(pay, payBody("A1", shown), nil))
	require.Equal(t, []string{"captured", "ACQ.TRADE_HAS_SUCCESS"}, []string{again.State, again.Status})
	_, undone := facts(l.over(cancel, numbered("A1"), nil))
	require.Equal(t, faults.Reverse, undone.Operation)
	require.Equal(t, []string{"returned", "refund"}, []string{undone.State, undone.Status})
	_, returned := facts(l.over(query, `{"trade_no":"`+string(said.ProviderReference)+`"}`, nil))
	require.Equal(t, []string{"returned", "TRADE_CLOSED"}, []string{returned.State, returned.Status})
	require.EqualValues(t, "A1", returned.MerchantReference)
	_, closed := facts(l.over(pay, payBody("A1", l.barcode()), nil))
	require.Equal(t, "closed", closed.State)
	_, nothing := facts(l.over(cancel, numbered("A9"), nil))
	require.Empty(t, nothing.State)
	made, trade := facts(l.over(create, ordered("A2", `"out_trade_no"`, `"buyer_id":"2088000000000007","out_trade_no"`), nil))
	require.Equal(t, faults.Create, made.Operation)
	require.EqualValues(t, trade.ProviderReference, trade.Code)
	_, ended := facts(l.over(cancel, numbered("A2"), nil))
	require.Equal(t, []string{"closed", "close"}, []string{ended.State, ended.Status})
	refunded, _ := facts(l.over(refund, `{"out_trade_no":"A1","refund_amount":"1.01"}`, nil))
	require.EqualValues(t, "A1", refunded.RefundReference, "without a number it has the trade's")
	page := form(l.signed(pagePay, ordered("A3", `"out_trade_no"`, pageProduct), nil))
	shownPage, cashier := facts(l.crossed("GET", "/gateway.do?"+page, "", nil))
	require.Equal(t, faults.Create, shownPage.Operation)
	require.Equal(t, "https://openapi.alipay.com/gateway.do?"+page, shownPage.Code)
	require.Equal(t, journal.SignatureValid, shownPage.Signature)
	require.Empty(t, cashier.Signature)
	_, err := l.provider.Open(t.Context(), "t1", shownPage.Code)
	require.NoError(t, err)
	fetched, _ := facts(l.over(certificate, `{"alipay_cert_sn":"00"}`, nil))
	require.Equal(t, faults.Certificates, fetched.Operation)
	other, _ := facts(l.over("alipay.user.info.share", "{}", nil))
	require.Equal(t, faults.Other, other.Operation)
	for _, r := range []*proxy.Request{{Method: "POST", Target: "/hook", Body: []byte("{")}, {Method: "GET", Target: "/hook"}} {
		require.Equal(t, journal.Facts{Operation: faults.Other}, l.dialect.Request(r))
		require.Equal(t, journal.Facts{Operation: faults.Other}, l.dialect.Answer(r, &proxy.Answer{Status: 200}))
	}
	require.Equal(t, payment.State(""), stateOf("NEW", false))
	garbled := &proxy.Request{Method: "POST", Target: "/gateway.do", Body: []byte("%zz")}
	require.Equal(t, faults.Other, l.dialect.Request(garbled).Operation)
}

func TestDialect_FactsOfREST(t *testing.T) {
	l := tapped(t, certified(t))
	l.paid("A1")
	x := l.overREST(query, numbered("A1"))
	asked, said := l.dialect.Request(x.request), l.dialect.Answer(x.request, x.answer)
	require.Equal(t, journal.SignatureValid, asked.Signature)
	require.Equal(t, []any{faults.Query, journal.SignatureValid, "captured", payment.Fen(101)}, []any{said.Operation, said.Signature, said.State, said.Amount})
	x = l.overREST(query, numbered("A9"))
	said = l.dialect.Answer(x.request, x.answer)
	require.Equal(t, []any{journal.SignatureMissing, "ACQ.TRADE_NOT_EXIST", ""}, []any{said.Signature, said.Status, said.State})
	x.request.Header.Set("Authorization", "")
	require.Equal(t, journal.SignatureMissing, l.dialect.Request(x.request).Signature)
}

// amounts is what each change makes of 43.21 yuan, as it stands in a text.
var amounts = map[faults.AmountChange]string{
	faults.AmountPlusOne: "43.22", faults.AmountMinusOne: "43.20", faults.AmountTimes100: "4321.00", faults.AmountDividedBy100: "0.43",
	faults.AmountNegative: "-43.21", faults.AmountZero: "0.00", faults.AmountMissing: "", faults.AmountEmpty: "",
	faults.AmountNotANumber: "one yuan", faults.AmountOverflow: "92233720368547758.08", faults.AmountCentsDropped: "43.00",
	faults.AmountOtherCurrency: "43.21",
}

// kind is a message to edit.
type kind struct {
	exchange
	member   string
	onAnswer bool
	sealed   bool
}

// kinds are a message of every kind that carries an amount, in v2 (also
// sealed), v3 and notifications.
func (l line) kinds() map[string]kind {
	total := strings.NewReplacer(`"1.01"`, `"43.21"`)
	sealing := func(m method, business string) exchange {
		hidden, err := seal(l.merchant.AESKey, []byte(business))
		require.NoError(l.t, err)
		return l.over(m, hidden, func(v map[string]string) { v["encrypt_type"] = "AES" })
	}
	created := l.over(precreate, total.Replace(ordered("A1")), nil)
	_, err := l.provider.Pay(l.t.Context(), "t1", l.dialect.Answer(created.request, created.answer).Code)
	require.NoError(l.t, err)
	paid := exchange{request: l.deliveries(1)[0]}
	scanned := l.over(pay, total.Replace(payBody("A2", l.barcode())), nil)
	l.deliveries(2)
	back := l.over(refund, strings.Replace(refundPart, "0.40", "43.21", 1), nil)
	told := exchange{request: l.deliveries(3)[2]}
	asked := l.over(query, numbered("A1"), nil)
	refunded := l.over(refundQuery, `{"out_trade_no":"A1","out_request_no":"R1"}`, nil)
	return map[string]kind{
		"create":               {exchange: created, member: "total_amount"},
		"create with a number": {exchange: l.over(precreate, strings.Replace(ordered("A3"), `"1.01"`, `43.21`, 1), nil), member: "total_amount"},
		"create, sealed":       {exchange: sealing(precreate, total.Replace(ordered("A4"))), member: "total_amount", sealed: true},
		"create, REST":         {exchange: l.overREST(precreate, total.Replace(ordered("A5"))), member: "total_amount"},
		"pay":                  {exchange: scanned, member: "total_amount"},
		"pay answer":           {exchange: scanned, member: "total_amount", onAnswer: true},
		"query answer":         {exchange: asked, member: "total_amount", onAnswer: true},
		"query answer, sealed": {exchange: sealing(query, numbered("A1")), member: "total_amount", onAnswer: true, sealed: true},
		"query answer, REST":   {exchange: l.overREST(query, numbered("A1")), member: "total_amount", onAnswer: true},
		"refund":               {exchange: back, member: "refund_amount"},
		"refund answer":        {exchange: back, member: "refund_fee", onAnswer: true},
		"refund query answer":  {exchange: refunded, member: "refund_amount", onAnswer: true},
		"payment notification": {exchange: paid, member: "total_amount"},
		"refund notification":  {exchange: told, member: "refund_fee"},
	}
}

// edit edits a message, and returns what both sides of the edit say.
func (l line) edit(k kind, edit faults.Edit) (was, becomes journal.Facts, before, after string, err error) {
	if k.onAnswer {
		edited, err := l.dialect.EditAnswer(k.request, k.answer, edit)
		if err != nil {
			return journal.Facts{}, journal.Facts{}, "", "", err
		}
		require.Equal(l.t, fmt.Sprint(len(edited.Body)), edited.Header.First("Content-Length"))
		return l.dialect.Answer(k.request, k.answer), l.dialect.Answer(k.request, edited), string(k.answer.Body), string(edited.Body), nil
	}
	edited, err := l.dialect.EditRequest(k.request, edit)
	if err != nil {
		return journal.Facts{}, journal.Facts{}, "", "", err
	}
	require.Equal(l.t, fmt.Sprint(len(edited.Body)), edited.Header.First("Content-Length"))
	return l.dialect.Request(k.request), l.dialect.Request(edited), k.request.Target + " " + string(k.request.Body), edited.Target + " " + string(edited.Body), nil
}

// Every change of an amount under every signature that can be changed so, on
// every kind of message.
func TestDialect_EditsEveryAmountUnderEverySignature(t *testing.T) {
	l := tapped(t, nil)
	verdicts := map[faults.SignatureChange]journal.SignatureVerdict{"": journal.SignatureInvalid, faults.SignatureResigned: journal.SignatureValid,
		faults.SignatureBroken: journal.SignatureInvalid, faults.SignatureMissing: journal.SignatureMissing, faults.SignatureWrongKey: journal.SignatureInvalid}
	for name, k := range l.kinds() {
		for _, change := range faults.AmountChanges() {
			for signature, verdict := range verdicts {
				t.Run(fmt.Sprintf("%s/%s/%s", name, change, signature), func(t *testing.T) {
					l.t = t
					was, becomes, _, after, err := l.edit(k, faults.Edit{Amount: change, Signature: signature})
					require.NoError(t, err)
					require.Equal(t, verdict, becomes.Signature)
					require.Equal(t, was.MerchantReference, becomes.MerchantReference)
					decoded, err := url.QueryUnescape(after)
					if err != nil {
						decoded = after // JSON as it is
					}
					if k.sealed {
						return
					}
					if change == faults.AmountMissing {
						require.NotRegexp(t, `\b`+k.member+`\b`, decoded)
						return
					}
					require.Regexp(t, `(`+k.member+`=`+amounts[change]+`(&|$)|"`+k.member+`":"?`+amounts[change]+`"?[,}])`, decoded)
					if change == faults.AmountOtherCurrency {
						require.EqualValues(t, "USD", max(becomes.Amount.Currency, becomes.Refunded.Currency))
					}
				})
			}
		}
	}
}

// What an edit does not speak of stays as it was, byte for byte.
func TestDialect_EditsTouchNothingElse(t *testing.T) {
	l := tapped(t, nil)
	for name, k := range l.kinds() {
		if k.sealed {
			continue
		}
		_, becomes, before, after, err := l.edit(k, faults.Edit{Amount: faults.AmountPlusOne})
		require.NoError(t, err)
		require.Len(t, after, len(before), name)
		var differ []byte
		for i := range after {
			if after[i] != before[i] {
				differ = append(differ, before[i], after[i])
			}
		}
		require.Equal(t, "12", string(differ), name)
		require.EqualValues(t, 4322, max(becomes.Amount.Minor, becomes.Refunded.Minor), name)
	}
	spaced := `{ "out_trade_no" : "A9" ,"subject":"\u6d4b\/", "total_amount" : 1.01 }`
	x := l.over(precreate, spaced, nil)
	x.request.Body = []byte("biz_content=" + strings.ReplaceAll(url.QueryEscape(spaced), "+", "%20"))
	edited, err := l.dialect.EditRequest(x.request, faults.Edit{Amount: faults.AmountMinusOne, Reference: "B77"})
	require.NoError(t, err)
	require.Equal(t, "biz_content="+strings.NewReplacer("+", "%20", "A9", "B77", "1.01", "1.00").Replace(url.QueryEscape(spaced)), string(edited.Body))
}

// Another payment's reference, in every kind of message that names one.
func TestDialect_EditsTheReference(t *testing.T) {
	l := tapped(t, nil)
	kinds := l.kinds()
	kinds["close"] = kind{exchange: l.over(closeTrade, numbered("A5"), nil)}
	kinds["cancel, REST"] = kind{exchange: l.overREST(cancel, numbered("A9"))}
	kinds["create answer"] = kind{exchange: l.over(precreate, ordered("A6"), nil), onAnswer: true}
	for name, k := range kinds {
		was, becomes, _, _, err := l.edit(k, faults.Edit{Reference: "OTHER_1", Signature: faults.SignatureResigned})
		require.NoError(t, err, name)
		require.EqualValues(t, "OTHER_1", becomes.MerchantReference, name)
		require.Equal(t, journal.SignatureValid, becomes.Signature, name)
		require.Equal(t, was.Amount, becomes.Amount, name)
	}
}

// The signature's other ways to be wrong exist only where the protocol has
// something that could be wrong so.
func TestDialect_SerialsAndTimestamps(t *testing.T) {
	l, windowed := tapped(t, certified(t)), tapped(t, func(c *Config) { c.Options.TimestampWindow = faults.Duration(600e9) })
	plain := tapped(t, nil)
	l.paid("A1")
	plain.paid("A1")
	notified := kind{exchange: exchange{request: l.deliveries(1)[0]}}
	onAnswer := func(x exchange) kind { return kind{exchange: x, onAnswer: true} }
	for name, c := range map[string]struct {
		line   line
		kind   kind
		change faults.SignatureChange
		can    bool
	}{
		"a call's serial":          {l, kind{exchange: l.over(query, numbered("A1"), nil)}, faults.SignatureWrongSerial, true},
		"an answer's serial":       {l, onAnswer(l.over(query, numbered("A1"), nil)), faults.SignatureWrongSerial, true},
		"a REST call's serial":     {l, kind{exchange: l.overREST(query, numbered("A1"))}, faults.SignatureWrongSerial, true},
		"a REST answer's serial":   {l, onAnswer(l.overREST(query, numbered("A1"))), faults.SignatureWrongSerial, true},
		"a notification's serial":  {l, notified, faults.SignatureWrongSerial, false},
		"a call's in key mode":     {plain, kind{exchange: plain.over(query, numbered("A1"), nil)}, faults.SignatureWrongSerial, false},
		"an answer's in key mode":  {plain, onAnswer(plain.over(query, numbered("A1"), nil)), faults.SignatureWrongSerial, false},
		"REST in key mode":         {plain, kind{exchange: plain.overREST(query, numbered("A1"))}, faults.SignatureWrongSerial, false},
		"REST answer in key mode":  {plain, onAnswer(plain.overREST(query, numbered("A1"))), faults.SignatureWrongSerial, false},
		"a REST call's time":       {plain, kind{exchange: plain.overREST(query, numbered("A1"))}, faults.SignatureExpiredTimestamp, true},
		"a call's time":            {plain, kind{exchange: plain.over(query, numbered("A1"), nil)}, faults.SignatureExpiredTimestamp, false},
		"an answer's time":         {plain, onAnswer(plain.over(query, numbered("A1"), nil)), faults.SignatureExpiredTimestamp, false},
		"a notification's time":    {l, notified, faults.SignatureExpiredTimestamp, false},
		"a probe":                  {l, notified, faults.SignatureProbe, false},
		"a probe as an answer":     {l, onAnswer(l.over(query, numbered("A1"), nil)), faults.SignatureProbe, false},
		"a probe as a REST answer": {l, onAnswer(l.overREST(query, numbered("A1"))), faults.SignatureProbe, false},
		"a probe as a call":        {l, kind{exchange: l.over(query, numbered("A1"), nil)}, faults.SignatureProbe, false},
		"an unsigned answer":       {l, onAnswer(l.overREST(query, numbered("A9"))), faults.SignatureBroken, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, becomes, _, _, err := c.line.edit(c.kind, faults.Edit{Signature: c.change})
			if !c.can {
				require.ErrorIs(t, err, proxy.ErrCannotEdit)
				return
			}
			require.NoError(t, err)
			require.Equal(t, journal.SignatureInvalid, becomes.Signature)
		})
	}
	x := windowed.over(query, numbered("A1"), nil)
	stale, err := windowed.dialect.EditRequest(x.request, faults.Edit{Signature: faults.SignatureExpiredTimestamp})
	require.NoError(t, err)
	windowed.refuses(windowed.send("POST", stale.Target, string(stale.Body)), "40002", "isv.invalid-timestamp")
	rest := plain.overREST(query, numbered("A1"))
	answered, err := plain.dialect.EditAnswer(rest.request, rest.answer, faults.Edit{Signature: faults.SignatureExpiredTimestamp})
	require.NoError(t, err)
	require.NotEqual(t, rest.answer.Header.First("alipay-timestamp"), answered.Header.First("alipay-timestamp"))
	_, err = plain.dialect.EditAnswer(notified.request, &proxy.Answer{Status: 200}, faults.Edit{Amount: faults.AmountZero})
	require.ErrorIs(t, err, proxy.ErrCannotEdit)
	for _, m := range []method{query, closeTrade} {
		_, err = plain.dialect.EditRequest(plain.over(m, numbered("A1"), nil).request, faults.Edit{Amount: faults.AmountZero})
		require.ErrorIs(t, err, proxy.ErrCannotEdit, "no amount")
	}
	byTrade := plain.over(query, `{"trade_no":"1"}`, nil)
	_, err = plain.dialect.EditRequest(byTrade.request, faults.Edit{Reference: "B"})
	require.ErrorIs(t, err, proxy.ErrCannotEdit, "no reference")
}
