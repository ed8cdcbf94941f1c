package unionpay

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Lies about the state, the account and single fields, in a query's answer and in
// a notification: the signature holds.
func TestDialect_LiesAreSigned(t *testing.T) {
	l := tapped(t, nil)
	kinds := l.kinds()
	resigned := func(edit faults.Edit) faults.Edit { edit.Signature = faults.SignatureResigned; return edit }
	for _, name := range []string{"query answer", "payment notification"} {
		s := kinds[name]
		for change, want := range map[faults.StateChange]string{faults.PaidToUnpaid: codeAccepted, faults.StateUnknown: codeNobodyKnows} {
			body, err := l.edit(s, resigned(faults.Edit{State: change}))
			require.NoError(t, err, name)
			facts := l.seen(s, body)
			require.Equal(t, want, facts.Status, name)
			require.NotEqual(t, string(payment.Captured), facts.State, name)
			require.Equal(t, "valid", l.verdict(s.form, body, ""), name)
		}
		for _, f := range []faults.FieldEdit{{Path: []string{"queryId"}, Value: "2026"}, {Path: []string{"queryId"}, Missing: true}, {Path: []string{"queryId"}}} {
			body, err := l.edit(s, resigned(faults.Edit{Field: &f}))
			require.NoError(t, err, name)
			values, err := s.form.parse(string(body))
			require.NoError(t, err)
			require.Equal(t, f.Value, values["queryId"], name)
			require.Equal(t, "valid", l.verdict(s.form, body, ""), name)
			body, err = l.edit(s, faults.Edit{Field: &f})
			require.NoError(t, err, name)
			require.Equal(t, "invalid", l.verdict(s.form, body, ""), "left broken: "+name)
		}
		for _, edit := range []faults.Edit{{State: faults.UnpaidToPaid}, {Account: faults.OtherApp}, {Field: &faults.FieldEdit{Path: []string{"none"}}},
			{Field: &faults.FieldEdit{Path: []string{"txnAmt"}, Value: "4321"}}} {
			_, err := l.edit(s, edit)
			require.ErrorIs(t, err, proxy.ErrCannotEdit, name)
		}
		for _, change := range []faults.AccountChange{faults.OtherAccount, faults.TestMode} {
			body, err := l.edit(s, resigned(faults.Edit{Account: change}))
			require.NoError(t, err)
			values, err := s.form.parse(string(body))
			require.NoError(t, err)
			require.Len(t, values["merId"], 15)
			require.NotEqual(t, l.merchant.MerID, values["merId"])
			require.Equal(t, "valid", l.verdict(s.form, body, ""), name)
		}
	}
	// An unpaid order that a query calls paid.
	order := l.order("07", "order0009")
	l.exchange(back, order)
	open := subject{l.exchange(query, l.common("00", "00", "orderId", "order0009", "txnTime", order["txnTime"])), plain, true, ""}
	body, err := l.edit(open, resigned(faults.Edit{State: faults.UnpaidToPaid}))
	require.NoError(t, err)
	require.Equal(t, string(payment.Captured), l.seen(open, body).State)
	require.Equal(t, "valid", l.verdict(plain, body, ""))
}

// A secure key serves all accounts: what is made out to another one is sealed
// with it all the same.
func TestDialect_LiesAreSealed(t *testing.T) {
	l := tapped(t, nil)
	l.sealed = true
	created := l.exchange(back, l.order("07", "order0001"))
	l.pay(created)
	told := subject{exchange{request: l.deliveries(1)[0]}, encoded, false, ""}
	body, err := l.edit(told, faults.Edit{Account: faults.OtherAccount, Signature: faults.SignatureResigned})
	require.NoError(t, err)
	values, err := encoded.parse(string(body))
	require.NoError(t, err)
	require.NotEqual(t, l.merchant.MerID, values["merId"])
	require.True(t, values.sealed(l.merchant.SecureKey))
}

// A genuine notification of somebody else's payment, and one of the sandbox,
// whose certificate nobody issued.
func TestDialect_ForgesForAnotherMerchant(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange(back, l.order("07", "order0001"))
	for how, verdict := range map[faults.AccountChange]journal.SignatureVerdict{faults.OtherAccount: "valid", faults.TestMode: "invalid"} {
		var effect faults.Effect
		(&faults.ForeignMerchant{How: how}).Bite(&effect)
		news, err := proxy.Forged(l.dialect, created.request, created.answer, effect.Forge.Edit)
		require.NoError(t, err)
		facts := l.dialect.Request(news)
		require.Equal(t, verdict, facts.Signature, how)
		require.NotEqual(t, l.merchant.MerID, facts.Account)
		require.Equal(t, string(payment.Captured), facts.State)
	}
}

// Too many queries have a code of their own; other calls are told that the
// system is busy (§7).
func TestDialect_RefusesTooMany(t *testing.T) {
	l := tapped(t, nil)
	order := l.order("07", "order0001")
	created := l.exchange(back, order)
	asked := l.exchange(query, l.common("00", "00", "orderId", "order0001", "txnTime", order["txnTime"]))
	for code, x := range map[string]exchange{codeBusy: created, codeQueries: asked} {
		answer, err := l.dialect.Refuse(x.request, faults.Response{TooMany: true})
		require.NoError(t, err)
		require.Equal(t, code, decodedPlain(t, answer.Body)["respCode"])
		require.Equal(t, "valid", l.verdict(plain, answer.Body, ""))
	}
}

func decodedPlain(t *testing.T, body []byte) fields {
	values, err := plain.parse(string(body))
	require.NoError(t, err)
	return values
}
