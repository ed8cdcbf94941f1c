package alipay

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Lies about the state, the account and single fields, in answers of both
// versions, sealed ones too, and in notifications: the signature holds.
func TestDialect_LiesAreSigned(t *testing.T) {
	l := tapped(t, nil)
	kinds := l.kinds()
	created := l.over(precreate, ordered("A7"), nil)
	_, err := l.provider.Pay(t.Context(), "t1", l.dialect.Answer(created.request, created.answer).Code)
	require.NoError(t, err)
	hidden, err := seal(l.merchant.AESKey, []byte(numbered("A7")))
	require.NoError(t, err)
	kinds["query answer"] = kind{exchange: l.over(query, numbered("A7"), nil), onAnswer: true}
	kinds["query answer, REST"] = kind{exchange: l.overREST(query, numbered("A7")), onAnswer: true}
	kinds["query answer, sealed"] = kind{exchange: l.over(query, hidden, func(v map[string]string) { v["encrypt_type"] = "AES" }), onAnswer: true, sealed: true}
	resigned := func(edit faults.Edit) faults.Edit { edit.Signature = faults.SignatureResigned; return edit }
	told := []string{"query answer", "query answer, sealed", "query answer, REST", "payment notification"}
	for _, name := range told {
		for change, want := range map[faults.StateChange]string{faults.PaidToUnpaid: stateOpen, faults.StateUnknown: stateNobodyKnows} {
			_, becomes, _, _, err := l.edit(kinds[name], resigned(faults.Edit{State: change}))
			require.NoError(t, err, name)
			require.Equal(t, want, becomes.Status, name)
			require.Equal(t, journal.SignatureValid, becomes.Signature, name)
		}
		for _, f := range []faults.FieldEdit{{Path: []string{"trade_no"}, Value: "2026"}, {Path: []string{"trade_no"}}, {Path: []string{"trade_no"}, Missing: true}} {
			was, becomes, _, _, err := l.edit(kinds[name], resigned(faults.Edit{Field: &f}))
			require.NoError(t, err, name)
			require.NotEqual(t, was.ProviderReference, becomes.ProviderReference, name)
			require.Equal(t, journal.SignatureValid, becomes.Signature, name)
			_, becomes, _, _, err = l.edit(kinds[name], faults.Edit{Field: &f})
			require.NoError(t, err, name)
			require.Equal(t, journal.SignatureInvalid, becomes.Signature, "left broken: "+name)
		}
		_, _, _, _, err := l.edit(kinds[name], faults.Edit{State: faults.UnpaidToPaid})
		require.ErrorIs(t, err, proxy.ErrCannotEdit, "it is paid already")
		_, _, _, _, err = l.edit(kinds[name], faults.Edit{Field: &faults.FieldEdit{Path: []string{"none"}}})
		require.ErrorIs(t, err, proxy.ErrCannotEdit)
	}
	for change, names := range map[faults.AccountChange][]string{faults.OtherAccount: {"seller_id"}, faults.OtherApp: {"app_id"}, faults.TestMode: {"app_id", "seller_id"}} {
		_, becomes, before, after, err := l.edit(kinds["payment notification"], resigned(faults.Edit{Account: change}))
		require.NoError(t, err)
		require.Equal(t, journal.SignatureValid, becomes.Signature)
		was, err := url.ParseQuery(before[strings.IndexByte(before, ' ')+1:])
		require.NoError(t, err)
		is, err := url.ParseQuery(after[strings.IndexByte(after, ' ')+1:])
		require.NoError(t, err)
		for _, name := range []string{"seller_id", "app_id"} {
			changed := was.Get(name) != is.Get(name)
			require.Equal(t, name == names[0] || len(names) > 1, changed, "%s: %s", change, name)
		}
	}
	_, _, _, _, err = l.edit(kinds["query answer"], faults.Edit{Account: faults.OtherAccount})
	require.ErrorIs(t, err, proxy.ErrCannotEdit, "an answer names no account")

	// An unpaid trade that a query calls paid.
	created = l.over(precreate, ordered("A8"), nil)
	code := l.dialect.Answer(created.request, created.answer).Code
	_, err = l.provider.Open(t.Context(), "t1", code)
	require.NoError(t, err)
	open := kind{exchange: l.over(query, numbered("A8"), nil), onAnswer: true}
	_, becomes, _, _, err := l.edit(open, resigned(faults.Edit{State: faults.UnpaidToPaid}))
	require.NoError(t, err)
	require.Equal(t, string(payment.Captured), becomes.State)
	require.Equal(t, journal.SignatureValid, becomes.Signature)

	// A call's own fields: of the business parameters, and beside them.
	for path, value := range map[string]string{"subject": "另一件", "notify_url": "https://elsewhere.example/n"} {
		_, becomes, _, after, err := l.edit(kinds["create"], resigned(faults.Edit{Field: &faults.FieldEdit{Path: []string{path}, Value: value}}))
		require.NoError(t, err)
		decoded, err := url.QueryUnescape(after)
		require.NoError(t, err)
		require.Contains(t, decoded, value)
		require.Equal(t, journal.SignatureValid, becomes.Signature, path)
	}
}

// A genuine notification of somebody else's payment, and one of the sandbox,
// which has keys of its own.
func TestDialect_ForgesForAnotherMerchant(t *testing.T) {
	l := tapped(t, nil)
	created := l.over(precreate, ordered("A1"), nil)
	for how, verdict := range map[faults.AccountChange]journal.SignatureVerdict{faults.OtherAccount: "valid", faults.OtherApp: "valid", faults.TestMode: "invalid"} {
		var effect faults.Effect
		(&faults.ForeignMerchant{How: how}).Bite(&effect)
		news, err := proxy.Forged(l.dialect, created.request, created.answer, effect.Forge.Edit)
		require.NoError(t, err)
		facts := l.dialect.Request(news)
		require.Equal(t, verdict, facts.Signature, how)
		require.Equal(t, string(payment.Captured), facts.State)
	}
}

// Too many calls are refused in the words of each version.
func TestDialect_RefusesTooMany(t *testing.T) {
	l := tapped(t, nil)
	for _, c := range []struct {
		x       exchange
		status  int
		want    string
		verdict journal.SignatureVerdict
	}{
		{l.over(query, numbered("A1"), nil), 200, `"code":"40005"`, journal.SignatureValid},
		{l.overREST(query, numbered("A1")), 429, `"code":"app-call-limited"`, journal.SignatureMissing}, // v3 signs no errors
	} {
		answer, err := l.dialect.Refuse(c.x.request, faults.Response{TooMany: true})
		require.NoError(t, err)
		require.Equal(t, c.status, answer.Status)
		require.Contains(t, string(answer.Body), c.want)
		require.Equal(t, c.verdict, l.dialect.Answer(c.x.request, answer).Signature)
	}
}
