package alipay

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// TestClasses is the table of section 5: what each answer to a charge says.
// Rows without a class say nothing; a query decides.
func TestClasses(t *testing.T) {
	unknown := merchant.Class("")
	for _, row := range []struct {
		code  string
		subs  string
		class merchant.Class
	}{
		{"10003", "-", unknown}, // outside of a charge it means nothing
		{"20000", "isp.unknow-error aop.unknow-error aop.ACQ.SYSTEM_ERROR", unknown},
		{"20001", "aop.invalid-auth-token aop.no-product-reg-by-partner", merchant.Config},
		{"40001", "isv.missing-signature isv.missing-app-id", merchant.Config},
		{"40002", "isv.invalid-parameter isv.invalid-signature isv.invalid-timestamp isv.app-cert-expired", merchant.Config},
		{"40003", "isv.missing-signature-config", merchant.Config},
		{"40005", "isv.app-call-limited isv.method-call-limited", unknown},
		{"40006", "isv.insufficient-isv-permissions", merchant.Config},
		{"40004", "ACQ.SYSTEM_ERROR AQC.SYSTEM_ERROR ACQ.PAYMENT_FAIL ACQ.ENTERPRISE_PAY_BIZ_ERROR ACQ.SOMETHING_NEW -", unknown},
		{"40004", "ACQ.TRADE_NOT_EXIST TRADE_NOT_EXIST", merchant.NotFound},
		{"40004", "ACQ.TRADE_HAS_SUCCESS ACQ.TRADE_HAS_FINISHED", merchant.AlreadyPaid},
		{"40004", "ACQ.TRADE_HAS_CLOSE", merchant.OrderClosed},
		{"40004", "ACQ.CONTEXT_INCONSISTENT ACQ.TRADE_BUYER_NOT_MATCH ACQ.TRADE_STATUS_ERROR ACQ.APPLY_PC_MERCHANT_CODE_ERROR " +
			"ACQ.REASON_TRADE_STATUS_INVALID ACQ.REASON_ILLEGAL_STATUS ACQ.TRADE_CANCEL_TIME_OUT ACQ.CANCEL_NOT_ALLOWED " +
			"ACQ.DISCORDANT_REPEAT_REQUEST ACQ.REASON_TRADE_REFUND_FEE_ERR ACQ.REFUND_AMT_NOT_EQUAL_TOTAL ACQ.REFUND_FEE_ERROR " +
			"ACQ.TRADE_NOT_ALLOW_REFUND ACQ.NOT_ALLOW_PARTIAL_REFUND", merchant.Conflict},
		{"40004", "ACQ.PAYMENT_AUTH_CODE_INVALID", merchant.AuthCodeInvalid},
		{"40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH", merchant.NotEnough},
		{"40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH ACQ.ERROR_BALANCE_PAYMENT_DISABLE " +
			"ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE ACQ.MOBILE_PAYMENT_SWITCH_OFF ACQ.BUYER_ENABLE_STATUS_FORBID ACQ.BUYER_SELLER_EQUAL " +
			"ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR ACQ.BEYOND_PAY_RESTRICTION " +
			"ACQ.BEYOND_PER_RECEIPT_RESTRICTION ACQ.ERROR_BUYER_CERTIFY_LEVEL_LIMIT ACQ.PAYMENT_REQUEST_HAS_RISK", merchant.Declined},
		{"40004", "ACQ.INVALID_PARAMETER ACQ.ACCESS_FORBIDDEN ACQ.PARTNER_ERROR ACQ.EXIST_FORBIDDEN_WORD ACQ.TOTAL_FEE_EXCEED " +
			"ACQ.SELLER_NOT_EXIST ACQ.SELLER_BEEN_BLOCKED ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", merchant.Config},
		{"40004", "ACQ.BUYER_ERROR ACQ.REASON_TRADE_BEEN_FREEZEN", merchant.Offline},
		{"99999", "ACQ.TRADE_NOT_EXIST", unknown},
		{"", "ACQ.TRADE_NOT_EXIST", unknown},
	} {
		for sub := range strings.FieldsSeq(row.subs) {
			n := node{Code: row.code, SubCode: strings.Trim(sub, "-"), OutTradeNo: "P1"}
			want := merchant.Failed
			if row.class == unknown {
				want = merchant.Indeterminate
			}
			got := n.result("P1")
			require.Equal(t, [2]string{want.String(), string(row.class)}, [2]string{got.Outcome.String(), string(got.Class)}, "%s %s", row.code, sub)
			// Whoever says it of another payment, or cannot prove it, says nothing.
			require.Equal(t, merchant.Indeterminate, n.result("P2").Outcome, "%s %s of another payment", row.code, sub)
			n.proven = errSignature
			require.Equal(t, merchant.Indeterminate, n.result("P1").Outcome, "%s %s, unproven", row.code, sub)
		}
	}
}

// TestRefusals_OfAnotherPaymentBuryNothing: two answers that were swapped on
// their way are both genuine. A decline, or an absence, that names another
// payment must not end the one that was asked about.
func TestRefusals_OfAnotherPaymentBuryNothing(t *testing.T) {
	for name, call := range map[string]func(*Client) merchant.Result{
		"charge": func(c *Client) merchant.Result {
			asked := started(t, c, payment.MethodBarcode)
			return c.Start(context.Background(), asked, asked.Request).Result
		},
		"query": func(c *Client) merchant.Result {
			return c.Query(context.Background(), started(t, c, payment.MethodCode)).Result
		},
		"query of a barcode": func(c *Client) merchant.Result {
			return c.Query(context.Background(), started(t, c, payment.MethodBarcode)).Result
		},
		"close": func(c *Client) merchant.Result {
			return c.Close(context.Background(), started(t, c, payment.MethodCode))
		},
		"cancel": func(c *Client) merchant.Result {
			return c.Reverse(context.Background(), started(t, c, payment.MethodBarcode))
		},
		"refund": func(c *Client) merchant.Result {
			asked, request := refunding(t, c)
			return c.Refund(context.Background(), asked, request).Result
		},
		"refund query": func(c *Client) merchant.Result {
			asked, _ := refunding(t, c)
			return c.QueryRefund(context.Background(), asked).Result
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, sub := range []string{"ACQ.TRADE_NOT_EXIST", "ACQ.PAYMENT_AUTH_CODE_INVALID", "ACQ.INVALID_PARAMETER"} {
				c, _ := gateway(t, refusal(sub, "P2"))
				require.Equal(t, merchant.Indeterminate, call(c).Outcome, sub)
			}
		})
	}
}

// TestGateway_WhatIsNoAnswer: nothing is known after any of these, whatever
// was asked.
func TestGateway_WhatIsNoAnswer(t *testing.T) {
	paid := `{"code":"10000","msg":"Success","out_trade_no":"P1","trade_no":"T1","trade_status":"TRADE_SUCCESS","total_amount":"88.80",` +
		`"qr_code":"q","retry_flag":"N","action":"close","fund_change":"Y","refund_fee":"88.80","refund_amount":"88.80","out_request_no":"R1","refund_status":"REFUND_SUCCESS"}`
	for name, broken := range map[string]answer{
		"unsigned":              {node: paid, unsigned: true},
		"altered":               {node: paid, altered: true},
		"502":                   {node: paid, status: 502},
		"redirect":              {node: paid, status: 302},
		"a page":                {whole: "<html>busy</html>"},
		"half":                  {whole: `{"alipay_trade_query_response":{"code":"100`},
		"nothing":               {whole: " "},
		"null":                  {whole: "null"},
		"a list":                {whole: "[]"},
		"another node":          {node: paid, name: "alipay_trade_other_response"},
		"node is no object":     {node: `"10000"`},
		"node is encrypted":     {node: `"p+/u1S/TUaBl/+UgJx+zJ40k6gFZ51JSV8B2t/qbMUUM13UeQnoe5tD7Rg4lXco7"`},
		"signature is a number": {whole: `{"error_response":` + paid + `,"sign":7}`},
		"error without a code":  {node: `{}`, name: "error_response"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := gateway(t, broken, broken, broken, broken, broken, broken)
			asked := started(t, c, payment.MethodBarcode)
			refund, request := refunding(t, c)
			for call, outcome := range map[string]merchant.Outcome{
				"start":        c.Start(context.Background(), asked, asked.Request).Outcome,
				"query":        c.Query(context.Background(), asked).Outcome,
				"close":        c.Close(context.Background(), asked).Outcome,
				"reverse":      c.Reverse(context.Background(), asked).Outcome,
				"refund":       c.Refund(context.Background(), refund, request).Outcome,
				"refund query": c.QueryRefund(context.Background(), refund).Outcome,
			} {
				require.Equal(t, merchant.Indeterminate, outcome, call)
			}
		})
	}
}

// TestGateway_EarlyErrors: before the app is known the gateway
// answers unsigned, under another node. What does not name its sender says
// nothing; the same signed is a refusal.
func TestGateway_EarlyErrors(t *testing.T) {
	early := `{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-app-id","sub_msg":"m"}`
	for signed, want := range map[bool]merchant.Outcome{true: merchant.Failed, false: merchant.Indeterminate} {
		c, _ := gateway(t, answer{node: early, name: "error_response", unsigned: !signed})
		asked := started(t, c, payment.MethodCode)
		require.Equal(t, want, c.Start(context.Background(), asked, asked.Request).Outcome, fmt.Sprint(signed))
	}
}
