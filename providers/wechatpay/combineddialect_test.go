package wechatpay

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

const combinedByNumber = "/v3/combine-transactions/out-trade-no/whole-0001"

// parts are the facts of the basket's sub orders.
func (l line) parts(state string, ids ...payment.ProviderReference) []journal.Part {
	parts := []journal.Part{
		{MerchantReference: "whole-0001-1", Amount: payment.Fen(101), Account: l.merchant.MchID, State: state},
		{MerchantReference: "whole-0001-2", Amount: payment.Fen(202), Account: l.merchant.MchID, State: state}}
	for i, id := range ids {
		parts[i].ProviderReference = id
	}
	return parts
}

func TestDialect_FactsOfACombinedPayment(t *testing.T) {
	l := tapped(t, nil)
	by := func(signer string, f journal.Facts) journal.Facts {
		f.Account, f.Signature, f.Signer, f.MerchantReference = l.merchant.MchID, journal.SignatureValid, signer, "whole-0001"
		return f
	}
	created := l.exchange("POST", combinedPath, l.basket("whole-0001"))
	require.Equal(t, by(l.merchant.Serial, journal.Facts{Operation: faults.Create, Amount: payment.Fen(303), Parts: l.parts("")}),
		l.dialect.Request(created.request))
	said := l.dialect.Answer(created.request, created.answer)
	require.True(t, strings.HasPrefix(said.Code, "weixin://"))
	require.Equal(t, by(said.Signer, journal.Facts{Operation: faults.Create, State: "pending", Code: said.Code}), said)

	unpaid := l.exchange("GET", combinedByNumber, "")
	require.Equal(t, by(l.merchant.Serial, journal.Facts{Operation: faults.Query}), l.dialect.Request(unpaid.request))
	require.Equal(t, by(said.Signer, journal.Facts{Operation: faults.Query, State: "pending", Status: "NOTPAY", Amount: payment.Fen(303),
		Parts: l.parts("pending")}), l.dialect.Answer(unpaid.request, unpaid.answer))

	l.pay(created)
	told := l.dialect.Request(l.deliveries(1)[0])
	require.NotEmpty(t, told.NotificationID)
	require.Len(t, told.Parts, 2)
	ids := []payment.ProviderReference{told.Parts[0].ProviderReference, told.Parts[1].ProviderReference}
	require.Equal(t, by(said.Signer, journal.Facts{Operation: faults.NotifyPayment, State: "captured", Status: "SUCCESS", Amount: payment.Fen(303),
		NotificationID: told.NotificationID, Parts: l.parts("captured", ids...)}), told)
	acknowledged := l.dialect.Answer(l.deliveries(1)[0], &proxy.Answer{Status: 200})
	require.EqualValues(t, "whole-0001", acknowledged.MerchantReference)
	require.Equal(t, faults.NotifyPayment, acknowledged.Operation)

	require.Equal(t, 200, l.refund("whole-0001-1", "r1", 1).status)
	paid := l.exchange("GET", combinedByNumber, "")
	require.Equal(t, by(said.Signer, journal.Facts{Operation: faults.Query, State: "captured", Amount: payment.Fen(303),
		Parts: l.parts("captured", ids...)}), l.dialect.Answer(paid.request, paid.answer), "REFUND and SUCCESS are no common word, and both captured")

	body := `{"combine_appid":"` + l.merchant.AppID + `","sub_orders":[{"mchid":"m","out_trade_no":"whole-0001-1"}]}`
	refused := l.exchange("POST", combinedByNumber+"/close", body)
	require.Equal(t, by(l.merchant.Serial, journal.Facts{Operation: faults.Close,
		Parts: []journal.Part{{MerchantReference: "whole-0001-1", Account: "m"}}}), l.dialect.Request(refused.request))
	require.Equal(t, by(said.Signer, journal.Facts{Operation: faults.Close, Status: "INVALID_REQUEST"}),
		l.dialect.Answer(refused.request, refused.answer))
}

// What differs between the parts is not claimed of the whole.
func TestDialect_WholeStates(t *testing.T) {
	for _, c := range []struct{ one, two, status, state string }{
		{"SUCCESS", "SUCCESS", "SUCCESS", "captured"}, {"SUCCESS", "REFUND", "", "captured"}, {"SUCCESS", "NOTPAY", "", ""},
		{"CLOSED", "CLOSED", "CLOSED", "closed"}, {"CLOSED", "NOTPAY", "", ""}, {"NEW", "NEW", "NEW", ""},
	} {
		values, err := parse(fmt.Appendf(nil, `{"sub_orders":[{"trade_state":"%s"},{"trade_state":"%s"}]}`, c.one, c.two))
		require.NoError(t, err)
		var facts journal.Facts
		combinedClaims(reading{values}, &facts)
		require.Equal(t, [2]string{c.status, c.state}, [2]string{facts.Status, facts.State}, "%s %s", c.one, c.two)
		require.Zero(t, facts.Amount, "parts without amounts have no sum")
	}
	for _, odd := range []string{`{}`, `{"sub_orders":1}`, `{"sub_orders":[]}`, `{"sub_orders":[1,null]}`,
		`{"sub_orders":[{"amount":{"total_amount":9223372036854775807}},{"amount":{"total_amount":1}}]}`,
		`{"sub_orders":[{"amount":{"total_amount":1,"currency":"USD"}},{"amount":{"total_amount":1}}]}`} {
		values, err := parse([]byte(odd))
		require.NoError(t, err)
		var facts journal.Facts
		combinedClaims(reading{values}, &facts)
		require.Zero(t, facts.Amount, odd)
	}
}

// An edit changes the first sub order, and no other byte.
func TestDialect_EditsTheFirstSubOrder(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange("POST", combinedPath, strings.ReplaceAll(l.basketOf("whole-0001", 4321, 202), `"sub_orders":[`, `"sub_orders": [ `))
	require.Equal(t, 200, created.answer.Status)
	l.pay(created)
	notified := l.deliveries(1)[0]
	query := l.exchange("GET", combinedByNumber, "")
	for change, becomes := range amounts {
		if change == faults.AmountMissing || change == faults.AmountOtherCurrency {
			continue
		}
		edit := faults.Edit{Amount: change, Signature: faults.SignatureResigned}
		expect := func(was, is []byte) {
			t.Helper()
			require.Equal(t, strings.Replace(string(was), `"total_amount":4321`, `"total_amount":`+becomes, 1), string(is), change)
			require.NotEqual(t, string(was), string(is))
		}
		call, err := l.dialect.EditRequest(created.request, edit)
		require.NoError(t, err)
		expect(created.request.Body, call.Body)
		require.Equal(t, "valid", l.requestVerdict(call))
		hook, err := l.dialect.EditRequest(notified, edit)
		require.NoError(t, err)
		expect(l.opened(notified), l.opened(hook))
		require.Equal(t, "valid", l.requestVerdict(hook))
		told, err := l.dialect.EditAnswer(query.request, query.answer, edit)
		require.NoError(t, err)
		expect(query.answer.Body, told.Body)
		require.Equal(t, "valid", l.answerVerdict(told.Header, told.Body))
	}
	for change, want := range map[faults.AmountChange][2]string{
		faults.AmountMissing:       {`"total_amount":4321,`, ``},
		faults.AmountOtherCurrency: {`4321,"currency":"CNY"`, `4321,"currency":"USD"`},
	} {
		call, err := l.dialect.EditRequest(created.request, faults.Edit{Amount: change})
		require.NoError(t, err)
		require.Equal(t, strings.Replace(string(created.request.Body), want[0], want[1], 1), string(call.Body))
	}
	for _, edited := range []func(faults.Edit) ([]byte, []byte, error){
		func(e faults.Edit) ([]byte, []byte, error) {
			r, err := l.dialect.EditRequest(notified, e)
			return l.opened(notified), l.opened(r), err
		},
		func(e faults.Edit) ([]byte, []byte, error) {
			a, err := l.dialect.EditAnswer(query.request, query.answer, e)
			return query.answer.Body, a.Body, err
		},
	} {
		was, is, err := edited(faults.Edit{Reference: "other-0001", Signature: faults.SignatureResigned})
		require.NoError(t, err)
		require.Equal(t, strings.Replace(string(was), "whole-0001-1", "other-0001", 1), string(is))
	}
	_, err := l.dialect.EditRequest(query.request, faults.Edit{Reference: "other-0001"})
	require.ErrorIs(t, err, proxy.ErrCannotEdit)
	for _, odd := range []string{`{}`, `{"sub_orders":[]}`, `{"sub_orders": 1 }`, `{"sub_orders":[1]}`, `{"sub_orders":[[]]}`, `{"sub_orders":{"amount":{"total_amount":1}}}`} {
		_, err := changeAmount([]byte(odd), faults.AmountPlusOne, firstSub())
		require.ErrorIs(t, err, proxy.ErrCannotEdit, odd)
	}
}

func TestDialect_ForgesCombinedPaymentsAndMasksThem(t *testing.T) {
	l := tapped(t, nil)
	created := l.exchange("POST", "/v3/combine-transactions/jsapi", l.basket("whole-0001", `"notify_url"`, `"combine_payer_info":{"openid":"oSecretSecret"},"notify_url"`))
	forged, err := proxy.Forged(l.dialect, created.request, created.answer, faults.Edit{Signature: faults.SignatureBroken})
	require.NoError(t, err)
	require.Equal(t, "/notify/wx", forged.Target)
	require.NotEqual(t, "valid", l.requestVerdict(forged))
	facts := l.dialect.Request(forged)
	require.Equal(t, payment.Fen(303), facts.Amount)
	require.EqualValues(t, "whole-0001", facts.MerchantReference)
	require.Equal(t, "captured", facts.State)
	require.Equal(t, l.parts("captured", facts.Parts[0].ProviderReference, facts.Parts[1].ProviderReference), facts.Parts)
	l.pay(created)
	genuine := l.opened(l.deliveries(1)[0])
	var one, other map[string]any
	require.NoError(t, json.Unmarshal(genuine, &one))
	require.NoError(t, json.Unmarshal(l.opened(forged), &other))
	for _, read := range []map[string]any{one, other} {
		for _, sub := range read["sub_orders"].([]any) {
			delete(sub.(map[string]any), "transaction_id")
			delete(sub.(map[string]any), "success_time")
		}
	}
	require.Equal(t, one, other, "right in every way but its signature")

	for _, shown := range []string{l.dialect.Body(created.request, nil), l.dialect.Body(l.deliveries(1)[0], nil)} {
		require.Contains(t, shown, "whole-0001-2")
		require.NotContains(t, shown, "oSecretSecret")
	}
	refused, err := l.dialect.Refuse(created.request, faults.Response{})
	require.NoError(t, err)
	require.Equal(t, 500, refused.Status)
	require.Contains(t, string(refused.Body), `"code":"SYSTEM_ERROR"`)
}
