package unionpay

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// FuzzPairs: whatever a stranger answers, reading it never panics, and only the
// text that the provider signed is proven.
func FuzzPairs(f *testing.F) {
	whole := vector2(f, "V2", "\r\n") + "&signature=" + vectors(f)["V2"][2]
	f.Add(whole)
	f.Add(strings.Replace(whole, "respMsg=成功", "respMsg={a&b", 1))
	f.Add("respCode=00&signPubKeyCert=-----BEGIN CERTIFICATE-----\r\nMIIC\r\n-----END CERTIFICATE-----")
	f.Add("a=}]&b={")
	c := newClient(f, testConfig(f), nil, fixed(now))
	f.Fuzz(func(t *testing.T, text string) {
		read, err := parsePairs(text)
		if err == nil && c.verify(read) == nil && read.digest() != vectors(t)["V2"][1] {
			t.Errorf("verified %q", text)
		}
	})
}

// FuzzNotification: the same of what a stranger posts; and whatever it is, it
// is not booked before a query.
func FuzzNotification(f *testing.F) {
	genuine := told(f)
	want, err := form(genuine)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(genuine)
	f.Add([]byte("txnType=04&orderId=R0000001&merId=" + testMerchant))
	f.Add([]byte("txnType=01&orderId=P0000001&respCode=00&merId=" + testMerchant))
	c := newClient(f, testConfig(f), nil, fixed(now))
	f.Fuzz(func(t *testing.T, body []byte) {
		notice, err := c.Read(body)
		for _, trade := range notice.Trades {
			if err != nil || !trade.Unconfirmed || trade.Standing == merchant.Paid {
				t.Errorf("read %+v out of %q", trade, body)
			}
		}
		if notice.Refund != nil && !notice.Refund.Unconfirmed {
			t.Errorf("read %+v out of %q", notice.Refund, body)
		}
		if c.Verify(context.Background(), nil, body) != nil {
			return
		}
		if read, err := form(body); err != nil || read.digest() != want.digest() {
			t.Errorf("verified %q", body)
		}
	})
}

// saying is a transport that answers every request with pairs, signed.
type saying struct {
	tb    testing.TB
	by    signer
	pairs map[string]string
}

func (s *saying) RoundTrip(r *http.Request) (*http.Response, error) {
	body := line(s.by.signed(s.tb, s.pairs))
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// FuzzProvenAnswer: the provider itself may say anything. Reading it never
// panics, and what counts as paid has its number and an amount.
func FuzzProvenAnswer(f *testing.F) {
	for call := range uint8(4) {
		f.Add(call, "respCode=00&origRespCode=00&txnType=01&txnTime=20261123140233&orderId=P0000001&queryId=1&txnAmt=1001&currencyCode=156&traceTime=0230")
		f.Add(call, "respCode=34&txnTime=20261123140233&orderId=P0000001")
		f.Add(call, "respCode=00&origRespCode=A6&txnType=04&txnTime=20261123140233&orderId=R0000001&txnAmt=200")
	}
	said := &saying{by: provider(f)}
	c := newClient(f, testConfig(f), &http.Client{Transport: said}, fixed(now))
	plain, barcode := started(f, c, payment.MethodCode), started(f, c, payment.MethodBarcode)
	refund, request := refunding(f, c)
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, call uint8, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		said.tb, said.pairs = t, map[string]string{"merId": testMerchant}
		for name := range values {
			said.pairs[name] = values.Get(name)
		}
		switch call % 4 {
		case 0:
			if got := c.Query(ctx, plain).Trade; got.Standing == merchant.Paid && (got.Amount.Minor < 1 || got.ProviderReference == "") {
				t.Errorf("paid %+v by %q", got, text)
			}
		case 1:
			got := c.Start(ctx, barcode, barcode.Request)
			if got.Outcome == merchant.OK && (got.Trade.Standing != merchant.Deciding || !got.Trade.Unconfirmed) {
				t.Errorf("an answer to a charge decided it: %+v by %q", got, text)
			}
		case 2:
			if got := c.Refund(ctx, refund, request); got.Outcome == merchant.OK && got.Report.State != payment.RefundProcessing {
				t.Errorf("an answer to a refund decided it: %+v by %q", got, text)
			}
		case 3:
			if got := c.QueryRefund(ctx, refund); got.Outcome == merchant.OK && got.Report.Refund != "R0000001" {
				t.Errorf("answered about %+v by %q", got, text)
			}
		}
	})
}
