package wechatpay

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// unescape writes a vector's message with real line feeds.
func unescape(message string) string { return strings.ReplaceAll(message, `\n`, "\n") }

func TestVectors_RequestSignatures(t *testing.T) {
	c := testClient(t, "", fixed(1767225600))
	for _, name := range []string{"R1", "R2"} {
		v := vectors(t)[name]
		parts := strings.Split(unescape(v[0]), "\n")
		got, err := c.signer.authorizationAt(parts[0], parts[1], parts[4], stamp{parts[2], parts[3]})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got, `signature="`+v[1]+`"`) || !strings.Contains(got, `serial_no="`+testSerial+`"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// vectorAnswer is the header of a signed vector, and its body.
func vectorAnswer(name string, v [2]string) (http.Header, []byte) {
	parts := strings.SplitN(strings.TrimSuffix(unescape(v[0]), "\n"), "\n", 3)
	header := http.Header{}
	header.Set("Wechatpay-Serial", testKeyID)
	header.Set("Wechatpay-Signature", v[1])
	if name == "N1" {
		header.Set("Wechatpay-Timestamp", "1767225606")
		header.Set("Wechatpay-Nonce", "EcITOUKyl8qSkfz1fQxVZ5sRNwCwgnOw")
		return header, []byte(v[0])
	}
	header.Set("Wechatpay-Timestamp", parts[0])
	header.Set("Wechatpay-Nonce", parts[1])
	return header, []byte(parts[2])
}

func TestVectors_AnswersAndCallback(t *testing.T) {
	for _, name := range []string{"P1", "P2", "N1"} {
		header, body := vectorAnswer(name, vectors(t)[name])
		signedAt, err := strconv.ParseInt(header.Get("Wechatpay-Timestamp"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		for offset, want := range map[int64]error{0: nil, 299: nil, -299: nil, 301: errStale, -301: errStale} {
			c := testClient(t, "", fixed(signedAt+offset))
			if err := c.Verify(context.Background(), header, body); !errors.Is(err, want) {
				t.Errorf("%s at %d: %v, want %v", name, offset, err, want)
			}
		}
		c := testClient(t, "", fixed(1767225604))
		if err := c.Verify(context.Background(), header, append(body, ' ')); !errors.Is(err, errSignature) {
			t.Errorf("%s with one more byte: %v", name, err)
		}
		header.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/abc")
		if err := c.Verify(context.Background(), header, body); !errors.Is(err, errSignature) {
			t.Errorf("%s probe: %v", name, err)
		}
		header.Set("Wechatpay-Serial", "ANOTHER")
		if err := c.Verify(context.Background(), header, body); !errors.Is(err, errUnknown) {
			t.Errorf("%s unknown key: %v", name, err)
		}
	}
}

func TestVectors_N1IsReadToItsPayment(t *testing.T) {
	c := testClient(t, "", fixed(1767225606))
	notice, err := c.Read([]byte(vectors(t)["N1"][0]))
	if err != nil || len(notice.Trades) != 1 || notice.Refund != nil {
		t.Fatalf("got %+v, %v", notice, err)
	}
	trade := notice.Trades[0]
	want := merchant.Trade{
		Reference: "PQ20260101000001", ProviderReference: "4200000000202601010000000001", Standing: merchant.Paid,
		Amount: payment.Fen(101), PaidAt: trade.PaidAt,
	}
	if trade != want || !trade.PaidAt.Equal(time.Unix(1767225605, 0)) {
		t.Errorf("got %+v, %v", trade, err)
	}
	_, plain, err := c.open([]byte(vectors(t)["N1"][0]))
	if err != nil {
		t.Fatal(err)
	}
	if wanted, err := os.ReadFile("testdata/n1-plain.json"); err != nil || string(plain) != string(wanted) {
		t.Errorf("plain text %s, %v", plain, err)
	}
}

func TestVectors_G2(t *testing.T) {
	for _, v := range []struct{ data, ciphertext, plain string }{
		{"certificate", "u95Zsq3+fhO7YRp3Ll6FeW7ylam/HW/HFukuwf0HaJqX0K6h8zeOxl9yMxYvaDp9qhTu6D5mJo3j+FKd6tH23mZc6yBGHUwVkaEq",
			"-----BEGIN CERTIFICATE-----\nTEST\n-----END CERTIFICATE-----\n"},
		{"", "7jRYuFPrxXTBm82TJ46k3jI=", "x"},
	} {
		s := sealed{Algorithm: "AEAD_AES_256_GCM", Ciphertext: v.ciphertext, AssociatedData: v.data, Nonce: "0123456789ab"}
		if plain, err := s.open(testAPIKey); err != nil || string(plain) != v.plain {
			t.Errorf("%q: %q, %v", v.data, plain, err)
		}
		s.Nonce = "short" // must not panic as GCM does
		if _, err := s.open(testAPIKey); err == nil {
			t.Error("a short nonce was accepted")
		}
	}
}

func TestVectors_FrontEndParameters(t *testing.T) {
	c := testClient(t, "", fixed(1767225600))
	at := stamp{"1767225600", "593BEC0C930BF1AFEB40B4A08C8FB242"}
	inApp, err := c.signer.inAppParameters(testApp, "wx201410272009395522657a690389285100", at)
	if err != nil || inApp["paySign"] != vectors(t)["J1"][1] {
		t.Errorf("J1: %v, %v", inApp, err)
	}
	app, err := c.signer.appParameters(testApp, "wx201410272009395522657a690389285100", at)
	if err != nil || !strings.HasPrefix(app["sign"], "TTIpFRLfaIQ2DoLk4XNfzK7Tom6bmNNw") || !strings.HasSuffix(app["sign"], "n4cCN9ezq07Z8w==") {
		t.Errorf("A1: %v, %v", app, err)
	}
}

// FuzzRead: whatever a stranger posts, reading it never panics and
// never makes a payment of anything but a sealed message of ours.
func FuzzRead(f *testing.F) {
	f.Add([]byte(vectors(f)["N1"][0]))
	f.Add([]byte(`{"event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"1"}}`))
	c := testClient(f, "", fixed(1767225606))
	f.Fuzz(func(t *testing.T, body []byte) {
		notice, err := c.Read(body)
		if err != nil {
			return
		}
		if notice.Refund != nil || notice.Trades[0].Reference != "PQ20260101000001" {
			t.Errorf("read %+v out of nothing", notice)
		}
	})
}

// FuzzVerify: no header but the vector's verifies the vector's body.
func FuzzVerify(f *testing.F) {
	header, body := vectorAnswer("N1", vectors(f)["N1"])
	genuine := header.Get("Wechatpay-Signature")
	f.Add("1767225606", "EcITOUKyl8qSkfz1fQxVZ5sRNwCwgnOw", genuine, testKeyID, body)
	c := testClient(f, "", fixed(1767225606))
	f.Fuzz(func(t *testing.T, timestamp, nonce, signature, serial string, text []byte) {
		h := http.Header{}
		h.Set("Wechatpay-Timestamp", timestamp)
		h.Set("Wechatpay-Nonce", nonce)
		h.Set("Wechatpay-Signature", signature)
		h.Set("Wechatpay-Serial", serial)
		same := timestamp+"\n"+nonce+"\n"+string(text) == "1767225606\nEcITOUKyl8qSkfz1fQxVZ5sRNwCwgnOw\n"+string(body)
		if err := c.Verify(context.Background(), h, text); err == nil && !same {
			t.Errorf("verified %q %q %q", timestamp, nonce, text)
		}
	})
}
