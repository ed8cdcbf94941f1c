package wechatpay

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// basket is a combined payment C1 of the parts P1 (3 fen) and P2 (4 fen).
func basket(method payment.Method) merchant.StartIntent {
	return merchant.StartIntent{Reference: "C1", Method: method, Amount: payment.Fen(7), Description: "tea, cup", ShopperID: "o",
		ShopperAddress: "127.0.0.1", ExpiresAt: time.Unix(1767225600, 0).AddDate(20, 0, 0),
		Parts: []merchant.Part{{Reference: "P1", Amount: payment.Fen(3), Description: "tea"}, {Reference: "P2", Amount: payment.Fen(4), Description: "cup"}}}
}

// partOf is part P1 or P2 of the basket, as the checkout asks about it.
func partOf(t *testing.T, c *Client, reference payment.MerchantReference) merchant.Asked {
	t.Helper()
	request, err := c.PrepareStart(basket(payment.MethodCode))
	require.NoError(t, err)
	return merchant.Asked{Reference: reference, Method: payment.MethodCode, Request: request}
}

// whole is the provider's view of the basket, with the states of its parts.
func whole(number, state1, state2 string) string {
	part := func(no, state string, fen int) string {
		return fmt.Sprintf(`{"mchid":"%s","trade_type":"NATIVE","trade_state":"%s","bank_type":"CMC","attach":"basket",`+
			`"amount":{"total_amount":%d,"currency":"CNY","payer_amount":1,"payer_currency":"CNY"},"success_time":"2026-01-01T08:00:05.123+08:00",`+
			`"transaction_id":"42%s","out_trade_no":"%s"}`, testMerchant, state, fen, no, no)
	}
	return fmt.Sprintf(`{"combine_appid":"%s","combine_mchid":"%s","combine_out_trade_no":"%s","sub_orders":[%s,%s]}`,
		testApp, testMerchant, number, part("P1", state1, 3), part("P2", state2, 4))
}

// TestCombined_StartOnTheWire: one request with every part, the same bytes each
// time, whichever part asks for it to be sent.
func TestCombined_StartOnTheWire(t *testing.T) {
	begin := `{"combine_appid":"wxd678efh567hg6787","combine_mchid":"1900000109","combine_out_trade_no":"C1","sub_orders":[` +
		`{"mchid":"1900000109","attach":"basket","amount":{"total_amount":3,"currency":"CNY"},"out_trade_no":"P1","description":"tea"},` +
		`{"mchid":"1900000109","attach":"basket","amount":{"total_amount":4,"currency":"CNY"},"out_trade_no":"P2","description":"cup"}],` +
		`"notify_url":"https://shop.example/notify/wechatpay"`
	end := `,"time_expire":"2046-01-01T08:00:00+08:00"}`
	for method, row := range map[payment.Method]struct{ path, more, answer string }{
		payment.MethodCode:  {"native", ``, `{"code_url":"weixin://x"}`},
		payment.MethodApp:   {"app", ``, `{"prepay_id":"wx1"}`},
		payment.MethodInApp: {"jsapi", `,"combine_payer_info":{"openid":"o"}`, `{"prepay_id":"wx1"}`},
		payment.MethodWeb:   {"h5", `,"scene_info":{"payer_client_ip":"127.0.0.1","h5_info":{"type":"Wap"}}`, `{"h5_url":"https://wx.example"}`},
	} {
		c, seen := platform(t, answer{status: 200, body: row.answer}, answer{status: 200, body: row.answer})
		request, err := c.PrepareStart(basket(method))
		require.NoError(t, err)
		for _, part := range []payment.MerchantReference{"P1", "P2"} {
			got := c.Start(context.Background(), merchant.Asked{Reference: part, Method: method, Request: request}, request)
			require.Equal(t, merchant.OK, got.Outcome, got.Detail)
			require.NotEmpty(t, got.Invitation.Code)
		}
		want := "POST /v3/combine-transactions/" + row.path + " " + begin + row.more + end
		require.Equal(t, []string{want, want}, *seen)
	}
}

func TestCombined_PrepareRefuses(t *testing.T) {
	c := testClient(t, "", fixed(1767225600))
	noShopper := basket(payment.MethodInApp)
	noShopper.ShopperID = ""
	for name, intent := range map[string]merchant.StartIntent{"barcode": basket(payment.MethodBarcode), "in-app without openid": noShopper} {
		_, err := c.PrepareStart(intent)
		require.ErrorIs(t, err, merchant.ErrInvalid, name)
	}
}

// TestCombined_QueryOfAPart: the ordinary query does not know it. The whole is
// asked for, and must be the one and have the part.
func TestCombined_QueryOfAPart(t *testing.T) {
	good := whole("C1", "SUCCESS", "REFUND")
	for name, row := range map[string]struct {
		answer answer
		part   payment.MerchantReference
		want   merchant.Outcome
	}{
		"first part":         {answer{status: 200, body: good}, "P1", merchant.OK},
		"second part":        {answer{status: 200, body: good}, "P2", merchant.OK},
		"unsigned":           {answer{status: 200, body: good, unsigned: true}, "P1", merchant.Indeterminate},
		"altered":            {answer{status: 200, body: good, forged: true}, "P1", merchant.Indeterminate},
		"another basket":     {answer{status: 200, body: whole("C2", "SUCCESS", "SUCCESS")}, "P1", merchant.Indeterminate},
		"no such part":       {answer{status: 200, body: good}, "P3", merchant.Indeterminate},
		"no parts":           {answer{status: 200, body: good[:strings.Index(good, "[")] + "[]}"}, "P1", merchant.Indeterminate},
		"an ordinary one":    {answer{status: 200, body: transactionOf("P1", testMerchant, "SUCCESS")}, "P1", merchant.Indeterminate},
		"another app":        {answer{status: 200, body: strings.Replace(good, testApp, "wx0", 1)}, "P1", merchant.Indeterminate},
		"another merchant":   {answer{status: 200, body: strings.Replace(good, testMerchant, "1900000110", 1)}, "P1", merchant.Indeterminate},
		"part of another":    {answer{status: 200, body: strings.ReplaceAll(good, `{"mchid":"`+testMerchant, `{"mchid":"1900000110`)}, "P1", merchant.Indeterminate},
		"strange state":      {answer{status: 200, body: whole("C1", "SUCCESS", "MAYBE")}, "P1", merchant.Indeterminate},
		"paid, no number":    {answer{status: 200, body: strings.Replace(good, `"transaction_id":"42P1",`, "", 1)}, "P1", merchant.Indeterminate},
		"paid, no amount":    {answer{status: 200, body: strings.Replace(good, `"total_amount":3,`, "", 1)}, "P1", merchant.Indeterminate},
		"words of the other": {answer{status: 200, body: strings.ReplaceAll(good, `total_amount`, `total`)}, "P1", merchant.Indeterminate},
		"no time":            {answer{status: 200, body: strings.ReplaceAll(good, `2026-01-01T08:00:05.123+08:00`, `soon`)}, "P1", merchant.Indeterminate},
		"none":               {answer{status: 404, body: `{"code":"ORDER_NOT_EXIST"}`}, "P1", merchant.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			c, seen := platform(t, row.answer)
			got := c.Query(context.Background(), partOf(t, c, row.part))
			require.Equal(t, row.want, got.Outcome, got.Detail)
			require.Equal(t, []string{"GET /v3/combine-transactions/out-trade-no/C1 "}, *seen)
			if row.want == merchant.OK {
				fen := map[payment.MerchantReference]int64{"P1": 3, "P2": 4}[row.part]
				paid := got.Trade.PaidAt
				require.True(t, paid.Equal(time.Date(2026, 1, 1, 0, 0, 5, 123e6, time.UTC)), paid)
				require.Equal(t, merchant.Trade{Reference: row.part, ProviderReference: payment.ProviderReference("42" + row.part),
					Standing: merchant.Paid, Amount: payment.Fen(fen), PaidAt: paid}, got.Trade)
			}
		})
	}
}

func TestCombined_StandingsOfAPart(t *testing.T) {
	for state, want := range map[string]merchant.Standing{"SUCCESS": merchant.Paid, "REFUND": merchant.Paid, "NOTPAY": merchant.Unpaid,
		"PAYERROR": merchant.Unpaid, "CLOSED": merchant.Ended} {
		c, _ := platform(t, answer{status: 200, body: whole("C1", state, "NOTPAY")})
		require.Equal(t, want, c.Query(context.Background(), partOf(t, c, "P1")).Trade.Standing, state)
	}
}

// TestCombined_CloseNamesEveryPart: exactly those it was started with, or the
// provider refuses.
func TestCombined_CloseNamesEveryPart(t *testing.T) {
	for status, want := range map[int]merchant.Outcome{204: merchant.OK, 200: merchant.Indeterminate, 500: merchant.Indeterminate} {
		c, seen := platform(t, answer{status: status})
		require.Equal(t, want, c.Close(context.Background(), partOf(t, c, "P2")).Outcome, status)
		require.Equal(t, []string{`POST /v3/combine-transactions/out-trade-no/C1/close {"combine_appid":"wxd678efh567hg6787","sub_orders":[` +
			`{"mchid":"1900000109","out_trade_no":"P1"},{"mchid":"1900000109","out_trade_no":"P2"}]}`}, *seen)
	}
}

// TestCombined_UnreadableRequestAsksNobody: whoever lost the bytes of the start
// knows nothing of the whole.
func TestCombined_UnreadableRequestAsksNobody(t *testing.T) {
	c, seen := platform(t)
	lost := merchant.Asked{Reference: "P1", Method: payment.MethodCode, Request: merchant.Request{Path: combined + "native", Body: "{"}}
	require.Equal(t, merchant.Indeterminate, c.Query(context.Background(), lost).Outcome)
	require.Equal(t, merchant.Indeterminate, c.Close(context.Background(), lost).Outcome)
	require.Empty(t, *seen)
}

// TestCombined_RefundOfAPart goes by the provider's number of the part, and its
// own amount.
func TestCombined_RefundOfAPart(t *testing.T) {
	c := testClient(t, "", fixed(1767225600))
	request, err := c.PrepareRefund(merchant.RefundIntent{Payment: "P2", Refund: "R1", Amount: payment.Fen(1), Captured: payment.Fen(4), Reason: "asked",
		ProviderReference: "42P2", Request: partOf(t, c, "P2").Request})
	require.NoError(t, err)
	require.Equal(t, `{"transaction_id":"42P2","out_refund_no":"R1","reason":"asked","notify_url":"https://shop.example/notify/wechatpay",`+
		`"amount":{"refund":1,"total":4,"currency":"CNY"}}`, request.Body)
}

// notification seals a resource as the platform does.
func notification(tb testing.TB, event, plain string) []byte {
	tb.Helper()
	block, err := aes.NewCipher([]byte(testAPIKey))
	require.NoError(tb, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(tb, err)
	text := gcm.Seal(nil, []byte("0123456789ab"), []byte(plain), []byte("transaction"))
	body, err := json.Marshal(envelope{ID: "N1", EventType: event, ResourceType: "encrypt-resource", Resource: sealed{
		Algorithm: "AEAD_AES_256_GCM", Ciphertext: base64.StdEncoding.EncodeToString(text), AssociatedData: "transaction", Nonce: "0123456789ab"}})
	require.NoError(tb, err)
	return body
}

func TestCombined_NotificationTellsOfEveryPart(t *testing.T) {
	c := testClient(t, "", fixed(1767225600))
	notice, err := c.Read(notification(t, "TRANSACTION.SUCCESS", whole("C1", "SUCCESS", "SUCCESS")))
	require.NoError(t, err)
	require.Nil(t, notice.Refund)
	require.Len(t, notice.Trades, 2)
	for i, want := range []merchant.Trade{
		{Reference: "P1", ProviderReference: "42P1", Standing: merchant.Paid, Amount: payment.Fen(3)},
		{Reference: "P2", ProviderReference: "42P2", Standing: merchant.Paid, Amount: payment.Fen(4)}} {
		want.PaidAt = notice.Trades[i].PaidAt
		require.Equal(t, want, notice.Trades[i])
	}
}

func TestCombined_NotificationsThatSayNothing(t *testing.T) {
	c := testClient(t, "", fixed(1767225600))
	good := whole("C1", "SUCCESS", "SUCCESS")
	for name, plain := range map[string]string{
		"another app":      strings.Replace(good, testApp, "wx0", 1),
		"another merchant": strings.Replace(good, testMerchant, "1900000110", 1),
		"half a part":      strings.Replace(good, `"transaction_id":"42P2",`, "", 1),
		"no parts":         good[:strings.Index(good, "[")] + "[]}",
		"parts are none":   good[:strings.Index(good, "[")] + `"P1"}`,
		"ordinary, no app": strings.Replace(transactionOf("P1", testMerchant, "SUCCESS"), `"appid":"`+testApp+`",`, "", 1),
	} {
		notice, err := c.Read(notification(t, "TRANSACTION.SUCCESS", plain))
		require.Error(t, err, name)
		for _, trade := range notice.Trades {
			require.NotEqual(t, merchant.Paid, trade.Standing, name)
		}
	}
}

// TestRead_PartsAreAFieldNotAWord: an ordinary payment may say "sub_orders"
// about itself.
func TestRead_PartsAreAFieldNotAWord(t *testing.T) {
	c := testClient(t, "", fixed(1767225600))
	plain := strings.Replace(transactionOf("P1", testMerchant, "SUCCESS"), `{`, `{"attach":"sub_orders",`, 1)
	notice, err := c.Read(notification(t, "TRANSACTION.SUCCESS", plain))
	require.NoError(t, err)
	require.Len(t, notice.Trades, 1)
	require.EqualValues(t, "P1", notice.Trades[0].Reference)
}

// FuzzOpened: the platform itself may say anything. Reading it never panics,
// and what counts as paid has its number and an amount.
func FuzzOpened(f *testing.F) {
	f.Add("TRANSACTION.SUCCESS", whole("C1", "SUCCESS", "CLOSED"))
	f.Add("TRANSACTION.SUCCESS", transactionOf("P1", testMerchant, "SUCCESS"))
	f.Add("REFUND.SUCCESS", `{"mchid":"`+testMerchant+`","out_trade_no":"P1","out_refund_no":"R1","refund_id":"5","refund_status":"SUCCESS","amount":{"refund":1}}`)
	c := testClient(f, "", fixed(1767225600))
	f.Fuzz(func(t *testing.T, event, plain string) {
		notice, err := c.Read(notification(t, event, plain))
		if err != nil {
			return
		}
		for _, trade := range notice.Trades {
			if trade.Standing == merchant.Paid && (trade.Amount.Minor < 1 || trade.ProviderReference == "") {
				t.Errorf("paid %+v by %q", trade, plain)
			}
		}
		if len(notice.Trades) == 0 && notice.Refund == nil {
			t.Errorf("read nothing out of %q without an error", plain)
		}
	})
}

// FuzzPart: whatever a query answers, reading it never panics, and no part is
// paid without its number and an amount.
func FuzzPart(f *testing.F) {
	f.Add([]byte(whole("C1", "SUCCESS", "SUCCESS")))
	f.Add([]byte(`{"sub_orders":[null]}`))
	c := testClient(f, "", fixed(1767225600))
	f.Fuzz(func(t *testing.T, body []byte) {
		trades, err := c.readParts(body, "C1")
		if err == nil && len(trades) == 0 {
			t.Errorf("no parts, and no error: %q", body)
		}
		for _, trade := range trades {
			if trade.Standing == merchant.Paid && (trade.Amount.Minor < 1 || trade.ProviderReference == "") {
				t.Errorf("paid %+v by %q", trade, body)
			}
		}
	})
}
