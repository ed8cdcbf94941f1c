package wechatpay

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

const combinedPath = "/v3/combine-transactions/native"

// basket is a combined prepay body of two sub orders, number-1 over 101 fen
// and number-2 over 202.
func (b *bench) basket(number string, edits ...string) string {
	return strings.NewReplacer(edits...).Replace(b.basketOf(number, 101, 202))
}

func (b *bench) basketOf(number string, amounts ...int64) string {
	var subs []string
	for i, fen := range amounts {
		subs = append(subs, fmt.Sprintf(`{"mchid":"%s","attach":"a%d","amount":{"total_amount":%d,"currency":"CNY"},`+
			`"out_trade_no":"%s-%d","description":"tea %d"}`, b.merchant.MchID, i+1, fen, number, i+1, i+1))
	}
	return fmt.Sprintf(`{"combine_appid":"%s","combine_mchid":"%s","combine_out_trade_no":"%s","sub_orders":[%s],`+
		`"notify_url":"https://shop.example/notify/wx"}`, b.merchant.AppID, b.merchant.MchID, number, strings.Join(subs, ","))
}

// combine places a combined payment and returns its code.
func (b *bench) combine(number string) string {
	b.t.Helper()
	placed := b.call("POST", combinedPath, b.basket(number))
	require.Equal(b.t, 200, placed.status, string(placed.raw))
	return placed.text("code_url")
}

func (b *bench) queryCombined(number string) answer {
	b.t.Helper()
	return b.call("GET", "/v3/combine-transactions/out-trade-no/"+number, "")
}

// closeCombined lists number-1 and so on as they are given.
func (b *bench) closeCombined(number string, subs ...string) answer {
	b.t.Helper()
	var listed []string
	for _, sub := range subs {
		listed = append(listed, fmt.Sprintf(`{"mchid":"%s","out_trade_no":"%s"}`, b.merchant.MchID, sub))
	}
	return b.call("POST", "/v3/combine-transactions/out-trade-no/"+number+"/close",
		fmt.Sprintf(`{"combine_appid":"%s","sub_orders":[%s]}`, b.merchant.AppID, strings.Join(listed, ",")))
}

// states are the states of the sub orders.
func (a answer) states() []string {
	var states []string
	subs, _ := a.body["sub_orders"].([]any)
	for _, sub := range subs {
		states = append(states, sub.(map[string]any)["trade_state"].(string))
	}
	return states
}

func (a answer) sub(i int) map[string]any { return a.body["sub_orders"].([]any)[i].(map[string]any) }

func TestCombined_EachScene(t *testing.T) {
	b := open(t, nil)
	cases := []struct{ scene, extra, member, tradeType string }{
		{"native", "", "code_url", "NATIVE"},
		{"jsapi", `"combine_payer_info":{"openid":"oUser"},`, "prepay_id", "JSAPI"},
		{"app", "", "prepay_id", "APP"},
		{"h5", `"scene_info":{"payer_client_ip":"1.2.3.4","h5_info":{"type":"Wap"}},`, "h5_url", "MWEB"},
	}
	for _, c := range cases {
		number := "whole-" + c.scene
		got := b.call("POST", "/v3/combine-transactions/"+c.scene, b.basket(number, `"notify_url"`, c.extra+`"notify_url"`))
		require.Equal(t, 200, got.status, string(got.raw))
		unpaid := b.queryCombined(number)
		require.Equal(t, map[string]any{"mchid": b.merchant.MchID, "trade_state": "NOTPAY", "out_trade_no": number + "-1",
			"amount": map[string]any{"total_amount": 101.0, "currency": "CNY"}}, unpaid.sub(0))
		require.NotContains(t, unpaid.body, "combine_payer_info")

		sheet, err := b.provider.Open(t.Context(), "t1", got.text(c.member))
		require.NoError(t, err)
		require.Equal(t, providers.Checkout{Payee: b.merchant.Name, Description: "tea 1", Amount: payment.Fen(303),
			MerchantReference: payment.MerchantReference(number)}, sheet)
		receipt, err := b.provider.Pay(t.Context(), "t1", got.text(c.member))
		require.NoError(t, err)
		require.Equal(t, providers.Receipt{MerchantReference: payment.MerchantReference(number), Amount: payment.Fen(303)}, receipt)

		paid := b.queryCombined(number)
		require.Equal(t, []string{stateSuccess, stateSuccess}, paid.states())
		require.Equal(t, c.tradeType, paid.sub(1)["trade_type"])
		require.Equal(t, "a2", paid.sub(1)["attach"])
		require.Equal(t, map[string]any{"total_amount": 202.0, "payer_amount": 202.0, "currency": "CNY", "payer_currency": "CNY"}, paid.sub(1)["amount"])
		require.Regexp(t, `^4200\d{24}$`, paid.sub(0)["transaction_id"])
		require.NotEqual(t, paid.sub(0)["transaction_id"], paid.sub(1)["transaction_id"], "each sub order has its own")
		require.NotEmpty(t, paid.body["combine_payer_info"].(map[string]any)["openid"])

		b.refuses(b.query(number), 404, "ORDER_NOT_EXIST")
		b.refuses(b.query(number+"-1"), 404, "ORDER_NOT_EXIST")
		byID := "/v3/pay/transactions/id/" + paid.sub(0)["transaction_id"].(string) + "?mchid=" + b.merchant.MchID
		b.refuses(b.call("GET", byID, ""), 404, "ORDER_NOT_EXIST")
	}
	require.EqualValues(t, full-4*303, b.balance())
	require.NoError(t, b.provider.Audit())
}

func TestCombined_ParameterErrors(t *testing.T) {
	b := open(t, nil)
	extra := `,{"mchid":"` + b.merchant.MchID + `","attach":"x","amount":{"total_amount":1,"currency":"CNY"},"out_trade_no":"extra-%d","description":"x"}`
	var many strings.Builder
	for i := range 9 {
		fmt.Fprintf(&many, extra, i)
	}
	cases := []struct{ name, was, becomes, field string }{
		{"no list", `"sub_orders"`, `"subs"`, "/sub_orders"},
		{"eleven", `"tea 2"}`, `"tea 2"}` + many.String(), "/sub_orders"},
		{"attach", `"attach":"a2",`, ``, "/sub_orders/1/attach"},
		{"ordinary words", `"total_amount":202`, `"total":202`, "/sub_orders/1/amount/total_amount"},
		{"zero", `:101`, `:0`, "/sub_orders/0/amount/total_amount"},
		{"beyond the cap", `:101`, `:1000000001`, "/sub_orders/0/amount/total_amount"},
		{"currency", `101,"currency":"CNY"`, `101`, "/sub_orders/0/amount/currency"},
		{"number", `"whole-0001"`, `"w"`, "/combine_out_trade_no"},
		{"sub number", `whole-0001-1`, `w-1`, "/sub_orders/0/out_trade_no"},
		{"a sub order twice", `whole-0001-2`, `whole-0001-1`, "/sub_orders/1/out_trade_no"},
		{"partner", `"attach":"a1"`, `"sub_mchid":"1","attach":"a1"`, "/sub_orders/0/sub_mchid"},
		{"query in notify_url", `notify/wx`, `notify/wx?a=b`, "/notify_url"},
		{"time_start", `"notify_url"`, `"time_start":"soon","notify_url"`, "/time_start"},
		{"time_expire", `"notify_url"`, `"time_expire":"soon","notify_url"`, "/time_expire"},
		{"unknown member", `"notify_url"`, `"detail":{},"notify_url"`, "/detail"},
		{"combine_mchid", `"combine_mchid":"` + b.merchant.MchID, `"combine_mchid":"` + b.config.Merchants[1].MchID, "/combine_mchid"},
		{"not JSON", `"combine_appid"`, `combine_appid`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := b.call("POST", combinedPath, b.basket("whole-0001", c.was, c.becomes))
			b.refuses(got, 400, "PARAM_ERROR")
			require.Equal(t, c.field, got.body["detail"].(map[string]any)["field"])
		})
	}
	require.Equal(t, "/sub_orders", b.call("POST", combinedPath, b.basketOf("whole-0001", 1)).body["detail"].(map[string]any)["field"], "at least two")
	for scene, field := range map[string]string{"jsapi": "/combine_payer_info", "h5": "/scene_info"} {
		got := b.call("POST", "/v3/combine-transactions/"+scene, b.basket("whole-0001"))
		require.Equal(t, field, got.body["detail"].(map[string]any)["field"])
	}
	b.refuses(b.call("POST", combinedPath, b.basket("whole-0001", b.merchant.AppID, "wx0")), 400, "APPID_MCHID_NOT_MATCH")
	b.refuses(b.call("POST", combinedPath, b.basket("whole-0001", `{"mchid":"`+b.merchant.MchID, `{"mchid":"1999999999`)), 400, "MCH_NOT_EXISTS")
	b.refuses(b.queryCombined("whole-0001"), 404, "ORDER_NOT_EXIST")
	require.Equal(t, 200, b.call("POST", combinedPath, b.basket("whole-0001")).status, "the numbers are not consumed")
	require.Equal(t, 200, b.call("POST", combinedPath, b.basketOf("whole-0002", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)).status, "ten are not too many")
	b.refuses(b.call("GET", combinedPath, ""), 405, "METHOD_NOT_ALLOWED")
}

// The re-entry table of §4.3 over the whole body, and collisions of sub orders.
func TestCombined_Reentry(t *testing.T) {
	b := open(t, nil)
	code := b.combine("whole-0001")
	require.NotEqual(t, code, b.combine("whole-0001"), "a fresh code for the same payment")
	for name, edits := range map[string][]string{
		"amount": {":202", ":203"}, "description": {"tea 2", "milk"}, "attach": {`"a2"`, `"b2"`}, "number": {"whole-0001-2", "whole-0001-3"},
		"notify_url": {"notify/wx", "notify/wy"}, "merchant": {`{"mchid":"` + b.merchant.MchID, `{"mchid":"` + b.config.Merchants[1].MchID},
	} {
		got := b.call("POST", combinedPath, b.basket("whole-0001", edits...))
		b.refuses(got, 400, "INVALID_REQUEST")
		require.Equal(t, "请求重入时，参数与首次请求时不一致", got.text("message"), name)
	}
	settled := b.call("POST", combinedPath, b.basket("whole-0001", `"tea 1"`, `"tea 1","settle_info":{"profit_sharing":true}`))
	b.refuses(settled, 400, "INVALID_REQUEST")
	require.Equal(t, "重复下单且结算信息不一致", settled.text("message"))
	b.refuses(b.call("POST", "/v3/combine-transactions/app", b.basket("whole-0001")), 400, "INVALID_REQUEST")

	b.refuses(b.call("POST", nativePath, b.order("whole-0001-1")), 400, "INVALID_REQUEST")
	b.refuses(b.close("whole-0001-1"), 400, "INVALID_REQUEST")
	b.refuses(b.reverse("whole-0001-1"), 400, "INVALID_REQUEST")
	b.refuses(b.call("POST", combinedPath, b.basket("whole-0002", "whole-0002-1", "whole-0001-1")), 400, "INVALID_REQUEST")
	b.refuses(b.queryCombined("whole-0002"), 404, "ORDER_NOT_EXIST")
	require.Equal(t, 200, b.call("POST", nativePath, b.order("whole-0002-2")).status, "no sub order of a refused payment was entered")

	b.paid("order-0001")
	b.refuses(b.call("POST", combinedPath, b.basket("whole-0003", "whole-0003-2", "order-0001")), 400, "ORDERPAID")
	_, err := b.provider.Pay(t.Context(), "t1", code)
	require.NoError(t, err, "codes coexist until paid")
	b.refuses(b.call("POST", combinedPath, b.basket("whole-0001")), 400, "ORDERPAID")
	b.refuses(b.closeCombined("whole-0001", "whole-0001-1", "whole-0001-2"), 400, "ORDERPAID")
}

func TestCombined_CloseListsExactlyTheSubOrders(t *testing.T) {
	b := open(t, nil)
	code := b.combine("whole-0001")
	for name, subs := range map[string][]string{"one": {"whole-0001-1"}, "one twice": {"whole-0001-1", "whole-0001-1"},
		"another": {"whole-0001-1", "whole-0001-3"}, "one more": {"whole-0001-1", "whole-0001-2", "whole-0001-3"},
		"one again": {"whole-0001-1", "whole-0001-2", "whole-0001-2"}} {
		got := b.closeCombined("whole-0001", subs...)
		require.Equal(t, 400, got.status, name)
		require.Equal(t, "INVALID_REQUEST", got.text("code"), name)
	}
	b.refuses(b.closeCombined("whole-0001"), 400, "PARAM_ERROR")
	require.Equal(t, []string{stateNotPay, stateNotPay}, b.queryCombined("whole-0001").states())
	require.Equal(t, 204, b.closeCombined("whole-0001", "whole-0001-2", "whole-0001-1").status, "in any order")
	require.Equal(t, 204, b.closeCombined("whole-0001", "whole-0001-1", "whole-0001-2").status, "closed is closed")
	require.Equal(t, []string{stateClosed, stateClosed}, b.queryCombined("whole-0001").states())
	b.refuses(b.call("POST", combinedPath, b.basket("whole-0001")), 400, "ORDER_CLOSED")
	_, err := b.provider.Pay(t.Context(), "t1", code)
	require.ErrorIs(t, err, providers.ErrNotPayable)

	require.Equal(t, 204, b.closeCombined("whole-0002", "whole-0002-1").status, "a number that never existed")
	require.Equal(t, 204, b.closeCombined("whole-0002", "whole-0002-1").status)
	b.refuses(b.queryCombined("whole-0002"), 404, "ORDER_NOT_EXIST")
	b.refuses(b.call("POST", combinedPath, b.basket("whole-0002")), 400, "INVALID_REQUEST")
	b.merchant.AppID = "wx0"
	b.refuses(b.closeCombined("whole-0001", "whole-0001-1", "whole-0001-2"), 400, "APPID_MCHID_NOT_MATCH")
	refusing := open(t, func(c *Config) { c.Options.CloseUnknownRefused = true })
	refusing.refuses(refusing.closeCombined("whole-0001", "whole-0001-1"), 404, "ORDER_NOT_EXIST")
}

func TestCombined_TimeClosesAllSubOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		code := b.combine("whole-0001")
		time.Sleep(7 * 24 * time.Hour)
		require.Equal(t, []string{stateClosed, stateClosed}, b.queryCombined("whole-0001").states())
		_, err := b.provider.Pay(t.Context(), "t1", code)
		require.ErrorIs(t, err, providers.ErrNotPayable)
		known, err := b.provider.Book.Payment(ledger.Key{Account: b.merchant.MchID, Reference: "whole-0001-2"})
		require.NoError(t, err)
		require.Equal(t, payment.Closed, known.State)
	})
}

// One notification tells of the whole, in the words of §3.9; each sub order's
// money is its own merchant's, which alone can give it back.
func TestCombined_NotificationAndRefundsOfEachMerchant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, nil)
		other := b.config.Merchants[1]
		body := b.basket("whole-0001", `{"mchid":"`+b.merchant.MchID+`","attach":"a2"`, `{"mchid":"`+other.MchID+`","attach":"a2"`)
		placed := b.call("POST", combinedPath, body)
		require.Equal(t, 200, placed.status, string(placed.raw))
		_, err := b.provider.Pay(t.Context(), "t1", placed.text("code_url"))
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, b.Sent(), 1)
		outer, inner := b.unfold(b.Sent()[0])
		require.Equal(t, "TRANSACTION.SUCCESS", outer.EventType)
		require.Equal(t, "transaction", outer.Resource.OriginalType)
		queried := b.queryCombined("whole-0001")
		require.Equal(t, queried.body, inner, "the notification says what a query says")
		require.Equal(t, "whole-0001", inner["combine_out_trade_no"])
		require.Equal(t, b.merchant.MchID, inner["combine_mchid"])
		require.Equal(t, other.MchID, queried.sub(1)["mchid"])

		refund := strings.NewReplacer(`"total":101`, `"total":202`)
		b.refuses(b.call("POST", refundPath, refund.Replace(refundBody("whole-0001-2", "r2", 202))), 404, "RESOURCE_NOT_EXISTS")
		b.refuses(b.call("POST", refundPath, refund.Replace(refundBody("whole-0001", "r2", 202))), 404, "RESOURCE_NOT_EXISTS")
		require.Equal(t, 200, b.refund("whole-0001-1", "r1", 40).status)
		require.Equal(t, []string{stateRefund, stateSuccess}, b.queryCombined("whole-0001").states())
		b.merchant = other
		byID := strings.Replace(refund.Replace(refundBody("none", "r2", 202)), `"out_trade_no":"none"`,
			`"transaction_id":"`+queried.sub(1)["transaction_id"].(string)+`"`, 1)
		require.Equal(t, 200, b.call("POST", refundPath, byID).status)
		b.merchant = b.config.Merchants[0]
		time.Sleep(time.Hour)
		require.EqualValues(t, full-61, b.balance())
		require.Len(t, b.Sent(), 3, "each refund is told")
		require.Equal(t, payment.Fen(61), b.provider.Book.Holdings(ledger.MerchantAccount(b.merchant.MchID)))
		require.Equal(t, payment.Fen(0), b.provider.Book.Holdings(ledger.MerchantAccount(other.MchID)))
		require.NoError(t, b.provider.Audit())
	})
}

// A behaviour is of the whole payment: the sub orders share one.
func TestCombined_Conducts(t *testing.T) {
	t.Run("query-lag", func(t *testing.T) {
		b := conducted(t, faults.Conduct{QueryLag: 1}, "query-lag")
		_, err := b.provider.Pay(t.Context(), "t1", b.combine("whole-0001"))
		require.NoError(t, err)
		lagging := b.queryCombined("whole-0001")
		require.Equal(t, []string{stateNotPay, stateNotPay}, lagging.states())
		require.NotContains(t, string(lagging.raw), "transaction_id")
		require.NotContains(t, string(lagging.raw), "payer")
		require.Equal(t, []string{stateSuccess, stateSuccess}, b.queryCombined("whole-0001").states(), "one lag for both")
		require.Equal(t, []string{"t1.query-lag"}, b.Fired())
	})
	t.Run("late-success", func(t *testing.T) {
		b := conducted(t, faults.Conduct{CaptureBeforeClose: true}, "late-success")
		b.combine("whole-0001")
		b.refuses(b.closeCombined("whole-0001", "whole-0001-1", "whole-0001-2"), 400, "ORDERPAID")
		require.Equal(t, []string{stateSuccess, stateSuccess}, b.queryCombined("whole-0001").states())
		require.EqualValues(t, full-303, b.balance())
		require.Len(t, b.deliveries(1), 1)
		require.Equal(t, []string{"t1.late-success"}, b.Fired())
	})
	t.Run("decline", func(t *testing.T) {
		b := conducted(t, faults.Conduct{Declines: 1}, "decline")
		code := b.combine("whole-0001")
		_, err := b.provider.Pay(t.Context(), "t1", code)
		require.ErrorIs(t, err, providers.ErrDeclined)
		require.Equal(t, []string{stateNotPay, stateNotPay}, b.queryCombined("whole-0001").states())
		_, err = b.provider.Pay(t.Context(), "t1", code)
		require.NoError(t, err)
	})
	t.Run("unknown-outcome of a refund", func(t *testing.T) {
		b := conducted(t, faults.Conduct{UnknownOutcome: true}, "unknown-outcome")
		_, err := b.provider.Pay(t.Context(), "t1", b.combine("whole-0001"))
		require.NoError(t, err)
		b.refuses(b.refund("whole-0001-1", "r1", 101), 500, "SYSTEM_ERROR")
		require.Equal(t, 200, b.refund("whole-0001-1", "r1", 101).status, "it was accepted")
		require.Equal(t, 200, b.refund("whole-0001-2", "r2", 1, `"total":101`, `"total":202`).status, "once for the payment")
	})
	t.Run("notify-never", func(t *testing.T) {
		b := conducted(t, faults.Conduct{NotifyNever: true}, "notify-never")
		_, err := b.provider.Pay(t.Context(), "t1", b.combine("whole-0001"))
		require.NoError(t, err)
		require.Empty(t, b.provider.Outstanding())
		require.Equal(t, []string{"t1.notify-never"}, b.Fired())
	})
	t.Run("notify-many", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := conducted(t, faults.Conduct{NotifyCopies: 2, NotifySpacing: time.Second}, "notify-many")
			_, err := b.provider.Pay(t.Context(), "t1", b.combine("whole-0001"))
			require.NoError(t, err)
			time.Sleep(time.Hour)
			require.Len(t, b.Sent(), 3)
		})
	})
	t.Run("one conduct for a payment", func(t *testing.T) {
		b := open(t, nil, providers.Part{Trial: "t1", Balance: payment.Fen(full),
			Conducts: []faults.Conduct{{Declines: 1}, {}}, Pins: []map[string]string{{"decline": "first"}, {}}})
		b.combine("whole-0001")
		_, err := b.provider.Pay(t.Context(), "t1", b.combine("whole-0002"))
		require.NoError(t, err, "the first payment took one conduct, not two")
	})
}

// Whatever the wallet holds and whatever happened before, all sub orders are
// paid or none is, and the money is theirs.
func TestCombined_AllOrNothing(t *testing.T) {
	config := testConfig(t)
	rapid.Check(t, func(r *rapid.T) {
		amounts := rapid.SliceOfN(rapid.Int64Range(1, 1000), 2, 10).Draw(r, "amounts")
		var total int64
		for _, fen := range amounts {
			total += fen
		}
		holds := rapid.Int64Range(0, 2*total).Draw(r, "holds")
		b := open(t, func(c *Config) { *c = config }, providers.Part{Trial: "t1", Balance: payment.Fen(holds)})
		placed := b.call("POST", combinedPath, b.basketOf("whole-0001", amounts...))
		if rapid.Bool().Draw(r, "one sub order has ended") {
			victim := rapid.IntRange(1, len(amounts)).Draw(r, "which")
			key := ledger.Key{Account: b.merchant.MchID, Reference: payment.MerchantReference(fmt.Sprintf("whole-0001-%d", victim))}
			if err := b.provider.Book.Close(t.Context(), key, "by the test"); err != nil {
				r.Fatal(err)
			}
			total = 1 << 60 // never payable
		}
		_, err := b.provider.Pay(t.Context(), "t1", placed.text("code_url"))
		if paid := err == nil; paid != (holds >= total) {
			r.Fatalf("paid %v over %d from %d: %v", paid, total, holds, err)
		}
		want := stateNotPay
		if err == nil {
			want, holds = stateSuccess, holds-total
		}
		for _, state := range b.queryCombined("whole-0001").states() {
			if state != want {
				r.Fatalf("a sub order is %s, not %s", state, want)
			}
		}
		if balance, err := b.provider.Balance("t1"); err != nil || balance != payment.Fen(holds) {
			r.Fatalf("balance %s, not %d: %v", balance, holds, err)
		}
		captures := 0
		for _, record := range b.Records() {
			if record.Posting != nil && record.Posting.Kind == journal.CapturePosting {
				captures++
			}
		}
		if captures != 0 && captures != len(amounts) {
			r.Fatalf("%d of %d captured", captures, len(amounts))
		}
		if err := b.provider.Audit(); err != nil {
			r.Fatal(err)
		}
	})
}
