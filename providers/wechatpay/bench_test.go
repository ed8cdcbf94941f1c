package wechatpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
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

// The configuration of most tests, generated once: keys cost time.
var runOnce = sync.OnceValues(func() (Config, error) { return NewRun(RunSettings{Merchants: 2}) })

func testConfig(t testing.TB) Config {
	t.Helper()
	config, err := runOnce()
	require.NoError(t, err)
	config.Merchants = append([]Merchant(nil), config.Merchants...)
	return config
}

// bench is a provider with a merchant's client, a recorder and a courier.
type bench struct {
	witness.Witness

	t        *testing.T
	config   Config
	provider *Provider
	merchant Merchant
	trial    faults.Trial
	serial   string // the Wechatpay-Serial of requests

}

func open(t *testing.T, change func(*Config), parts ...providers.Part) *bench {
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
		parts = []providers.Part{{Trial: "t1", Balance: payment.Fen(10_000_000)}, {Trial: "t2", Balance: payment.Fen(50)}}
	}
	require.NoError(t, provider.Cast(parts))
	return b
}

// conducted is a bench whose trial t1 is treated in the given way.
func conducted(t *testing.T, conduct faults.Conduct, aspects ...string) *bench {
	t.Helper()
	return open(t, nil, witness.Part(payment.Fen(10_000_000), conduct, aspects...))
}

// fingerprintOf is the SHA-256 of a certificate's DER, in hex.
func fingerprintOf(t testing.TB, certificate string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(certificate))
	require.NotNil(t, block)
	return fmt.Sprintf("%x", sha256.Sum256(block.Bytes))
}

// answer is what came back, read.
type answer struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

func (a answer) text(name string) string { text, _ := a.body[name].(string); return text }

// authorize signs a request as a merchant's client does.
func authorize(t testing.TB, merchant Merchant, at time.Time, method, target, body string) string {
	t.Helper()
	key, err := keys.ReadPrivate(merchant.PrivateKey)
	require.NoError(t, err)
	timestamp := fmt.Sprint(at.Unix())
	digest := sha256.Sum256([]byte(method + "\n" + target + "\n" + timestamp + "\nNONCE\n" + body + "\n"))
	raw, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	return fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="NONCE",signature="%s",timestamp="%s",serial_no="%s"`,
		merchant.MchID, base64.StdEncoding.EncodeToString(raw), timestamp, merchant.Serial)
}

// call signs and sends, and checks the answer's signature.
func (b *bench) call(method, target, body string) answer {
	b.t.Helper()
	return b.send(method, target, body, authorize(b.t, b.merchant, time.Now(), method, target, body))
}

func (b *bench) send(method, target, body, authorization string) answer {
	b.t.Helper()
	request := httptest.NewRequest(method, "/", strings.NewReader(body))
	request.RequestURI = target
	request.Header.Set("Authorization", authorization)
	request.Header.Set(providers.TrialHeader, string(b.trial))
	if b.serial != "" {
		request.Header.Set("Wechatpay-Serial", b.serial)
	}
	recorder := httptest.NewRecorder()
	b.provider.Wire().ServeHTTP(recorder, request)
	read := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.Bytes()}
	if len(read.raw) > 0 {
		require.NoError(b.t, json.Unmarshal(read.raw, &read.body))
	}
	if !b.config.Options.UnsignedErrors || read.status < 300 {
		require.True(b.t, signedBy(b.t, b.config, read.header, read.raw), "the answer is signed")
	}
	return read
}

// signedBy is the tests' own verifier: it shares nothing with the code.
func signedBy(t testing.TB, config Config, header http.Header, body []byte) bool {
	t.Helper()
	message := header.Get("Wechatpay-Timestamp") + "\n" + header.Get("Wechatpay-Nonce") + "\n" + string(body) + "\n"
	raw, err := base64.StdEncoding.DecodeString(header.Get("Wechatpay-Signature"))
	if err != nil {
		return false
	}
	key := platformKey(t, config, header.Get("Wechatpay-Serial"))
	if key == nil {
		return false
	}
	digest := sha256.Sum256([]byte(message))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw) == nil
}

func platformKey(t testing.TB, config Config, serial string) *rsa.PublicKey {
	t.Helper()
	if serial == config.Platform.PublicKeyID && serial != "" {
		credentials, err := config.Credentials(config.Merchants[0].MchID)
		require.NoError(t, err)
		key, err := keys.ReadPublic(credentials.PublicKey)
		require.NoError(t, err)
		return key
	}
	for _, each := range slices.Concat(config.Platform.Certificates, config.Platform.Reserve) {
		if each.Serial == serial {
			_, key, err := keys.CertificateKey(each.PEM)
			require.NoError(t, err)
			return key
		}
	}
	return nil
}

// order is a prepay body; edits replace parts of its text.
func (b *bench) order(number string, edits ...string) string {
	text := fmt.Sprintf(`{"appid":"%s","mchid":"%s","description":"测试<商品>&","out_trade_no":"%s",`+
		`"notify_url":"https://shop.example/notify/wx","attach":"a1","amount":{"total":101,"currency":"CNY"}}`,
		b.merchant.AppID, b.merchant.MchID, number)
	return strings.NewReplacer(edits...).Replace(text)
}

func (b *bench) codepay(number, barcode string, edits ...string) string {
	text := fmt.Sprintf(`{"appid":"%s","mchid":"%s","description":"tea","out_trade_no":"%s","payer":{"auth_code":"%s"},`+
		`"amount":{"total":101},"scene_info":{"store_info":{"id":"s1"}}}`, b.merchant.AppID, b.merchant.MchID, number, barcode)
	return strings.NewReplacer(edits...).Replace(text)
}

const (
	nativePath  = "/v3/pay/transactions/native"
	codepayPath = "/v3/pay/transactions/codepay"
	refundPath  = "/v3/refund/domestic/refunds"
)

// native places an order and returns its code.
func (b *bench) native(number string) string {
	b.t.Helper()
	placed := b.call("POST", nativePath, b.order(number))
	require.Equal(b.t, 200, placed.status, string(placed.raw))
	return placed.text("code_url")
}

// paid places an order and pays it.
func (b *bench) paid(number string) providers.Receipt {
	b.t.Helper()
	receipt, err := b.provider.Pay(b.t.Context(), "t1", b.native(number))
	require.NoError(b.t, err)
	return receipt
}

func (b *bench) query(number string) answer {
	b.t.Helper()
	return b.call("GET", "/v3/pay/transactions/out-trade-no/"+number+"?mchid="+b.merchant.MchID, "")
}

func (b *bench) close(number string) answer {
	b.t.Helper()
	return b.call("POST", "/v3/pay/transactions/out-trade-no/"+number+"/close", `{"mchid":"`+b.merchant.MchID+`"}`)
}

func (b *bench) reverse(number string) answer {
	b.t.Helper()
	return b.call("POST", "/v3/pay/transactions/out-trade-no/"+number+"/reverse",
		`{"appid":"`+b.merchant.AppID+`","mchid":"`+b.merchant.MchID+`"}`)
}

func (b *bench) refund(number, refund string, fen int64, edits ...string) answer {
	b.t.Helper()
	text := fmt.Sprintf(`{"out_trade_no":"%s","out_refund_no":"%s","notify_url":"https://shop.example/notify/refund",`+
		`"amount":{"refund":%d,"total":101,"currency":"CNY"}}`, number, refund, fen)
	return b.call("POST", refundPath, strings.NewReplacer(edits...).Replace(text))
}

// refuses expects an error answer.
func (b *bench) refuses(got answer, status int, code string) {
	b.t.Helper()
	require.Equal(b.t, status, got.status, string(got.raw))
	require.Equal(b.t, code, got.text("code"), string(got.raw))
}

func systemClock() clock.Clock { return clock.System{} }

// deliveries waits until so many notifications came, and returns all.
func (b *bench) deliveries(n int) []*proxy.Request {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return len(b.Sent()) >= n }, 20*time.Second, time.Millisecond)
	return b.Sent()
}
