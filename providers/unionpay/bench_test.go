package unionpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/internal/witness"
	"github.com/payquake/payquake/providers/keys"
)

// The configuration of most tests, generated once: keys cost time.
var runOnce = sync.OnceValues(func() (Config, error) { return NewRun(RunSettings{Merchants: 2}) })

// TestMain makes it under the real clock: a bubble's clock is decades off, and
// so would the certificates be for all tests after it.
func TestMain(m *testing.M) {
	if _, err := runOnce(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func testConfig(t testing.TB) Config {
	t.Helper()
	config, err := runOnce()
	require.NoError(t, err)
	config.Merchants = slices.Clone(config.Merchants)
	return config
}

// bench is a provider with a merchant's client, a recorder and a courier.
type bench struct {
	witness.Witness

	t        testing.TB
	config   Config
	provider *Provider
	merchant Merchant
	trial    faults.Trial
	sealed   bool // sign with method 11

}

func open(t testing.TB, change func(*Config), parts ...providers.Part) *bench {
	t.Helper()
	config := testConfig(t)
	if change != nil {
		change(&config)
	}
	b := &bench{t: t, config: config, merchant: config.Merchants[0], trial: "t1"}
	provider, err := New(config, providers.Ports{Recorder: b, Courier: b, Clock: clock.System{}})
	require.NoError(t, err)
	b.provider = provider
	if len(parts) == 0 {
		parts = []providers.Part{{Trial: "t1", Balance: payment.Fen(full)}, {Trial: "t2", Balance: payment.Fen(50)}}
	}
	require.NoError(t, provider.Cast(parts))
	return b
}

const full = 10_000_000

// conducted is a bench whose trial t1 is treated in the given way.
func conducted(t testing.TB, change func(*Config), conduct faults.Conduct, aspects ...string) *bench {
	t.Helper()
	return open(t, change, witness.Part(payment.Fen(full), conduct, aspects...))
}

// deliveries waits until so many notifications came, and returns all.
func (b *bench) deliveries(n int) []*proxy.Request {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return len(b.Sent()) >= n }, 20*time.Second, time.Millisecond)
	return b.Sent()
}

// The tests' own client: it shares nothing with the code it tests but names.

// joined is the string to sign.
func joined(values map[string]string) string {
	var names []string
	for name := range values {
		if name != "signature" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var parts []string
	for _, name := range names {
		parts = append(parts, name+"="+values[name])
	}
	return strings.Join(parts, "&")
}

func hexOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// signs adds certId and signature as the merchant's client does.
func (b *bench) signs(values map[string]string) map[string]string {
	b.t.Helper()
	delete(values, "signature")
	if b.sealed {
		values["signMethod"] = "11"
		values["signature"] = hexOf(joined(values) + "&" + hexOf(b.merchant.SecureKey))
		return values
	}
	if _, given := values["certId"]; !given {
		values["certId"] = b.merchant.CertID
	}
	key, err := keys.ReadPrivate(b.merchant.PrivateKey)
	require.NoError(b.t, err)
	twice := sha256.Sum256([]byte(hexOf(joined(values))))
	raw, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, twice[:])
	require.NoError(b.t, err)
	values["signature"] = base64.StdEncoding.EncodeToString(raw)
	return values
}

// common is what all requests say; more follows as name, value, name, value. An
// empty value drops the field.
func (b *bench) common(kind, subKind string, more ...string) map[string]string {
	values := map[string]string{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "txnType": kind, "txnSubType": subKind,
		"bizType": "000000", "accessType": "0", "channelType": "08", "merId": b.merchant.MerID}
	for i := 0; i+1 < len(more); i += 2 {
		values[more[i]] = more[i+1]
		if more[i+1] == "" {
			delete(values, more[i])
		}
	}
	return values
}

func now() string { return time.Now().In(time.FixedZone("", 8*3600)).Format("20060102150405") }

// order is a consume.
func (b *bench) order(subKind, number string, more ...string) map[string]string {
	return b.common("01", subKind, append([]string{"orderId", number, "txnTime", now(), "txnAmt", "101", "currencyCode", "156",
		"orderDesc", "茶<&>", "backUrl", "https://shop.example/up/back?from=unionpay"}, more...)...)
}

// posted is a body as browsers and clients write it.
func posted(values map[string]string) string {
	form := url.Values{}
	for name, value := range values {
		form.Set(name, value)
	}
	return form.Encode()
}

// answer is what came back, read.
type answer struct {
	status int
	header http.Header
	raw    string
	values map[string]string
}

func (a answer) code() string { return a.values["respCode"] }

// send signs and sends, and demands a signed answer that verifies.
func (b *bench) send(path endpoint, values map[string]string) answer {
	b.t.Helper()
	return b.post(path, posted(b.signs(values)))
}

func (b *bench) post(path endpoint, body string) answer {
	b.t.Helper()
	request := httptest.NewRequest("POST", string(path), strings.NewReader(body))
	request.Header.Set(providers.TrialHeader, string(b.trial))
	recorder := httptest.NewRecorder()
	b.provider.Wire().ServeHTTP(recorder, request)
	got := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	if got.status == 200 && !strings.HasPrefix(got.raw, "<") {
		got.values = split(got.raw)
		require.True(b.t, b.believes(got.values), "the answer is signed: %s", got.raw)
	}
	return got
}

// split reads an answer as the eight clients read did: at every & and at the
// first = after it, and nothing decoded.
func split(raw string) map[string]string {
	values := map[string]string{}
	for _, part := range strings.Split(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		values[name] = value
	}
	return values
}

// believes is a careful merchant's check of an answer or notification.
func (b *bench) believes(values map[string]string) bool {
	if values["signMethod"] == "11" {
		return values["signature"] == hexOf(joined(values)+"&"+hexOf(b.merchant.SecureKey))
	}
	block, _ := pem.Decode([]byte(values["signPubKeyCert"]))
	if block == nil {
		return false
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false
	}
	roots, middles := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(b.config.Platform.Root))
	middles.AppendCertsFromPEM([]byte(b.config.Platform.Middle))
	// A bubble's clock is decades off: it looks at the certificate in its middle.
	at := time.Now()
	if at.Year() < 2020 {
		at = b.certified()
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middles, CurrentTime: at})
	named := strings.Split(leaf.Subject.CommonName, "@")
	if err != nil || len(named) < 3 || named[2] != "中国银联股份有限公司" {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(values["signature"])
	twice := sha256.Sum256([]byte(hexOf(joined(values))))
	return err == nil && rsa.VerifyPKCS1v15(leaf.PublicKey.(*rsa.PublicKey), crypto.SHA256, twice[:], raw) == nil
}

// certified is a time when the run's certificates are valid.
func (b *bench) certified() time.Time {
	parsed, _, err := keys.CertificateKey(b.config.Platform.Leaf)
	require.NoError(b.t, err)
	return parsed.NotBefore.Add(time.Hour)
}

// decoded reads a notification or request.
func decoded(t testing.TB, request *proxy.Request) map[string]string {
	t.Helper()
	form, err := url.ParseQuery(string(request.Body))
	require.NoError(t, err)
	values := map[string]string{}
	for name := range form {
		values[name] = form.Get(name)
	}
	return values
}

// qr places an order that the payer scans, and returns its code.
func (b *bench) qr(number string, more ...string) string {
	b.t.Helper()
	placed := b.send(back, b.order("07", number, more...))
	require.Equal(b.t, "00", placed.code(), placed.raw)
	return placed.values["qrCode"]
}

// paid places an order and pays it; times remembers its txnTime.
func (b *bench) paid(number string, more ...string) receipt {
	b.t.Helper()
	order := b.order("07", number, more...)
	placed := b.send(back, order)
	require.Equal(b.t, "00", placed.code(), placed.raw)
	got, err := b.provider.Pay(b.t.Context(), "t1", placed.values["qrCode"])
	require.NoError(b.t, err)
	return receipt{number, order["txnTime"], string(got.ProviderReference)}
}

// receipt is what a merchant keeps of a payment.
type receipt struct{ number, txnTime, queryID string }

func (b *bench) query(number, txnTime string, more ...string) answer {
	b.t.Helper()
	return b.send(query, b.common("00", "00", append([]string{"orderId", number, "txnTime", txnTime}, more...)...))
}

func (b *bench) refund(number, queryID, fen string, more ...string) answer {
	b.t.Helper()
	return b.send(back, b.undoing("04", number, queryID, fen, more...))
}

func (b *bench) void(number, queryID, fen string, more ...string) answer {
	b.t.Helper()
	return b.send(back, b.undoing("31", number, queryID, fen, more...))
}

func (b *bench) undoing(kind, number, queryID, fen string, more ...string) map[string]string {
	return b.common(kind, "00", append([]string{"orderId", number, "txnTime", now(), "txnAmt", fen, "origQryId", queryID,
		"currencyCode", "156", "backUrl", "https://shop.example/up/back"}, more...)...)
}

func (b *bench) reverse(number, txnTime string) answer {
	b.t.Helper()
	return b.send(back, b.common("99", "01", "orderId", number, "txnTime", txnTime))
}

func (b *bench) barcode() string {
	b.t.Helper()
	code, err := b.provider.Barcode(b.t.Context(), "t1")
	require.NoError(b.t, err)
	require.Regexp(b.t, `^62\d{17}$`, code)
	return code
}

func (b *bench) balance() int64 {
	b.t.Helper()
	balance, err := b.provider.Balance("t1")
	require.NoError(b.t, err)
	return balance.Minor
}

func (b *bench) hurry() {
	b.t.Helper()
	require.NoError(b.t, b.provider.Hurry(b.t.Context(), []faults.Trial{"t1"}))
}
