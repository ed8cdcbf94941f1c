package alipay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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

// The configurations of most tests, generated once: keys cost time.
var (
	keyRun  = sync.OnceValues(func() (Config, error) { return NewRun(RunSettings{Merchants: 2}) })
	certRun = sync.OnceValues(func() (Config, error) { return NewRun(RunSettings{Merchants: 2, Mode: CertificateMode}) })
)

func testConfig(t testing.TB, mode Mode) Config {
	t.Helper()
	made := keyRun
	if mode == CertificateMode {
		made = certRun
	}
	config, err := made()
	require.NoError(t, err)
	config.Merchants = slices.Clone(config.Merchants)
	return config
}

// certified changes a bench's configuration to certificate mode.
func certified(t testing.TB) func(*Config) {
	return func(c *Config) { *c = testConfig(t, CertificateMode) }
}

// bench is a provider with a merchant's client, a recorder and a courier.
type bench struct {
	witness.Witness

	t        testing.TB
	config   Config
	provider *Provider
	merchant Merchant
	trial    faults.Trial
	clock    *lateClock
}

// lateClock is the system's clock, some time later.
type lateClock struct {
	clock.System
	mu  sync.Mutex
	off time.Duration
}

func (l *lateClock) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.System.Now().Add(l.off)
}

func (l *lateClock) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off += d
}

func success(int) (*proxy.Answer, error) {
	return &proxy.Answer{Status: 200, Body: []byte("success")}, nil
}

func open(t testing.TB, change func(*Config), parts ...providers.Part) *bench {
	t.Helper()
	config := testConfig(t, KeyMode)
	if change != nil {
		change(&config)
	}
	b := &bench{t: t, config: config, merchant: config.Merchants[0], trial: "t1", clock: &lateClock{}}
	b.Acknowledge = success
	provider, err := New(config, providers.Ports{Recorder: b, Courier: b, Clock: b.clock})
	require.NoError(t, err)
	b.provider = provider
	if len(parts) == 0 {
		parts = []providers.Part{{Trial: "t1", Balance: payment.Fen(10_000_000)}, {Trial: "t2", Balance: payment.Fen(50)}}
	}
	require.NoError(t, provider.Cast(parts))
	return b
}

// with is a bench with options.
func with(t testing.TB, options Options) *bench {
	return open(t, func(c *Config) { c.Options = options })
}

// conducted is a bench whose trial t1 is treated in the given way.
func conducted(t testing.TB, conduct faults.Conduct, aspects ...string) *bench {
	t.Helper()
	return open(t, nil, witness.Part(payment.Fen(10_000_000), conduct, aspects...))
}

// parsed keeps keys that tests have read: that costs more than a call.
var parsed sync.Map

func once[K any](text string, read func() K) K {
	known, found := parsed.Load(text)
	if !found {
		known = read()
		parsed.Store(text, known)
	}
	return known.(K)
}

// answer is what came back, read: the node and what stands around it.
type answer struct {
	status int
	header http.Header
	raw    []byte
	node   map[string]any
	outer  map[string]json.RawMessage
}

func (a answer) text(name string) string { text, _ := a.node[name].(string); return text }

// sign is the tests' own signer: it shares nothing with the code.
func sign(t testing.TB, merchant Merchant, message string) string {
	t.Helper()
	key := once(merchant.PrivateKey, func() *rsa.PrivateKey {
		read, err := keys.ReadPrivate(merchant.PrivateKey)
		require.NoError(t, err)
		return read
	})
	digest := sha256.Sum256([]byte(message))
	raw, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(raw)
}

// stringToSign is the tests' own too.
func stringToSign(values map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name != "sign" && values[name] != "" {
			parts = append(parts, name+"="+values[name])
		}
	}
	return strings.Join(parts, "&")
}

// parameters are those of a call, unsigned.
func (b *bench) parameters(m method, business string) map[string]string {
	b.t.Helper()
	values := map[string]string{"app_id": b.merchant.AppID, "method": string(m), "charset": "utf-8", "version": "1.0",
		"format": "JSON", "sign_type": "RSA2", "timestamp": b.clock.Now().In(time.FixedZone("", 8*3600)).Format("2006-01-02 15:04:05"),
		"notify_url": "https://shop.example/notify/alipay", "biz_content": business}
	if b.config.Mode == CertificateMode {
		credentials, err := b.config.Credentials(b.merchant.AppID)
		require.NoError(b.t, err)
		values["app_cert_sn"], values["alipay_root_cert_sn"] = credentials.AppCertSN, credentials.AlipayRootCertSN
	}
	return values
}

// signed are the parameters of a call, signed, after an edit.
func (b *bench) signed(m method, business string, edit func(map[string]string)) map[string]string {
	b.t.Helper()
	values := b.parameters(m, business)
	if edit != nil {
		edit(values)
	}
	if _, given := values["sign"]; !given {
		values["sign"] = sign(b.t, b.merchant, stringToSign(values))
	}
	return values
}

// form writes parameters as most clients do.
func form(values map[string]string) string {
	encoded := url.Values{}
	for name, value := range values {
		encoded.Set(name, value)
	}
	return encoded.Encode()
}

// call signs and posts, and checks the answer's signature.
func (b *bench) call(m method, business string) answer {
	b.t.Helper()
	return b.send("POST", "/gateway.do?charset=utf-8", form(b.signed(m, business, nil)))
}

func (b *bench) exchange(verb, target, body string, header http.Header) *httptest.ResponseRecorder {
	b.t.Helper()
	request := httptest.NewRequest(verb, "/", strings.NewReader(body))
	request.RequestURI = target
	maps.Copy(request.Header, header)
	request.Header.Set(providers.TrialHeader, string(b.trial))
	recorder := httptest.NewRecorder()
	b.provider.Wire().ServeHTTP(recorder, request)
	return recorder
}

func (b *bench) send(verb, target, body string) answer {
	b.t.Helper()
	recorder := b.exchange(verb, target, body, nil)
	read := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.Bytes()}
	require.NoError(b.t, json.Unmarshal(read.raw, &read.outer), string(read.raw))
	require.Equal(b.t, 200, read.status)
	for name, content := range read.outer {
		if name != "sign" && name != "alipay_cert_sn" {
			require.NoError(b.t, b.verify(content, read.outer))
			if content[0] == '{' {
				require.NoError(b.t, json.Unmarshal(content, &read.node))
			}
		}
	}
	return read
}

// verify checks an answer as a client does.
func (b *bench) verify(content json.RawMessage, outer map[string]json.RawMessage) error {
	var signature, sn string
	if outer["sign"] == nil {
		if b.config.Options.UnsignedErrors != "" {
			return nil
		}
		return errors.New("the answer is not signed")
	}
	require.NoError(b.t, json.Unmarshal(outer["sign"], &signature))
	if outer["alipay_cert_sn"] != nil {
		require.NoError(b.t, json.Unmarshal(outer["alipay_cert_sn"], &sn))
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	require.NoError(b.t, err)
	digest := sha256.Sum256(content)
	return rsa.VerifyPKCS1v15(platformKey(b.t, b.config, sn), crypto.SHA256, digest[:], raw)
}

// platformKey is the provider's public key as a merchant is given it.
func platformKey(t testing.TB, config Config, sn string) *rsa.PublicKey {
	t.Helper()
	if config.Mode == KeyMode {
		return once(strings.Join(config.Platform.Key.Primes, ","), func() *rsa.PublicKey {
			credentials, err := config.Credentials(config.Merchants[0].AppID)
			require.NoError(t, err)
			key, err := keys.ReadPublic(credentials.AlipayPublicKey)
			require.NoError(t, err)
			return key
		})
	}
	for _, each := range config.Platform.Certificates {
		if each.SN == sn {
			_, key, err := keys.CertificateKey(each.PEM)
			require.NoError(t, err)
			return key
		}
	}
	require.Fail(t, "no certificate "+sn)
	return nil
}

// ordered is the business part of a request that begins a trade; edits replace
// parts of its text.
func ordered(number string, edits ...string) string {
	text := fmt.Sprintf(`{"out_trade_no":"%s","total_amount":"1.01","subject":"测试 <商品>+1%%"}`, number)
	return strings.NewReplacer(edits...).Replace(text)
}

func payBody(number, barcode string, edits ...string) string {
	text := fmt.Sprintf(`{"out_trade_no":"%s","scene":"bar_code","auth_code":"%s","subject":"tea","total_amount":"1.01","store_id":"s1"}`,
		number, barcode)
	return strings.NewReplacer(edits...).Replace(text)
}

func numbered(number string) string { return `{"out_trade_no":"` + number + `"}` }

// placed makes a code.
func (b *bench) placed(number string) string {
	b.t.Helper()
	got := b.call(precreate, ordered(number))
	b.done(got)
	return got.text("qr_code")
}

// paid makes a code and pays it.
func (b *bench) paid(number string) providers.Receipt {
	b.t.Helper()
	receipt, err := b.provider.Pay(context.Background(), "t1", b.placed(number))
	require.NoError(b.t, err)
	return receipt
}

func (b *bench) barcode() string {
	b.t.Helper()
	shown, err := b.provider.Barcode(context.Background(), "t1")
	require.NoError(b.t, err)
	return shown
}

func (b *bench) query(number string) answer { b.t.Helper(); return b.call(query, numbered(number)) }

func (b *bench) refund(number, request, amount string) answer {
	b.t.Helper()
	return b.call(refund, fmt.Sprintf(`{"out_trade_no":"%s","out_request_no":"%s","refund_amount":"%s"}`, number, request, amount))
}

// done expects a good answer.
func (b *bench) done(got answer) {
	b.t.Helper()
	require.Equal(b.t, "10000", got.text("code"), string(got.raw))
}

// refuses expects a refusal under its code.
func (b *bench) refuses(got answer, code, sub string) {
	b.t.Helper()
	require.Equal(b.t, []string{code, sub}, []string{got.text("code"), got.text("sub_code")}, string(got.raw))
}

// deliveries waits until so many notifications came, and returns all.
func (b *bench) deliveries(n int) []*proxy.Request {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return len(b.Sent()) >= n }, 10*time.Second, time.Millisecond)
	return b.Sent()
}

// told is a delivery, read and verified as a merchant does.
func (b *bench) told(request *proxy.Request) url.Values {
	b.t.Helper()
	values, err := url.ParseQuery(string(request.Body))
	require.NoError(b.t, err)
	signature, err := base64.StdEncoding.DecodeString(values.Get("sign"))
	require.NoError(b.t, err)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		require.NotEmpty(b.t, values.Get(name), "%s is empty", name)
		if name != "sign" && name != "sign_type" {
			parts = append(parts, name+"="+values.Get(name))
		}
	}
	digest := sha256.Sum256([]byte(strings.Join(parts, "&")))
	sn := ""
	if len(b.config.Platform.Certificates) > 0 {
		sn = b.config.Platform.Certificates[0].SN
	}
	require.NoError(b.t, rsa.VerifyPKCS1v15(platformKey(b.t, b.config, sn), crypto.SHA256, digest[:], signature))
	require.NotContains(b.t, values, "alipay_cert_sn")
	return values
}
