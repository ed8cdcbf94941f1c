package unionpay

import (
	"context"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// TestStart_OnTheWire: the exact fields of each method, and the same ones
// however often they are sent; only the signature is made anew.
func TestStart_OnTheWire(t *testing.T) {
	common := url.Values{"version": {"5.1.0"}, "encoding": {"UTF-8"}, "signMethod": {"01"}, "certId": {testCertID}, "txnType": {"01"},
		"accessType": {"0"}, "channelType": {"08"}, "merId": {testMerchant}, "orderId": {"P0000001"}, "txnTime": {"20261123140233"},
		"txnAmt": {"1001"}, "currencyCode": {"156"}, "backUrl": {"https://shop.example/notify/unionpay"}}
	payable := []string{"20261123141233"}
	for method, row := range map[payment.Method]struct {
		path   string
		fields url.Values
		answer answer
		code   string
	}{
		payment.MethodCode: {backPath, url.Values{"txnSubType": {"07"}, "bizType": {"000000"}, "payTimeout": payable},
			said("00", "qrCode", "https://qr.95516.com/00010000/6212"), "https://qr.95516.com/00010000/6212"},
		payment.MethodApp: {appPath, url.Values{"txnSubType": {"01"}, "bizType": {"000201"}, "payTimeout": payable},
			said("00", "tn", "201611231402335616528"), "201611231402335616528"},
		payment.MethodWeb: {frontPath, url.Values{"txnSubType": {"01"}, "bizType": {"000201"}, "payTimeout": payable, "frontUrl": {"https://shop.example/orders"}},
			answer{status: 302, location: "https://cashier.95516.com/b2c/1"}, "https://cashier.95516.com/b2c/1"},
		payment.MethodBarcode: {backPath, url.Values{"txnSubType": {"06"}, "bizType": {"000000"}, "qrNo": {"6220485268191498178"}, "termId": {"01080209"}},
			said("00"), ""},
	} {
		t.Run(string(method), func(t *testing.T) {
			c, seen := gateway(t, row.answer, row.answer)
			asked := started(t, c, method)
			c.clock = fixed(now.Add(time.Minute)) // a retry carries the time of the first try
			for range 2 {
				got := c.Start(context.Background(), asked, asked.Request)
				require.Equal(t, merchant.OK, got.Outcome, got.Detail)
				require.Equal(t, row.code, got.Invitation.Code)
			}
			want := maps.Clone(common)
			maps.Copy(want, row.fields)
			for _, each := range *seen {
				each.form.Del("signature")
				require.Equal(t, row.path, each.path)
				require.Equal(t, want, each.form)
			}
		})
	}
}

func TestPrepareStart_Refuses(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	fen := payment.Fen(1)
	for name, intent := range map[string]merchant.StartIntent{
		"no barcode":       {Method: payment.MethodBarcode, Amount: fen},
		"in-app":           {Method: payment.MethodInApp, Amount: fen},
		"another currency": {Method: payment.MethodCode, Amount: payment.Money{Minor: 1, Currency: "USD"}},
		"parts":            {Method: payment.MethodCode, Amount: fen, Parts: []merchant.Part{{Reference: "P1", Amount: fen}}},
	} {
		_, err := c.PrepareStart(intent)
		require.ErrorIs(t, err, merchant.ErrInvalid, name)
	}
}

// codes is the table of section 7: what a code says as respCode of a call
// (class, "" for nothing) and as origRespCode of a payment.
var codes = []struct {
	codes string
	class merchant.Class
	paid  bool
}{
	{"00 A6 42", "", true},
	{"02 03 04 05 06 12 37 41 70 74 75 83 98 99 07 84 97 A1 0 000", "", false},
	{"10 11 13 14 31 32 33 40 43 44", merchant.Config, false},
	{"35 36 45 46", merchant.Conflict, false},
	{"01 30 38 39 60 61 62 63 64 65 66 67 68 69 71 72 73 76 77 78 79 80 81 82 85 89 90 91 92 93 94 95 96", merchant.Declined, false},
	{"86 87 88", merchant.AuthCodeInvalid, false},
}

// TestCodes_OfACall: 00 to a charge is only "accepted", and every word of it is
// confirmed by a query (section 7).
func TestCodes_OfACall(t *testing.T) {
	for _, row := range codes {
		for code := range strings.FieldsSeq(row.codes) {
			c, _ := gateway(t, said(code), said(code, "qrCode", "q"))
			barcode := c.Start(context.Background(), started(t, c, payment.MethodBarcode), started(t, c, payment.MethodBarcode).Request)
			plain := c.Start(context.Background(), started(t, c, payment.MethodCode), started(t, c, payment.MethodCode).Request)
			switch {
			case code == "12":
				require.Equal(t, merchant.Conflict, barcode.Class, "it may have paid: query")
				require.Equal(t, merchant.Conflict, plain.Class)
			case row.paid, code == "05":
				require.Equal(t, merchant.Trade{Reference: "P0000001", Standing: merchant.Deciding, Unconfirmed: true}, barcode.Trade, code)
				require.Equal(t, row.paid, plain.Outcome == merchant.OK, code)
			case row.class == "":
				require.Equal(t, merchant.Indeterminate, barcode.Outcome, code)
				require.Equal(t, merchant.Indeterminate, plain.Outcome, code)
			default:
				for _, got := range []merchant.Result{barcode.Result, plain.Result} {
					require.Equal(t, merchant.Failed, got.Outcome, code)
					require.Equal(t, row.class, got.Class, code)
				}
			}
		}
	}
}

// TestCodes_OfAPayment: what a query says under origRespCode, of a payment that
// may still be made and of one whose time is over.
func TestCodes_OfAPayment(t *testing.T) {
	over := 10*time.Minute + expiryMargin
	for _, row := range codes {
		for code := range strings.FieldsSeq(row.codes) {
			want := map[string]merchant.Standing{"barcode": merchant.Deciding, "open": merchant.Deciding, "over": merchant.Deciding}
			if row.paid {
				want = map[string]merchant.Standing{"barcode": merchant.Paid, "open": merchant.Paid, "over": merchant.Paid}
			} else if row.class != "" {
				want = map[string]merchant.Standing{"barcode": merchant.Ended, "open": merchant.Unpaid, "over": merchant.Ended}
			}
			c, _ := gateway(t, paidPairs(code), paidPairs(code), paidPairs(code), paidPairs(code))
			barcode, plain := started(t, c, payment.MethodBarcode), started(t, c, payment.MethodCode)
			require.Equal(t, want["barcode"], c.Query(context.Background(), barcode).Trade.Standing, code)
			require.Equal(t, want["open"], c.Query(context.Background(), plain).Trade.Standing, code)
			c.clock = fixed(now.Add(over))
			require.Equal(t, want["open"], c.Query(context.Background(), plain).Trade.Standing, "%s in the last moment", code)
			c.clock = fixed(now.Add(over + 1))
			require.Equal(t, want["over"], c.Query(context.Background(), plain).Trade.Standing, "%s after it", code)
		}
	}
}

// TestQuery_TwoCodes: the answer's own code speaks of the query alone (section
// 8.1).
func TestQuery_TwoCodes(t *testing.T) {
	for name, row := range map[string]struct {
		answer answer
		method payment.Method
		want   merchant.TradeAnswer
	}{
		"query failed, payment too": {said("01", "origRespCode", "00"), payment.MethodCode, merchant.TradeAnswer{Result: merchant.Result{Outcome: merchant.Failed, Class: merchant.Declined}}},
		"query is one too many":     {said("37"), payment.MethodCode, merchant.TradeAnswer{}},
		"no word of the payment":    {paidPairs("00").with("origRespCode", ""), payment.MethodCode, merchant.TradeAnswer{Result: merchant.Result{Outcome: merchant.OK}, Trade: merchant.Trade{Reference: "P0000001", ProviderReference: "512611231402335616528", Standing: merchant.Deciding}}},
		"none, yet":                 {said("34"), payment.MethodCode, merchant.TradeAnswer{Result: merchant.Result{Outcome: merchant.OK}, Trade: merchant.Trade{Reference: "P0000001", Standing: merchant.Unpaid}}},
		"none, by the other code":   {paidPairs("34"), payment.MethodBarcode, merchant.TradeAnswer{Result: merchant.Result{Outcome: merchant.OK}, Trade: merchant.Trade{Reference: "P0000001", ProviderReference: "512611231402335616528", Standing: merchant.Deciding}}},
		"none of a barcode":         {said("34"), payment.MethodBarcode, merchant.TradeAnswer{Result: merchant.Result{Outcome: merchant.Failed, Class: merchant.NotFound}}},
		"none of another payment":   {said("34", "orderId", "P0000002"), payment.MethodCode, merchant.TradeAnswer{}},
		"none of another barcode":   {said("34", "orderId", "P0000002"), payment.MethodBarcode, merchant.TradeAnswer{}},
		"none of nobody":            {said("34", "orderId", ""), payment.MethodCode, merchant.TradeAnswer{}},
		"another time":              {paidPairs("00").with("txnTime", "20261123140234"), payment.MethodCode, merchant.TradeAnswer{}},
		"a refund":                  {paidPairs("00").with("txnType", "04"), payment.MethodCode, merchant.TradeAnswer{}},
		"another merchant":          {paidPairs("00").with("merId", "777290058110049"), payment.MethodCode, merchant.TradeAnswer{}},
		"no number":                 {paidPairs("00").with("queryId", ""), payment.MethodCode, merchant.TradeAnswer{}},
		"no amount":                 {paidPairs("00").with("txnAmt", ""), payment.MethodCode, merchant.TradeAnswer{}},
		"nothing":                   {paidPairs("00").with("txnAmt", "0"), payment.MethodCode, merchant.TradeAnswer{}},
		"less than nothing":         {paidPairs("00").with("txnAmt", "-1001"), payment.MethodCode, merchant.TradeAnswer{}},
		"yuan":                      {paidPairs("00").with("txnAmt", "10.01"), payment.MethodCode, merchant.TradeAnswer{}},
	} {
		t.Run(name, func(t *testing.T) {
			c, seen := gateway(t, row.answer)
			got := c.Query(context.Background(), started(t, c, row.method))
			got.Detail = ""
			require.Equal(t, row.want, got)
			form := (*seen)[0].form
			require.Equal(t, queryPath, (*seen)[0].path)
			require.Equal(t, "00 00 P0000001 20261123140233", strings.Join([]string{form.Get("txnType"), form.Get("txnSubType"), form.Get("orderId"), form.Get("txnTime")}, " "))
		})
	}
}

// TestQuery_OfAnotherPayment: the checkout compares whom a success is about.
func TestQuery_OfAnotherPayment(t *testing.T) {
	c, _ := gateway(t, paidPairs("00").with("orderId", "P0000002"))
	require.EqualValues(t, "P0000002", c.Query(context.Background(), started(t, c, payment.MethodCode)).Trade.Reference)
}

func TestQuery_AnotherCurrencyIsAnotherAmount(t *testing.T) {
	c, _ := gateway(t, paidPairs("00").with("currencyCode", "840"))
	got := c.Query(context.Background(), started(t, c, payment.MethodCode)).Trade
	require.NotEqual(t, payment.Fen(1001), got.Amount)
	require.Equal(t, merchant.Paid, got.Standing)
}

// TestPaidAt: the provider's time has no year.
func TestPaidAt(t *testing.T) {
	for _, row := range []struct{ ordered, traced, want string }{
		{"20261123140233", "1123140240", "2026-11-23T14:02:40+08:00"},
		{"20261231235950", "0101000010", "2027-01-01T00:00:10+08:00"},
		{"20261231235950", "1231235955", "2026-12-31T23:59:55+08:00"},
		{"20280229120000", "0229120001", "2028-02-29T12:00:01+08:00"},
		{"20261123140233", "", ""}, {"20261123140233", "1332140240", ""}, {"", "1123140240", ""},
	} {
		got := paidAt(fields{"txnTime": row.ordered, "traceTime": row.traced})
		if row.want == "" {
			require.True(t, got.IsZero(), row.traced)
			continue
		}
		require.Equal(t, row.want, got.Format(time.RFC3339))
	}
}

// TestGateway_WhatIsNoAnswer: nothing is known after any of these.
func TestGateway_WhatIsNoAnswer(t *testing.T) {
	imposter := issue(t, "041@8310000000083040@中国银联股份有限公司@00016495", true, nil, now.Add(time.Hour)).signer
	good := paidPairs("00").with("qrCode", "q", "tn", "1")
	broken := map[string]answer{"altered": good, "by somebody else": good, "502": good, "a page": {whole: "<html>busy</html>"},
		"nothing": {whole: " "}, "unsigned": {whole: "respCode=00&orderId=P0000001&merId=" + testMerchant},
		"of another merchant": good.with("merId", "777290058110049"), "of another payment, refused": said("61", "orderId", "P0000002"),
		"of another payment, accepted": good.with("orderId", "P0000002", "txnTime", "20261123140234")}
	for name, row := range broken {
		row.altered = name == "altered"
		if name == "by somebody else" {
			row.by = &imposter
		}
		if name == "502" {
			row.status = 502
		}
		t.Run(name, func(t *testing.T) {
			c, _ := gateway(t, row, row, row, row, row, row, row)
			barcode, plain, web := started(t, c, payment.MethodBarcode), started(t, c, payment.MethodCode), started(t, c, payment.MethodWeb)
			refund, request := refunding(t, c)
			for call, outcome := range map[string]merchant.Outcome{
				"charge":       c.Start(context.Background(), barcode, barcode.Request).Outcome,
				"code":         c.Start(context.Background(), plain, plain.Request).Outcome,
				"cashier":      c.Start(context.Background(), web, web.Request).Outcome,
				"query":        c.Query(context.Background(), plain).Outcome,
				"reverse":      c.Reverse(context.Background(), barcode).Outcome,
				"refund":       c.Refund(context.Background(), refund, request).Outcome,
				"refund query": c.QueryRefund(context.Background(), refund).Outcome,
			} {
				require.Equal(t, merchant.Indeterminate, outcome, call)
			}
		})
	}
}

// TestCashier_OnlyARedirectInvites: on an error the gateway shows a page.
func TestCashier_OnlyARedirectInvites(t *testing.T) {
	for name, row := range map[string]answer{
		"a page":            {whole: `<div class="end_error">订单已支付</div>`},
		"redirect nowhere":  {status: 302, whole: " "},
		"page with a place": {status: 200, location: "https://cashier.example", whole: " "},
	} {
		c, _ := gateway(t, row)
		asked := started(t, c, payment.MethodWeb)
		require.Equal(t, merchant.Indeterminate, c.Start(context.Background(), asked, asked.Request).Outcome, name)
	}
}

func TestStart_CodeOrNothing(t *testing.T) {
	c, _ := gateway(t, said("00"))
	asked := started(t, c, payment.MethodCode)
	require.Equal(t, merchant.Indeterminate, c.Start(context.Background(), asked, asked.Request).Outcome)
}

// TestReverse names the transaction's own number and time. That an earlier
// reversal took hold is as good as this one having done so: whoever believed a
// query instead that is behind would let goods go for money that went back.
func TestReverse(t *testing.T) {
	failed := func(class merchant.Class) merchant.Result {
		return merchant.Result{Outcome: merchant.Failed, Class: class}
	}
	for name, row := range map[string]struct {
		answer answer
		want   merchant.Result
	}{
		"reversed":        {said("00"), merchant.Result{Outcome: merchant.OK}},
		"reversed before": {said("46"), merchant.Result{Outcome: merchant.OK}},
		"nothing to undo": {said("34"), failed(merchant.NotFound)},
		"too late":        {said("35"), failed(merchant.Conflict)},
		"refunded before": {said("45"), failed(merchant.Conflict)},
		"nobody knows":    {said("03"), merchant.Result{}},
		"busy":            {said("06"), merchant.Result{}},
		"another payment": {said("00", "orderId", "P0000002"), merchant.Result{}},
		"none of another": {said("34", "orderId", "P0000002"), merchant.Result{}},
	} {
		c, seen := gateway(t, row.answer)
		got := c.Reverse(context.Background(), started(t, c, payment.MethodBarcode))
		got.Detail = ""
		require.Equal(t, row.want, got, name)
		form := (*seen)[0].form
		require.Equal(t, backPath, (*seen)[0].path)
		require.Equal(t, "99 01 P0000001 20261123140233 ", strings.Join([]string{form.Get("txnType"), form.Get("txnSubType"), form.Get("orderId"), form.Get("txnTime"), form.Get("txnAmt")}, " "))
	}
}

// TestClose_ThereIsNone: it says nothing, and asks nobody.
func TestClose_ThereIsNone(t *testing.T) {
	c, _ := gateway(t)
	require.Equal(t, merchant.Indeterminate, c.Close(context.Background(), started(t, c, payment.MethodCode)).Outcome)
}
