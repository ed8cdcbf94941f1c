package alipay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/clients"
	"github.com/payquake/payquake/payment"
)

// The account of the vectors; all of it is TEST-ONLY.
const (
	testApp    = "2021000000000001"
	testSeller = "2088000000000001"
)

// fixed is a clock that stands still.
type fixed time.Time

func (f fixed) Now() time.Time                                  { return time.Time(f) }
func (f fixed) Wait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// now is 10:00 in Beijing on the day of the vectors.
var now = time.Date(2026, 9, 25, 2, 0, 0, 0, time.UTC)

// vectors are the lines of testdata/vectors.tsv by name.
func vectors(tb testing.TB) map[string][]string {
	tb.Helper()
	text, err := os.ReadFile("testdata/vectors.tsv")
	require.NoError(tb, err)
	read := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		read[parts[0]] = parts[1:]
	}
	return read
}

// testKey is a TEST-ONLY key: app or alipay.
func testKey(tb testing.TB, name string) (*rsa.PrivateKey, string) {
	tb.Helper()
	text, err := os.ReadFile("testdata/TEST-ONLY-" + name + ".pem")
	require.NoError(tb, err)
	key, err := clients.PrivateKey(string(text))
	require.NoError(tb, err)
	return key, string(text)
}

func testConfig(tb testing.TB) Config {
	tb.Helper()
	_, own := testKey(tb, "app")
	theirs, _ := testKey(tb, "alipay")
	public, err := x509.MarshalPKIXPublicKey(&theirs.PublicKey)
	require.NoError(tb, err)
	return Config{AppID: testApp, SellerID: testSeller, PrivateKeyPEM: own,
		PublicKeyPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}
}

func newClient(tb testing.TB, config Config, transport *http.Client, clock merchant.Clock) *Client {
	tb.Helper()
	c, err := New(config, "https://shop.example/", transport, clock)
	require.NoError(tb, err)
	return c
}

// signedBy signs as the protocol says, without any code of the client.
func signedBy(tb testing.TB, key *rsa.PrivateKey, text string) string {
	tb.Helper()
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(tb, err)
	return base64.StdEncoding.EncodeToString(signature)
}

// answer is what the gateway says: the node of the method, signed if nothing
// else is said.
type answer struct {
	node     string
	status   int    // 0 means 200
	name     string // of the node; empty means the method's
	unsigned bool
	altered  bool   // after it was signed
	whole    string // the whole body, instead of all that
}

func (a answer) body(tb testing.TB, method string) string {
	if a.whole != "" {
		return a.whole
	}
	if a.name == "" {
		a.name = strings.ReplaceAll(method, ".", "_") + "_response"
	}
	key, _ := testKey(tb, "alipay")
	signature := `,"sign":"` + signedBy(tb, key, a.node) + `"`
	if a.unsigned {
		signature = ""
	}
	if a.altered {
		a.node = strings.Replace(a.node, "{", "{ ", 1)
	}
	return `{"` + a.name + `":` + a.node + signature + `}`
}

// gateway answers each request in turn, checks that it is signed by the app,
// and keeps the parameters it saw.
func gateway(t *testing.T, answers ...answer) (*Client, *[]url.Values) {
	t.Helper()
	own, _ := testKey(t, "app")
	var seen []url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		form, parsing := url.ParseQuery(string(text))
		if err != nil || parsing != nil || len(answers) == 0 || r.Method != http.MethodPost || r.URL.Query().Get("charset") != "utf-8" {
			t.Errorf("%s %s: %v, %v, %d answers left", r.Method, r.URL, err, parsing, len(answers))
			return
		}
		requireSigned(t, &own.PublicKey, form)
		seen = append(seen, form)
		next := answers[0]
		answers = answers[1:]
		if next.status != 0 {
			w.WriteHeader(next.status)
		}
		if _, err := io.WriteString(w, next.body(t, form.Get("method"))); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	config := testConfig(t)
	config.GatewayURL = server.URL + "/gateway.do"
	return newClient(t, config, nil, fixed(now)), &seen
}

// requireSigned checks a request's signature over all that was sent, as the
// gateway does (section 2).
func requireSigned(t *testing.T, public *rsa.PublicKey, form url.Values) {
	t.Helper()
	var pairs []string
	for name, values := range form {
		if len(values) != 1 || values[0] == "" {
			t.Errorf("%s has values %q", name, values)
		}
		if name != "sign" {
			pairs = append(pairs, name+"="+values[0])
		}
	}
	sort.Strings(pairs) // no name is the beginning of another with a letter below "=" after it
	signature, err := base64.StdEncoding.DecodeString(form.Get("sign"))
	digest := sha256.Sum256([]byte(strings.Join(pairs, "&")))
	if err != nil || rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) != nil {
		t.Errorf("the request's signature does not verify: %v", form)
	}
}

// started is how payment P1 was asked for, payable until ten minutes from now.
func started(tb testing.TB, c *Client, method payment.Method) merchant.Asked {
	tb.Helper()
	request, err := c.PrepareStart(merchant.StartIntent{Reference: "P1", Method: method, Amount: payment.Fen(8880), Description: "tea",
		AuthCode: "28763443825664394", ShopperID: "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5", ExpiresAt: now.Add(10 * time.Minute)})
	require.NoError(tb, err)
	return merchant.Asked{Reference: "P1", Method: method, Request: request}
}

// methods are those that Alipay offers here.
func methods() []payment.Method {
	return []payment.Method{payment.MethodCode, payment.MethodInApp, payment.MethodApp, payment.MethodWeb, payment.MethodBarcode}
}

// refusal is a business failure that names a payment.
func refusal(sub, number string) answer {
	return answer{node: `{"code":"40004","msg":"Business Failed","sub_code":"` + sub + `","sub_msg":"m","out_trade_no":"` + number + `"}`}
}
