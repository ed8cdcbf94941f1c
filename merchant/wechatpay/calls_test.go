package wechatpay

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// TestClassify is the table of section 6.1 with both spellings.
func TestClassify(t *testing.T) {
	unknown := merchant.Class("")
	for _, row := range []struct {
		status int
		codes  string
		class  merchant.Class
	}{
		{400, "PARAM_ERROR APPID_MCHID_NOT_MATCH MCH_NOT_EXISTS", merchant.Config},
		{403, "NO_AUTH NOAUTH", merchant.Config},
		{500, "INVALID_TRANSACTIONID OPENID_MISMATCH", merchant.Config},
		{400, "INVALID_REQUEST", merchant.Conflict},
		{403, "OUT_TRADE_NO_USED", merchant.Conflict},
		{400, "ORDER_CLOSED ORDERCLOSED ORDERREVERSED", merchant.OrderClosed},
		{400, "ORDERPAID ORDER_PAID", merchant.AlreadyPaid},
		{403, "ACCOUNT_ERROR ACCOUNTERROR RULE_LIMIT RULELIMIT TRADE_ERROR BUYER_MISMATCH NOTSUPORTCARD", merchant.Declined},
		{400, "AUTHCODEEXPIRE AUTH_CODE_ERROR AUTH_CODE_INVALID", merchant.AuthCodeInvalid},
		{403, "NOT_ENOUGH NOTENOUGH", merchant.NotEnough},
		{403, "USER_ACCOUNT_ABNORMAL", merchant.Offline},
		{404, "ORDER_NOT_EXIST ORDERNOTEXIST RESOURCE_NOT_EXISTS", merchant.NotFound},
		{401, "SIGN_ERROR SIGNERROR", unknown},
		{429, "FREQUENCY_LIMITED RATELIMIT_EXCEED RATELIMIT_EXCEEDED", unknown},
		{500, "SYSTEM_ERROR SYSTEMERROR BANK_ERROR BANKERROR", unknown},
		{202, "USER_PAYING USERPAYING", unknown},
		{400, "SOMETHING_NEW", unknown},
	} {
		for code := range strings.FieldsSeq(row.codes) {
			got := classify(row.status, []byte(`{"code":"`+code+`","message":"m"}`))
			want := merchant.Failed
			if row.class == unknown {
				want = merchant.Indeterminate
			}
			if got.Outcome != want || got.Class != row.class {
				t.Errorf("%d %s: %s %q", row.status, code, got.Outcome, got.Class)
			}
		}
	}
	for _, body := range []string{"", "<html>", "[]", `{"code":7}`} {
		if got := classify(403, []byte(body)); got.Outcome != merchant.Indeterminate {
			t.Errorf("403 %q: %s", body, got.Outcome)
		}
	}
}

var asked = merchant.Asked{Reference: "P1", Method: payment.MethodCode}

func transactionOf(no, mchid, state string) string {
	return fmt.Sprintf(`{"appid":"%s","mchid":"%s","out_trade_no":"%s","transaction_id":"42","trade_state":"%s",`+
		`"success_time":"2026-01-01T08:00:05+08:00","amount":{"total":5,"payer_total":4,"currency":"CNY"}}`, testApp, mchid, no, state)
}

func TestQuery_BelievesOnlyAProvenAnswerToItsQuestion(t *testing.T) {
	good := transactionOf("P1", testMerchant, "SUCCESS")
	for name, row := range map[string]struct {
		answer answer
		want   merchant.Outcome
	}{
		"good":             {answer{status: 200, body: good}, merchant.OK},
		"unsigned":         {answer{status: 200, body: good, unsigned: true}, merchant.Indeterminate},
		"altered":          {answer{status: 200, body: good, forged: true}, merchant.Indeterminate},
		"another app":      {answer{status: 200, body: strings.Replace(good, testApp, "wx0", 1)}, merchant.Indeterminate},
		"no app":           {answer{status: 200, body: strings.Replace(good, `"appid":"`+testApp+`",`, "", 1)}, merchant.Indeterminate},
		"another merchant": {answer{status: 200, body: transactionOf("P1", "1900000110", "SUCCESS")}, merchant.Indeterminate},
		"strange state":    {answer{status: 200, body: transactionOf("P1", testMerchant, "MAYBE")}, merchant.Indeterminate},
		"fraction of fen":  {answer{status: 200, body: strings.Replace(good, `"total":5`, `"total":5.5`, 1)}, merchant.Indeterminate},
		"not found":        {answer{status: 404, body: `{"code":"ORDER_NOT_EXIST"}`}, merchant.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			c, seen := platform(t, row.answer)
			got := c.Query(context.Background(), asked)
			if got.Outcome != row.want {
				t.Errorf("%s: %s", got.Outcome, got.Detail)
			}
			if got.Outcome == merchant.OK && got.Trade.Amount != payment.Fen(5) {
				t.Errorf("amount %s is not the gross one", got.Trade.Amount)
			}
			if (*seen)[0] != "GET /v3/pay/transactions/out-trade-no/P1?mchid=1900000109 " {
				t.Errorf("sent %q", *seen)
			}
		})
	}
}

// TestQuery_OfAnotherPayment: the checkout compares whom an answer is about, so
// the answer must name it, and not what was asked.
func TestQuery_OfAnotherPayment(t *testing.T) {
	c, _ := platform(t, answer{status: 200, body: transactionOf("P2", testMerchant, "SUCCESS")})
	if got := c.Query(context.Background(), asked); got.Trade.Reference != "P2" {
		t.Errorf("answered about %q", got.Trade.Reference)
	}
}

func TestQuery_Standings(t *testing.T) {
	for state, want := range map[string]merchant.Standing{
		"SUCCESS": merchant.Paid, "REFUND": merchant.Paid, "NOTPAY": merchant.Unpaid, "PAYERROR": merchant.Unpaid,
		"USERPAYING": merchant.Deciding, "CLOSED": merchant.Ended, "REVOKED": merchant.Ended,
	} {
		c, _ := platform(t, answer{status: 200, body: transactionOf("P1", testMerchant, state)})
		if got := c.Query(context.Background(), asked); got.Trade.Standing != want {
			t.Errorf("%s: %s", state, got.Trade.Standing)
		}
	}
}

func TestClose_Only204SaysClosed(t *testing.T) {
	for status, want := range map[int]merchant.Outcome{204: merchant.OK, 200: merchant.Indeterminate, 500: merchant.Indeterminate} {
		c, _ := platform(t, answer{status: status})
		if got := c.Close(context.Background(), asked); got.Outcome != want {
			t.Errorf("%d: %s %s", status, got.Outcome, got.Detail)
		}
	}
}

func TestStart_Methods(t *testing.T) {
	for method, row := range map[payment.Method]struct{ path, answer string }{
		payment.MethodCode:    {"native", `{"code_url":"weixin://x"}`},
		payment.MethodInApp:   {"jsapi", `{"prepay_id":"wx1"}`},
		payment.MethodApp:     {"app", `{"prepay_id":"wx1"}`},
		payment.MethodWeb:     {"h5", `{"h5_url":"https://wx.example"}`},
		payment.MethodBarcode: {"codepay", transactionOf("P1", testMerchant, "SUCCESS")},
	} {
		c, seen := platform(t, answer{status: 200, body: row.answer}, answer{status: 200, body: `{}`})
		request, err := c.PrepareStart(merchant.StartIntent{
			Reference: "P1", Method: method, Amount: payment.Fen(5), Description: "tea", AuthCode: "1", ShopperID: "o",
			ShopperAddress: "127.0.0.1", ExpiresAt: time.Unix(1767225600, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		of := merchant.Asked{Reference: "P1", Method: method}
		got := c.Start(context.Background(), of, request)
		if got.Outcome != merchant.OK || !strings.HasPrefix((*seen)[0], "POST /v3/pay/transactions/"+row.path+" ") {
			t.Errorf("%s: %+v after %q", method, got, *seen)
		}
		if empty := c.Start(context.Background(), of, request); empty.Outcome != merchant.Indeterminate {
			t.Errorf("%s: an answer without content is %s", method, empty.Outcome)
		}
		if (*seen)[0] != (*seen)[1] {
			t.Errorf("%s: bytes differ: %q", method, *seen)
		}
	}
}

func TestStart_BarcodeDoubts(t *testing.T) {
	of := merchant.Asked{Reference: "P1", Method: payment.MethodBarcode}
	refusal := `{"code":"NOT_ENOUGH","message":"m"}`
	for name, row := range map[string]struct {
		answer   answer
		outcome  merchant.Outcome
		standing merchant.Standing
	}{
		"202":             {answer{status: 202, body: `{"code":"USER_PAYING"}`}, merchant.OK, merchant.Deciding},
		"200 userpaying":  {answer{status: 200, body: transactionOf("P1", testMerchant, "USERPAYING")}, merchant.OK, merchant.Deciding},
		"refused":         {answer{status: 403, body: refusal}, merchant.Failed, ""},
		"refusal unknown": {answer{status: 403, body: refusal, unsigned: true}, merchant.Indeterminate, ""},
		"refusal altered": {answer{status: 403, body: refusal, forged: true}, merchant.Indeterminate, ""},
	} {
		c, _ := platform(t, row.answer)
		got := c.Start(context.Background(), of, merchant.Request{Path: "/v3/pay/transactions/codepay", Body: "{}"})
		if got.Outcome != row.outcome || got.Trade.Standing != row.standing {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRefund_AcceptedDoneAndDoubtful(t *testing.T) {
	of := merchant.RefundAsked{Payment: "P1", Refund: "R1"}
	refund := func(no, status string) string {
		return fmt.Sprintf(`{"refund_id":"50","out_refund_no":"%s","out_trade_no":"P1","status":"%s","amount":{"refund":3,"total":5,"currency":"CNY"}}`, no, status)
	}
	for status, want := range map[string]payment.RefundState{
		"PROCESSING": payment.RefundProcessing, "SUCCESS": payment.RefundDone, "CLOSED": payment.RefundRefused,
		"ABNORMAL": payment.RefundHandedOver,
	} {
		c, _ := platform(t, answer{status: 200, body: refund("R1", status)})
		if got := c.QueryRefund(context.Background(), of); got.Report.State != want || got.Report.Amount != payment.Fen(3) {
			t.Errorf("%s: %+v", status, got)
		}
	}
	c, seen := platform(t, answer{status: 200, body: refund("R2", "SUCCESS")}, answer{status: 403, body: `{"code":"NOT_ENOUGH"}`, unsigned: true})
	request, err := c.PrepareRefund(merchant.RefundIntent{Payment: "P1", Refund: "R1", Amount: payment.Fen(3), Captured: payment.Fen(5), Reason: "asked"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := c.Refund(context.Background(), of, request); got.Outcome != merchant.Indeterminate {
			t.Errorf("doubtful answer: %+v", got)
		}
	}
	if !strings.Contains((*seen)[0], `"amount":{"refund":3,"total":5,"currency":"CNY"}`) {
		t.Errorf("sent %q", *seen)
	}
}
