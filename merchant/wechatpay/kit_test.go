package wechatpay

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/clients"
)

// The account of the vectors; all of it is TEST-ONLY.
const (
	testMerchant = "1900000109"
	testApp      = "wxd678efh567hg6787"
	testSerial   = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	testKeyID    = "PUB_KEY_ID_0119000001092026010100000000000001"
	testAPIKey   = "payquakeTESTONLYapiv3key00000001"
)

// fixed is a clock that stands still.
type fixed int64

func (f fixed) Now() time.Time                                  { return time.Unix(int64(f), 0) }
func (f fixed) Wait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// vectors are the lines of testdata/vectors.tsv by name.
func vectors(tb testing.TB) map[string][2]string {
	tb.Helper()
	text, err := os.ReadFile("testdata/vectors.tsv")
	if err != nil {
		tb.Fatal(err)
	}
	read := map[string][2]string{}
	for line := range strings.Lines(string(text)) {
		if parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(parts) == 3 {
			read[parts[0]] = [2]string{parts[1], parts[2]}
		}
	}
	return read
}

func testConfig(tb testing.TB, base string) Config {
	tb.Helper()
	text, err := os.ReadFile("testdata/TEST-ONLY-key.pem")
	if err != nil {
		tb.Fatal(err)
	}
	key, err := clients.PrivateKey(string(text))
	if err != nil {
		tb.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return Config{
		BaseURL: base, MerchantID: testMerchant, AppID: testApp, SerialNumber: testSerial, PrivateKeyPEM: string(text),
		APIv3Key: testAPIKey, Mode: ModePublicKey, PublicKeyID: testKeyID,
		PublicKeyPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}
}

func testClient(tb testing.TB, base string, clock merchant.Clock) *Client {
	tb.Helper()
	client, err := New(testConfig(tb, base), "https://shop.example", nil, clock)
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// answer is what the mock platform answers; forged leaves the signature wrong.
type answer struct {
	status   int
	body     string
	unsigned bool
	forged   bool
}

// platform answers each request in turn, signs with the one key, and keeps
// the requests it saw.
func platform(t *testing.T, answers ...answer) (*Client, *[]string) {
	t.Helper()
	var c *Client
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || len(answers) == 0 {
			t.Errorf("%s %s: %v, %d answers left", r.Method, r.URL, err, len(answers))
			return
		}
		seen = append(seen, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		next := answers[0]
		answers = answers[1:]
		if !next.unsigned {
			signed(t, c, w.Header(), next.body)
		}
		if next.forged {
			next.body = strings.Replace(next.body, "{", "{ ", 1)
		}
		w.WriteHeader(next.status)
		if _, err := w.Write(bytes.TrimSpace([]byte(next.body))); err != nil && next.status != 204 {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	c = testClient(t, server.URL, merchant.SystemClock{})
	return c, &seen
}

// signed sets the headers with which the platform signs a body now.
func signed(tb testing.TB, c *Client, header http.Header, body string) {
	tb.Helper()
	timestamp := strconv.FormatInt(c.clock.Now().Unix(), 10)
	signature, err := c.signer.sign(lines(timestamp, "abc", body))
	if err != nil {
		tb.Fatal(err)
	}
	header.Set("Wechatpay-Serial", testKeyID)
	header.Set("Wechatpay-Timestamp", timestamp)
	header.Set("Wechatpay-Nonce", "abc")
	header.Set("Wechatpay-Signature", signature)
}
