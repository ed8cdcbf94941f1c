package alipay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// FuzzAnswer: whatever a stranger answers, reading it never panics, and none of
// it is proven but what the provider once signed.
func FuzzAnswer(f *testing.F) {
	genuine := map[string]bool{}
	for _, name := range []string{"V2", "V2b"} {
		body := vectors(f)[name][0]
		genuine[body[strings.Index(body, `:{`)+1:strings.Index(body, `,"sign"`)]] = true
		f.Add(body)
	}
	f.Add(`{"alipay_trade_query_response":` + tradeNode("P1", "TRADE_SUCCESS") + `,"sign":"AAAA"}`)
	f.Add(`{"error_response":{"code":"40004"},"sign":null,"alipay_cert_sn":[]}`)
	c := newClient(f, testConfig(f), nil, fixed(now))
	f.Fuzz(func(t *testing.T, body string) {
		for _, method := range []string{methodPrecreate, methodPay, methodQuery} {
			n, err := c.read(method, []byte(body))
			if err != nil {
				continue
			}
			if n.proven == nil && !genuine[string(n.raw)] {
				t.Errorf("%s: proven %q", method, body)
			}
			if n.proven != nil && n.result("P1").Outcome != merchant.Indeterminate {
				t.Errorf("%s: unproven and yet %s: %q", method, n.result("P1").Outcome, body)
			}
		}
	})
}

// saying is a transport that answers every request with a node, signed.
type saying struct {
	key  *rsa.PrivateKey
	node string
}

func (s *saying) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(s.node))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, digest[:])
	if err != nil {
		return nil, err
	}
	body := `{"` + strings.ReplaceAll(r.Form.Get("method"), ".", "_") + `_response":` + s.node + `,"sign":"` + base64.StdEncoding.EncodeToString(signature) + `"}`
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// FuzzProvenNode: the provider itself may say anything. Reading it never
// panics, and what counts as paid names its number and an amount.
func FuzzProvenNode(f *testing.F) {
	f.Add(uint8(0), tradeNode("P1", "TRADE_SUCCESS"))
	f.Add(uint8(0), tradeNode("P1", "TRADE_CLOSED"))
	f.Add(uint8(0), refusal("ACQ.TRADE_NOT_EXIST", "P1").node)
	f.Add(uint8(1), `{"code":"10000","out_trade_no":"P1","qr_code":"q"}`)
	f.Add(uint8(2), `{"code":"10003","out_trade_no":"P1"}`)
	f.Add(uint8(3), `{"code":"10000","action":"close","out_trade_no":"P1","retry_flag":"N"}`)
	f.Add(uint8(4), `{"code":"10000","fund_change":"Y","out_trade_no":"P1","refund_fee":"20.00"}`)
	f.Add(uint8(5), `{"code":"10000","out_request_no":"R1","out_trade_no":"P1","refund_amount":"20.00","refund_status":"REFUND_SUCCESS"}`)
	said := &saying{}
	var err error
	said.key, err = rsa.GenerateKey(rand.Reader, 1024) // short, so that many answers can be tried
	require.NoError(f, err)
	c := newClient(f, testConfig(f), &http.Client{Transport: said}, fixed(now))
	c.key, c.theirs = said.key, &said.key.PublicKey
	code, barcode := started(f, c, payment.MethodCode), started(f, c, payment.MethodBarcode)
	refund, request := refunding(f, c)
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, call uint8, node string) {
		said.node = node
		switch call % 6 {
		case 0:
			got := c.Query(ctx, code).Trade
			if got.Standing == merchant.Paid && (got.Amount.Minor < 1 || got.ProviderReference == "") {
				t.Errorf("paid %+v by %q", got, node)
			}
		case 1:
			if got := c.Start(ctx, code, code.Request); got.Outcome == merchant.OK && got.Invitation.Code == "" {
				t.Errorf("invited nobody by %q", node)
			}
		case 2:
			if got := c.Start(ctx, barcode, barcode.Request); got.Outcome == merchant.OK && got.Trade.Standing != merchant.Deciding {
				t.Errorf("an answer to a charge decided it: %+v by %q", got, node)
			}
		case 3:
			if got := c.Reverse(ctx, barcode); got.Outcome == merchant.OK && got.Class != "" {
				t.Errorf("reversed and refused by %q", node)
			}
		case 4:
			if got := c.Refund(ctx, refund, request); got.Outcome == merchant.OK && got.Report.Amount != payment.Fen(2000) {
				t.Errorf("refunded %+v by %q", got, node)
			}
		case 5:
			if got := c.QueryRefund(ctx, refund); got.Outcome == merchant.OK && got.Report.Amount.Currency != payment.CNY {
				t.Errorf("refunded %+v by %q", got, node)
			}
		}
	})
}

// FuzzNotification: whatever a stranger posts, reading it never panics, and
// only the text of the vector passes for the provider's.
func FuzzNotification(f *testing.F) {
	genuine := vectors(f)["V3"]
	f.Add([]byte(genuine[1]))
	f.Add([]byte(genuine[1] + "&refund_fee=1.00"))
	f.Add([]byte("sign=AAAA&app_id=" + testApp + "&seller_id=" + testSeller + "&trade_status=TRADE_SUCCESS"))
	c := newClient(f, testConfig(f), nil, fixed(now))
	f.Fuzz(func(t *testing.T, body []byte) {
		notice, err := c.Read(body)
		if err == nil && len(notice.Trades) == 1 && notice.Trades[0].Standing == merchant.Paid && notice.Trades[0].Amount.Minor < 1 {
			t.Errorf("read %+v out of %q", notice, body)
		}
		if c.Verify(context.Background(), nil, body) != nil {
			return
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatalf("verified what is no form: %q", body)
		}
		fields := map[string]string{}
		for name := range values {
			if name != "sign" && name != "sign_type" {
				fields[name] = values.Get(name)
			}
		}
		if stringToSign(fields) != genuine[0] {
			t.Errorf("verified %q", body)
		}
	})
}
