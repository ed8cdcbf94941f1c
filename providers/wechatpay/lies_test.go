package wechatpay

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// lie is an edit and what the receiver then reads; "" for what cannot be made.
type lie struct {
	edit faults.Edit
	want func(journal.Facts) bool
}

// Lies about the state, the account and single fields, in a query's answer and
// inside an encrypted notification: what a merchant's client checks still holds.
func TestDialect_LiesAreSigned(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange("POST", nativePath, l.order("order-0001"))
	open := l.exchange("GET", l.path("order-0001", "?mchid="+l.merchant.MchID), "")
	l.pay(created)
	paid := l.exchange("GET", l.path("order-0001", "?mchid="+l.merchant.MchID), "")
	told := exchange{request: l.deliveries(1)[0]}
	state := func(want payment.State) func(journal.Facts) bool {
		return func(f journal.Facts) bool { return f.State == string(want) }
	}
	both := map[string]lie{
		"unpaid":  {faults.Edit{State: faults.PaidToUnpaid}, state(payment.Pending)},
		"unknown": {faults.Edit{State: faults.StateUnknown}, func(f journal.Facts) bool { return f.Status == stateNobodyKnows && f.State == "" }},
		"account": {faults.Edit{Account: faults.OtherAccount}, func(f journal.Facts) bool { return f.Account != l.merchant.MchID && len(f.Account) == 10 }},
		"app":     {faults.Edit{Account: faults.OtherApp}, func(f journal.Facts) bool { return f.Account == l.merchant.MchID }},
		"field":   {faults.Edit{Field: &faults.FieldEdit{Path: []string{"amount", "total"}, Value: "7"}}, func(f journal.Facts) bool { return f.Amount == payment.Fen(7) }},
		"missing": {faults.Edit{Field: &faults.FieldEdit{Path: []string{"transaction_id"}, Missing: true}}, func(f journal.Facts) bool { return f.ProviderReference == "" }},
		"empty":   {faults.Edit{Field: &faults.FieldEdit{Path: []string{"out_trade_no"}}}, func(f journal.Facts) bool { return f.Status == stateSuccess }},
	}
	for name, c := range both {
		for _, signature := range []faults.SignatureChange{faults.SignatureResigned, "", faults.SignatureMissing} {
			c.edit.Signature = signature
			answer, err := l.dialect.EditAnswer(paid.request, paid.answer, c.edit)
			require.NoError(t, err, name)
			require.True(t, c.want(l.dialect.Answer(paid.request, answer)), "%s: %s", name, answer.Body)
			require.Equal(t, signature == faults.SignatureResigned, l.answerVerdict(answer.Header, answer.Body) == "valid", name)
			news, err := l.dialect.EditRequest(told.request, c.edit)
			require.NoError(t, err, name)
			require.True(t, c.want(l.dialect.Request(news)), "%s: %s", name, l.opened(news))
			require.Equal(t, signature == faults.SignatureResigned, l.requestVerdict(news) == "valid", name)
		}
	}
	// Paid out of unpaid has what belongs to it.
	edited, err := l.dialect.EditAnswer(open.request, open.answer, faults.Edit{State: faults.UnpaidToPaid, Signature: faults.SignatureResigned})
	require.NoError(t, err)
	facts := l.dialect.Answer(open.request, edited)
	require.Equal(t, string(payment.Captured), facts.State)
	require.NotEmpty(t, facts.ProviderReference)
	require.Contains(t, string(edited.Body), `"success_time":"`)
	require.Contains(t, string(edited.Body), `"trade_state_desc":"支付成功"`)
	// A member of the envelope, beside the sealed content.
	news, err := l.dialect.EditRequest(told.request, faults.Edit{Field: &faults.FieldEdit{Path: []string{"event_type"}, Value: "TRANSACTION.PAYSCORE"}, Signature: faults.SignatureResigned})
	require.NoError(t, err)
	require.Equal(t, strings.Replace(string(told.request.Body), "TRANSACTION.SUCCESS", "TRANSACTION.PAYSCORE", 1), string(news.Body))
	require.Equal(t, "valid", l.requestVerdict(news))
	// What is not so cannot be turned round.
	for _, edit := range []faults.Edit{{State: faults.UnpaidToPaid}, {Account: faults.TestMode}, {Field: &faults.FieldEdit{Path: []string{"none"}}},
		{Field: &faults.FieldEdit{Path: []string{"out_trade_no"}, Value: "order-0001"}}} {
		_, err := l.dialect.EditAnswer(paid.request, paid.answer, edit)
		require.ErrorIs(t, err, proxy.ErrCannotEdit)
	}
	// A call has fields too.
	call, err := l.dialect.EditRequest(created.request, faults.Edit{Field: &faults.FieldEdit{Path: []string{"description"}, Value: "另一件"}, Signature: faults.SignatureResigned})
	require.NoError(t, err)
	require.Contains(t, string(call.Body), `"description":"另一件"`)
	require.Equal(t, "valid", l.requestVerdict(call))
}

// The same in v2.
func TestDialectV2_LiesAreSigned(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange2(unifiedPath, l.older(unified("order-0001", "NATIVE")))
	asking := l.older(params{"out_trade_no": "order-0001", "nonce_str": "n"})
	open := l.exchange2("/pay/orderquery", asking)
	l.pay(created)
	paid := l.exchange2("/pay/orderquery", asking)
	told := exchange{request: l.deliveries(1)[0]}
	resigned := func(edit faults.Edit) faults.Edit { edit.Signature = faults.SignatureResigned; return edit }
	for name, c := range map[string]struct {
		x        exchange
		onAnswer bool
		edit     faults.Edit
		want     string
	}{
		"query, unpaid":        {paid, true, faults.Edit{State: faults.PaidToUnpaid}, "NOTPAY"},
		"query, paid":          {open, true, faults.Edit{State: faults.UnpaidToPaid}, "SUCCESS"},
		"query, unknown":       {paid, true, faults.Edit{State: faults.StateUnknown}, stateNobodyKnows},
		"notification, unpaid": {told, false, faults.Edit{State: faults.PaidToUnpaid}, "FAIL"},
		"notification, what?":  {told, false, faults.Edit{State: faults.StateUnknown}, stateNobodyKnows},
		"field":                {told, false, faults.Edit{Field: &faults.FieldEdit{Path: []string{"out_trade_no"}, Value: "order-9"}}, "order-9"},
		"field, missing":       {told, false, faults.Edit{Field: &faults.FieldEdit{Path: []string{"transaction_id"}, Missing: true}}, "order-0001"},
	} {
		_, is := l.edited2(c.x, c.onAnswer, resigned(c.edit))
		require.Contains(t, string(is), c.want, name)
		require.Equal(t, "valid", l.verdict2(is, ""), name)
	}
	_, is := l.edited2(told, false, resigned(faults.Edit{Account: faults.OtherAccount}))
	form, err := parseXML(is)
	require.NoError(t, err)
	require.NotEqual(t, l.merchant.MchID, form.get("mch_id"))
	require.True(t, form.signed(l.merchant.APIv2Key, signMD5), "whoever has the victim's key believes it")
	for _, edit := range []faults.Edit{{State: faults.UnpaidToPaid}, {Account: faults.TestMode}, {Field: &faults.FieldEdit{Path: []string{"none"}}}} {
		_, err := l.dialect.EditRequest(told.request, edit)
		require.ErrorIs(t, err, proxy.ErrCannotEdit)
	}
}

// A genuine notification of somebody else's payment.
func TestDialect_ForgesForAnotherMerchant(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange("POST", nativePath, l.order("order-0001"))
	news, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Account: faults.OtherAccount, Signature: faults.SignatureResigned})
	require.NoError(t, err)
	require.Equal(t, "valid", l.requestVerdict(news))
	facts := l.dialect.Request(news)
	require.EqualValues(t, "order-0001", facts.MerchantReference)
	require.Equal(t, string(payment.Captured), facts.State)
	require.NotEqual(t, l.merchant.MchID, facts.Account)
}

// Too many calls are refused in the words of each version.
func TestDialect_RefusesTooMany(t *testing.T) {
	l := tapped(t, nil)
	asked := l.exchange("GET", l.path("order-0001", "?mchid="+l.merchant.MchID), "")
	answer, err := l.dialect.Refuse(asked.request, faults.Response{TooMany: true})
	require.NoError(t, err)
	require.Equal(t, 429, answer.Status)
	require.Contains(t, string(answer.Body), `"code":"FREQUENCY_LIMITED"`)
	require.Equal(t, "valid", l.answerVerdict(answer.Header, answer.Body))
	older := l.exchange2(unifiedPath, l.older(unified("order-0002", "NATIVE")))
	answer, err = l.dialect.Refuse(older.request, faults.Response{TooMany: true})
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	require.Contains(t, string(answer.Body), "INVALID_REQ_TOO_MUCH")
}
