package unionpay

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// told is a notification as the provider posts it.
func told(tb testing.TB, changes ...string) []byte {
	tb.Helper()
	pairs := map[string]string{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "merId": testMerchant, "orderId": "P0000001",
		"txnTime": "20261123140233", "txnType": "01", "txnSubType": "07", "txnAmt": "1001", "currencyCode": "156", "respCode": "00",
		"respMsg": "成功[0000000]", "queryId": "512611231402335616528", "reqReserved": "{a=1&b=2}"}
	for i := 0; i+1 < len(changes); i += 2 {
		pairs[changes[i]] = changes[i+1]
	}
	return posted(provider(tb).signed(tb, pairs))
}

// TestRead: whatever is told, a query must confirm it; so nothing of it is a
// standing, and least of all "paid".
func TestRead(t *testing.T) {
	asked := merchant.Notice{Trades: []merchant.Trade{{Reference: "P0000001", Standing: merchant.Deciding, Unconfirmed: true}}}
	refund := merchant.Notice{Refund: &merchant.RefundReport{Payment: "P0000001", Refund: "R0000001", Unconfirmed: true}}
	for name, row := range map[string]struct {
		changes []string
		want    merchant.Notice // empty: an error
	}{
		"paid":                {nil, asked},
		"failed":              {[]string{"respCode", "61"}, asked},
		"refunded":            {[]string{"txnType", "04", "txnSubType", "00", "orderId", "R0000001", "origOrderId", "P0000001"}, refund},
		"voided":              {[]string{"txnType", "31"}, merchant.Notice{}},
		"of no type":          {[]string{"txnType", ""}, merchant.Notice{}},
		"of another merchant": {[]string{"merId", "777290058110049"}, merchant.Notice{}},
		"of no merchant":      {[]string{"merId", ""}, merchant.Notice{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, testConfig(t), nil, fixed(now))
			body := told(t, row.changes...)
			require.NoError(t, c.Verify(context.Background(), nil, body))
			got, err := c.Read(body)
			require.Equal(t, row.want, got)
			require.Equal(t, len(row.want.Trades) == 0 && row.want.Refund == nil, err != nil)
		})
	}
}

func TestRead_OfAnotherAccount(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	_, err := c.Read(told(t, "merId", "777290058110049"))
	require.ErrorIs(t, err, errNotOurs)
}

func TestVerify_Altered(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	good := string(told(t))
	for name, body := range map[string]string{
		"a pair more":  good + "&x=1",
		"empty pair":   good + "&x=",
		"a pair twice": good + "&txnAmt=1001",
		"no form":      good + "&%zz",
		"nothing":      "",
	} {
		require.Error(t, c.Verify(context.Background(), nil, []byte(body)), name)
	}
	for _, body := range []string{good + "&txnAmt=1001", "%zz"} {
		_, err := c.Read([]byte(body))
		require.Error(t, err)
	}
}

func TestReply_TheStatusCounts(t *testing.T) {
	c := newClient(t, testConfig(t), nil, fixed(now))
	require.Equal(t, 200, c.Reply(nil).Status)
	require.NotContains(t, []int{200, 302}, c.Reply(errors.New("no")).Status)
}

func TestNew_ConfigurationsThatCannotWork(t *testing.T) {
	good := testConfig(t)
	for name, spoil := range map[string]func(*Config){
		"no merchant":       func(c *Config) { c.MerchantID = "" },
		"no certificate id": func(c *Config) { c.CertID = "" },
		"no private key":    func(c *Config) { c.PrivateKeyPEM = "" },
		"no root":           func(c *Config) { c.RootPEM = "" },
		"no middle":         func(c *Config) { c.MiddlePEM = "" },
		"key without PEM":   func(c *Config) { c.PrivateKeyPEM = "MIIC" },
		"key of no kind":    func(c *Config) { c.PrivateKeyPEM = "-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----\n" },
		"root is none":      func(c *Config) { c.RootPEM = c.PrivateKeyPEM },
		"relative URL":      func(c *Config) { c.BaseURL = "gateway" },
	} {
		config := good
		spoil(&config)
		_, err := New(config, "https://shop.example", nil, fixed(now))
		require.ErrorIs(t, err, ErrConfig, name)
	}
	c := newClient(t, good, nil, fixed(now))
	require.Equal(t, defaultBaseURL, c.base)
	require.Equal(t, payment.ProviderName("unionpay"), c.Name())
}
