package unionpay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
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
	testMerchant = "777290058110048"
	testCertID   = "69678957876"
)

// fixed is a clock that stands still.
type fixed time.Time

func (f fixed) Now() time.Time                                  { return time.Time(f) }
func (f fixed) Wait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// now is 14:02:33 in Beijing on the day of the vectors.
var now = time.Date(2026, 11, 23, 6, 2, 33, 0, time.UTC)

// vectors are the lines of testdata/vectors.tsv by name: text, hex1, signature.
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

func file(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile("testdata/TEST-ONLY-" + name + ".pem")
	require.NoError(tb, err)
	return string(text)
}

// carried is a certificate as messages carry it: lines joined by CRLF, none
// after the last.
func carried(pemText string) string {
	return strings.ReplaceAll(strings.TrimSuffix(pemText, "\n"), "\n", "\r\n")
}

// testConfig trusts the certificate of the vectors.
func testConfig(tb testing.TB) Config {
	tb.Helper()
	certificate := file(tb, "certificate")
	return Config{MerchantID: testMerchant, CertID: testCertID, PrivateKeyPEM: file(tb, "key"), RootPEM: certificate, MiddlePEM: certificate}
}

func newClient(tb testing.TB, config Config, transport *http.Client, clock merchant.Clock) *Client {
	tb.Helper()
	c, err := New(config, "https://shop.example/", transport, clock)
	require.NoError(tb, err)
	return c
}

// signer is who signs messages: the provider, or somebody else.
type signer struct {
	key         *rsa.PrivateKey
	certificate string // as PEM
}

// provider signs with the key of the vectors.
func provider(tb testing.TB) signer {
	tb.Helper()
	key, err := clients.PrivateKey(file(tb, "key"))
	require.NoError(tb, err)
	return signer{key, file(tb, "certificate")}
}

// signature is of all pairs but itself, made without any code of the client.
func (s signer) signature(tb testing.TB, pairs map[string]string) string {
	tb.Helper()
	inner := sha256.Sum256([]byte(joined(pairs)))
	outer := sha256.Sum256([]byte(hex.EncodeToString(inner[:])))
	signed, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, outer[:])
	require.NoError(tb, err)
	return base64.StdEncoding.EncodeToString(signed)
}

// joined is the text over which signatures go.
func joined(pairs map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		if name != "signature" {
			all = append(all, name+"="+pairs[name])
		}
	}
	return strings.Join(all, "&")
}

// signed are pairs with the signer's certificate and signature.
func (s signer) signed(tb testing.TB, pairs map[string]string) map[string]string {
	tb.Helper()
	made := maps.Clone(pairs)
	maps.DeleteFunc(made, func(_, value string) bool { return value == "" }) // none is ever empty (section 4)
	made["signPubKeyCert"] = carried(s.certificate)
	made["signature"] = s.signature(tb, made)
	return made
}

// line writes pairs as answers are: on one line, not percent-encoded.
func line(pairs map[string]string) string {
	return joined(pairs) + "&signature=" + pairs["signature"]
}

// form writes pairs as notifications are.
func posted(pairs map[string]string) []byte {
	values := url.Values{}
	for name, value := range pairs {
		values.Set(name, value)
	}
	return []byte(values.Encode())
}

// answer is what the gateway says. Its pairs are added to what it echoes of the
// request; "" takes one away.
type answer struct {
	pairs    map[string]string
	status   int     // 0 means 200
	by       *signer // nil is the provider
	altered  bool    // after it was signed
	whole    string  // the whole body, instead of all that
	location string  // of a redirect
}

// said is an answer with a code.
func said(code string, more ...string) answer {
	pairs := map[string]string{"respCode": code, "respMsg": "成功[0000000]"}
	for i := 0; i+1 < len(more); i += 2 {
		pairs[more[i]] = more[i+1]
	}
	return answer{pairs: pairs}
}

func (a answer) body(tb testing.TB, asked url.Values) string {
	if a.whole != "" {
		return a.whole
	}
	pairs := map[string]string{}
	for _, name := range []string{"version", "encoding", "signMethod", "txnType", "txnSubType", "bizType", "accessType", "merId", "orderId", "txnTime"} {
		pairs[name] = asked.Get(name)
	}
	maps.Copy(pairs, a.pairs)
	by := provider(tb)
	if a.by != nil {
		by = *a.by
	}
	text := line(by.signed(tb, pairs))
	if a.altered {
		text = strings.Replace(text, "respCode=", "respCode=0", 1)
	}
	return text
}

// sent is one request that the gateway saw.
type sent struct {
	path string
	form url.Values
}

// gateway answers each request in turn, checks that it is signed by the
// merchant, and keeps what it saw.
func gateway(t *testing.T, answers ...answer) (*Client, *[]sent) {
	t.Helper()
	own := provider(t).key // one key serves both sides of the vectors
	var seen []sent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		form, parsing := url.ParseQuery(string(text))
		if err != nil || parsing != nil || len(answers) == 0 || r.Method != http.MethodPost {
			t.Errorf("%s %s: %v, %v, %d answers left", r.Method, r.URL, err, parsing, len(answers))
			return
		}
		requireSigned(t, &own.PublicKey, form)
		seen = append(seen, sent{r.URL.Path, form})
		next := answers[0]
		answers = answers[1:]
		if next.location != "" {
			w.Header().Set("Location", next.location)
		}
		if next.status != 0 {
			w.WriteHeader(next.status)
		}
		if _, err := io.WriteString(w, next.body(t, form)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	config := testConfig(t)
	config.BaseURL = server.URL + "/"
	return newClient(t, config, nil, fixed(now)), &seen
}

func requireSigned(t *testing.T, public *rsa.PublicKey, form url.Values) {
	t.Helper()
	pairs := map[string]string{}
	for name, values := range form {
		if len(values) != 1 || values[0] == "" {
			t.Errorf("%s has values %q", name, values)
		}
		pairs[name] = values[0]
	}
	inner := sha256.Sum256([]byte(joined(pairs)))
	outer := sha256.Sum256([]byte(hex.EncodeToString(inner[:])))
	signature, err := base64.StdEncoding.DecodeString(form.Get("signature"))
	if err != nil || rsa.VerifyPKCS1v15(public, crypto.SHA256, outer[:], signature) != nil {
		t.Errorf("the request's signature does not verify: %v", form)
	}
}

// started is how payment P0000001 was asked for, payable until ten minutes from
// now.
func started(tb testing.TB, c *Client, method payment.Method) merchant.Asked {
	tb.Helper()
	request, err := c.PrepareStart(merchant.StartIntent{Reference: "P0000001", Method: method, Amount: payment.Fen(1001), Description: "tea",
		AuthCode: "6220485268191498178", ExpiresAt: now.Add(10 * time.Minute)})
	require.NoError(tb, err)
	return merchant.Asked{Reference: "P0000001", Method: method, Request: request}
}

// paidPairs are what a query says of a payment that was made.
func paidPairs(code string) answer {
	return said("00", "origRespCode", code, "origRespMsg", "成功[0000000]", "txnType", "01", "txnSubType", "01", "queryId", "512611231402335616528",
		"txnAmt", "1001", "currencyCode", "156", "traceNo", "561652", "traceTime", "1123140240", "settleAmt", "1001", "settleDate", "1123")
}

// with is the answer with other pairs.
func (a answer) with(more ...string) answer {
	a.pairs = maps.Clone(a.pairs)
	for i := 0; i+1 < len(more); i += 2 {
		a.pairs[more[i]] = more[i+1]
	}
	return a
}

// authority is a certificate authority of a test.
type authority struct {
	certificate *x509.Certificate
	signer
}

// issue makes a certificate; by nil makes it sign itself.
func issue(tb testing.TB, name string, isCA bool, by *authority, until time.Time) authority {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(tb, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(len(name)) + until.Unix()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: until, IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	parent, signing := template, key
	if by != nil {
		parent, signing = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signing)
	require.NoError(tb, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return authority{certificate, signer{key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}}
}
