package alipay

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// TestVectors_V1Request: the text that is signed and its signature, byte for
// byte as an official client makes them.
func TestVectors_V1Request(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	text, signature := vectors(t)["V1"][0], vectors(t)["V1"][1]
	parameters := map[string]string{"app_id": testApp, "charset": "utf-8", "method": methodPay, "notify_url": "https://merchant.test/notify",
		"sign_type": "RSA2", "timestamp": wireTime(now), "version": "1.0", "app_cert_sn": "", // what is empty is left out
		"biz_content": `{"out_trade_no":"PQ20260925000001","scene":"bar_code","auth_code":"28763443825664394","product_code":"FACE_TO_FACE_PAYMENT","subject":"测试 订单+1%","total_amount":"88.80"}`}
	require.Equal(t, text, stringToSign(parameters))
	signed, err := c.sign(text)
	require.NoError(t, err)
	require.Equal(t, signature, signed)
}

func TestVectors_V2Precreate(t *testing.T) {
	body := vectors(t)["V2"][0]
	request := merchant.Request{Path: methodPrecreate, Body: `{"out_trade_no":"PQ20260925000002"}`}
	asked := merchant.Asked{Reference: "PQ20260925000002", Method: payment.MethodCode, Request: request}
	for name, row := range map[string]struct {
		body    string
		outcome merchant.Outcome
	}{
		"as it came":                       {body, merchant.OK},
		"slashes written otherwise":        {strings.ReplaceAll(body, `\/`, `/`), merchant.Indeterminate},
		"one space more":                   {strings.Replace(body, `{"code"`, `{ "code"`, 1), merchant.Indeterminate},
		"without signature":                {body[:strings.Index(body, `,"sign"`)] + "}", merchant.Indeterminate},
		"of a certificate nobody knows":    {strings.Replace(body, `,"sign"`, `,"alipay_cert_sn":"297a028d1bd05e485f0aecd891c95a40","sign"`, 1), merchant.Indeterminate},
		"cut off":                          {body[:len(body)-10], merchant.Indeterminate},
		"under the node of another method": {strings.Replace(body, "precreate", "create", 1), merchant.Indeterminate},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := gateway(t, answer{whole: row.body})
			got := c.Start(context.Background(), asked, request)
			require.Equal(t, row.outcome, got.Outcome, got.Detail)
			if row.outcome == merchant.OK {
				require.Equal(t, "https://qr.alipay.com/bax0payquaketest", got.Invitation.Code)
			}
		})
	}
}

// TestVectors_V2bInProcess: 10003 asks the shopper for a password. It is not
// success, whatever other clients make of it (section 12).
func TestVectors_V2bInProcess(t *testing.T) {
	c, _ := gateway(t, answer{whole: vectors(t)["V2b"][0]})
	asked := merchant.Asked{Reference: "PQ20260925000001", Method: payment.MethodBarcode}
	got := c.Start(context.Background(), asked, merchant.Request{Path: methodPay, Body: `{}`})
	require.Equal(t, merchant.StartAnswer{Result: merchant.Result{Outcome: merchant.OK},
		Trade: merchant.Trade{Reference: "PQ20260925000001", Standing: merchant.Deciding}}, got)
}

func TestVectors_V3Notification(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	text, body := vectors(t)["V3"][0], vectors(t)["V3"][1]
	fields, err := form([]byte(body))
	require.NoError(t, err)
	delete(fields, "sign")
	delete(fields, "sign_type")
	require.Equal(t, text, stringToSign(fields))
	require.NoError(t, c.Verify(context.Background(), nil, []byte(body)))
	notice, err := c.Read([]byte(body))
	require.NoError(t, err)
	require.Nil(t, notice.Refund)
	require.Len(t, notice.Trades, 1)
	paid := notice.Trades[0].PaidAt
	require.True(t, paid.Equal(time.Date(2026, 9, 25, 2, 0, 5, 0, time.UTC)), paid)
	require.Equal(t, merchant.Trade{Reference: "PQ20260925000001", ProviderReference: "2026092522001400000000000001",
		Standing: merchant.Paid, Amount: payment.Fen(8880), PaidAt: paid}, notice.Trades[0])
}

func TestVectors_V3Altered(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	body := vectors(t)["V3"][1]
	for name, row := range map[string]struct {
		body  string
		holds bool
	}{
		"an empty field more":       {body + "&body=", true}, // documented as skipped by some, kept by others
		"a certificate's number":    {body + "&alipay_cert_sn=297a028d1bd05e485f0aecd891c95a40", false},
		"another amount":            {strings.Replace(body, "total_amount=88.80", "total_amount=0.01", 1), false},
		"another payment":           {strings.Replace(body, "PQ20260925000001", "PQ20260925000002", 1), false},
		"a field less":              {strings.Replace(body, "&version=1.0", "", 1), false},
		"a field more":              {body + "&passback_params=x", false},
		"the amount twice":          {body + "&total_amount=88.80", false},
		"the signature twice":       {strings.Replace(body, "&sign=", "&sign=x&sign=", 1), false},
		"no signature":              {body[:strings.Index(body, "&sign=")] + body[strings.Index(body, "&sign_type="):], false},
		"signature of another type": {strings.Replace(body, "sign_type=RSA2", "sign_type=RSA", 1), true}, // it is not signed, and checked as RSA2
		"no form":                   {body + "&%zz", false},
		"nothing":                   {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.Verify(context.Background(), nil, []byte(row.body))
			require.Equal(t, row.holds, err == nil, "%v", err)
		})
	}
}
