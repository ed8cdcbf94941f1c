package alipay

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// told is a notification as the provider posts it: fields of a payment with
// changes, signed. A change to "" leaves a field out.
func told(tb testing.TB, changes map[string]string) []byte {
	tb.Helper()
	fields := map[string]string{"app_id": testApp, "auth_app_id": testApp, "charset": "utf-8", "notify_id": "N1",
		"notify_time": "2026-09-25 10:00:06", "notify_type": "trade_status_sync", "out_trade_no": "P1", "seller_id": testSeller,
		"total_amount": "88.80", "receipt_amount": "80.00", "trade_no": "T1", "trade_status": "TRADE_SUCCESS", "version": "1.0",
		"gmt_create": "2026-09-25 10:00:01", "gmt_payment": "2026-09-25 10:00:05"}
	maps.Copy(fields, changes)
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	return posted(tb, fields)
}

// posted signs fields and writes them as a form.
func posted(tb testing.TB, fields map[string]string) []byte {
	tb.Helper()
	key, _ := testKey(tb, "alipay")
	values := url.Values{"sign_type": {"RSA2"}, "sign": {signedBy(tb, key, stringToSign(fields))}}
	for name, value := range fields {
		values.Set(name, value)
	}
	return []byte(values.Encode())
}

func TestRead_Payments(t *testing.T) {
	for name, row := range map[string]struct {
		changes map[string]string
		want    merchant.Standing // "" is an error
	}{
		"paid":                  {nil, merchant.Paid},
		"finished":              {map[string]string{"trade_status": "TRADE_FINISHED"}, merchant.Paid},
		"waiting":               {map[string]string{"trade_status": "WAIT_BUYER_PAY", "gmt_payment": ""}, merchant.Unpaid},
		"closed by time":        {map[string]string{"trade_status": "TRADE_CLOSED", "gmt_payment": "", "gmt_close": "2026-09-25 11:00:00"}, merchant.Ended},
		"strange status":        {map[string]string{"trade_status": "TRADE_PENDING"}, ""},
		"no status":             {map[string]string{"trade_status": ""}, ""},
		"another app":           {map[string]string{"app_id": "2021000000000002"}, ""},
		"another seller":        {map[string]string{"seller_id": "2088000000000002"}, ""},
		"no app":                {map[string]string{"app_id": ""}, ""},
		"no seller":             {map[string]string{"seller_id": ""}, ""},
		"no number":             {map[string]string{"trade_no": ""}, ""},
		"no amount":             {map[string]string{"total_amount": ""}, ""},
		"amount of no currency": {map[string]string{"total_amount": "88.801"}, ""},
		"no time":               {map[string]string{"gmt_payment": "soon"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, testConfig(t), nil, fixed(now))
			body := told(t, row.changes)
			require.NoError(t, c.Verify(context.Background(), nil, body))
			notice, err := c.Read(body)
			if row.want == "" {
				require.Error(t, err)
				require.Empty(t, notice)
				return
			}
			require.NoError(t, err)
			require.Nil(t, notice.Refund)
			require.Len(t, notice.Trades, 1)
			got := notice.Trades[0]
			require.Equal(t, row.want, got.Standing)
			require.EqualValues(t, "P1", got.Reference)
			require.Equal(t, payment.Fen(8880), got.Amount, "gross, before coupons")
			require.Equal(t, row.want == merchant.Paid, got.PaidAt.Equal(time.Date(2026, 9, 25, 2, 0, 5, 0, time.UTC)))
		})
	}
}

// TestRead_OfAnotherAccount: the reason is a class of its own, for people.
func TestRead_OfAnotherAccount(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	_, err := c.Read(told(t, map[string]string{"seller_id": "2088000000000002"}))
	require.ErrorIs(t, err, errNotOurs)
}

// TestRead_RefundsNeverCredit: a refund is told with the status of a payment
// (section 7). It is a reason to ask, and no more: the amount it names is the
// sum of all refunds.
func TestRead_RefundsNeverCredit(t *testing.T) {
	partial := map[string]string{"refund_fee": "20.00", "gmt_refund": "2026-09-25 11:00:00.123", "out_biz_no": "R1"}
	for name, changes := range map[string]map[string]string{
		"part":                {"refund_fee": "20.00", "gmt_refund": "2026-09-25 11:00:00.123", "out_biz_no": "R1"},
		"part, with one mark": {"refund_fee": "20.00", "out_biz_no": "R1"},
		"part, the other":     {"gmt_refund": "2026-09-25 11:00:00", "out_biz_no": "R1"},
		"all":                 {"trade_status": "TRADE_CLOSED", "refund_fee": "88.80", "gmt_refund": "2026-09-25 11:00:00", "out_biz_no": "R1"},
	} {
		c := newClient(t, testConfig(t), nil, fixed(now))
		body := told(t, changes)
		require.NoError(t, c.Verify(context.Background(), nil, body), name)
		notice, err := c.Read(body)
		require.NoError(t, err, name)
		require.Equal(t, merchant.Notice{Refund: &merchant.RefundReport{Payment: "P1", Refund: "R1", Unconfirmed: true}}, notice, name)
	}
	// Whoever has seen one can post it again with its marks hidden in the value
	// before them: the text is the same, and so the signature holds.
	genuine := string(told(t, partial))
	values, err := url.ParseQuery(genuine)
	require.NoError(t, err)
	values.Set("gmt_create", values.Get("gmt_create")+"&gmt_payment="+values.Get("gmt_payment")+"&gmt_refund="+values.Get("gmt_refund"))
	values.Set("receipt_amount", values.Get("receipt_amount")+"&refund_fee="+values.Get("refund_fee"))
	for _, hidden := range []string{"gmt_payment", "gmt_refund", "refund_fee"} {
		values.Del(hidden)
	}
	c := newClient(t, testConfig(t), nil, fixed(now))
	require.NoError(t, c.Verify(context.Background(), nil, []byte(values.Encode())), "it is the same text")
	notice, err := c.Read([]byte(values.Encode()))
	require.NoError(t, err)
	require.Empty(t, notice.Trades)
}

// TestVerify_ByAnotherKey: signed well, by somebody else; our own key included,
// which is the mix-up that section 12 knows.
func TestVerify_ByAnotherKey(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	fields, err := form(told(t, nil))
	require.NoError(t, err)
	delete(fields, "sign")
	delete(fields, "sign_type")
	own, _ := testKey(t, "app")
	values := url.Values{"sign": {signedBy(t, own, stringToSign(fields))}}
	for name, value := range fields {
		values.Set(name, value)
	}
	require.ErrorIs(t, c.Verify(context.Background(), nil, []byte(values.Encode())), errSignature)
	values.Set("sign", "not base64")
	require.ErrorIs(t, c.Verify(context.Background(), nil, []byte(values.Encode())), errSignature)
}

func TestRead_FormsThatCannotBeRead(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	for _, body := range []string{"%zz", "a=1&a=2", string(told(t, nil)) + "&total_amount=0.01", ""} {
		_, err := c.Read([]byte(body))
		require.Error(t, err, body)
	}
}

func TestReply_SevenLetters(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	yes, no := c.Reply(nil), c.Reply(errors.New("no"))
	require.Equal(t, [2]any{200, "success"}, [2]any{yes.Status, string(yes.Body)})
	require.NotEqual(t, 200, no.Status)
	require.NotContains(t, string(no.Body), "success")
}

func TestNew_ConfigurationsThatCannotWork(t *testing.T) {
	good := testConfig(t)
	for name, spoil := range map[string]func(*Config){
		"no app":              func(c *Config) { c.AppID = "" },
		"no seller":           func(c *Config) { c.SellerID = "" },
		"no private key":      func(c *Config) { c.PrivateKeyPEM = "" },
		"no public key":       func(c *Config) { c.PublicKeyPEM = "" },
		"key without PEM":     func(c *Config) { c.PrivateKeyPEM = "MIIEvw" },
		"key of no kind":      func(c *Config) { c.PrivateKeyPEM = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n" },
		"public key no PEM":   func(c *Config) { c.PublicKeyPEM = "MIIBIj" },
		"public key no key":   func(c *Config) { c.PublicKeyPEM = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n" },
		"certificate none":    func(c *Config) { c.PublicKeyPEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" },
		"relative gateway":    func(c *Config) { c.GatewayURL = "gateway.do" },
		"half of the serials": func(c *Config) { c.AppCertSN = "a" },
		"no public serial":    func(c *Config) { c.AppCertSN, c.RootCertSN = "a", "b" },
	} {
		config := good
		spoil(&config)
		_, err := New(config, "https://shop.example", nil, fixed(now))
		require.ErrorIs(t, err, ErrConfig, name)
	}
	c := newClient(t, good, nil, fixed(now))
	require.Equal(t, defaultGatewayURL, c.config.GatewayURL)
	require.Equal(t, Name, c.Name())
}

// TestCertificateMode: the serials are sent and signed, and only an answer
// under the known certificate counts (section 2).
func TestCertificateMode(t *testing.T) {
	key, _ := testKey(t, "alipay")
	node := tradeNode("P1", "TRADE_SUCCESS")
	signature := `,"sign":"` + signedBy(t, key, node) + `"}`
	for serial, want := range map[string]merchant.Outcome{`,"alipay_cert_sn":"known"`: merchant.OK,
		`,"alipay_cert_sn":"rotated"`: merchant.Indeterminate, ``: merchant.Indeterminate, `,"alipay_cert_sn":7`: merchant.Indeterminate} {
		c, seen := gateway(t, answer{whole: `{"alipay_trade_query_response":` + node + serial + signature})
		c.config.AppCertSN, c.config.RootCertSN, c.config.PublicCertSN = "app", "roots", "known"
		require.Equal(t, want, c.Query(context.Background(), started(t, c, payment.MethodCode)).Outcome, serial)
		require.Equal(t, "app roots", strings.Join([]string{(*seen)[0].Get("app_cert_sn"), (*seen)[0].Get("alipay_root_cert_sn")}, " "))
	}
}
