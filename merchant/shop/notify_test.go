package shop

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/wechatpay"
	"github.com/payquake/payquake/payment"
)

// The account of these tests; all of it is TEST-ONLY.
const (
	testMerchant = "1900000109"
	testApp      = "wxd678efh567hg6787"
	testKeyID    = "PUB_KEY_ID_0119000001092026010100000000000001"
	testAPIKey   = "payquakeTESTONLYapiv3key00000001"
)

// world is a shop of real parts with a platform that takes every start and
// refund, and answers queries with what it last said of itself, if anything.
type world struct {
	t        *testing.T
	key      *rsa.PrivateKey
	pem      string
	handler  http.Handler
	checkout *merchant.Checkout

	mu      sync.Mutex
	created []map[string]any
	refunds []map[string]any
	said    string // the transaction of the latest notification
}

func newWorld(t *testing.T, bug string) *world {
	t.Helper()
	text, err := os.ReadFile("../wechatpay/testdata/TEST-ONLY-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, key: parsed.(*rsa.PrivateKey), pem: string(text)}
	platform := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(platform.Close)
	public, err := x509.MarshalPKIXPublicKey(&w.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Listen: "127.0.0.1:0", Database: filepath.Join(t.TempDir(), "shop.db"), PublicURL: "https://shop.example", Bug: bug,
		Timers: merchant.DefaultTimers(),
		WeChatPay: &wechatpay.Config{
			BaseURL: platform.URL, MerchantID: testMerchant, AppID: testApp, SerialNumber: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
			PrivateKeyPEM: w.pem, APIv3Key: testAPIKey, PublicKeyID: testKeyID,
			PublicKeyPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		},
	}
	if err := config.check(); err != nil {
		t.Fatal(err)
	}
	store, err := merchant.OpenStore(context.Background(), config.Database)
	if err != nil {
		t.Fatal(err)
	}
	if w.checkout, _, err = assemble(config, store, false); err != nil {
		t.Fatal(err)
	}
	w.handler = w.checkout.Handler()
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { w.checkout.Work(ctx) })
	t.Cleanup(func() {
		stop()
		work.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// serve is the platform.
func (w *world) serve(out http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	var asked map[string]any
	_ = json.Unmarshal(text, &asked) // queries have no body
	w.mu.Lock()
	defer w.mu.Unlock()
	body := ""
	switch {
	case strings.HasSuffix(r.URL.Path, "/native"):
		w.created = append(w.created, asked)
		body = `{"code_url":"weixin://x"}`
	case strings.HasSuffix(r.URL.Path, "/refunds"):
		w.refunds = append(w.refunds, asked)
		amount := asked["amount"].(map[string]any)
		body = fmt.Sprintf(`{"refund_id":"50","out_refund_no":%q,"out_trade_no":%q,"status":"SUCCESS","amount":{"refund":%v,"total":%v,"currency":"CNY"}}`,
			asked["out_refund_no"], asked["out_trade_no"], amount["refund"], amount["total"])
	case strings.Contains(r.URL.Path, "/out-trade-no/") && w.said != "":
		body = w.said
	default:
		out.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.sign(out.Header(), body, merchant.SystemClock{}.Now())
	if _, err := io.WriteString(out, body); err != nil {
		w.t.Error(err)
	}
}

func (w *world) sign(header http.Header, body string, at time.Time) {
	timestamp := fmt.Sprint(at.Unix())
	digest := sha256.Sum256([]byte(timestamp + "\nabc\n" + body + "\n"))
	signature, err := rsa.SignPKCS1v15(nil, w.key, crypto.SHA256, digest[:])
	if err != nil {
		w.t.Error(err)
	}
	header.Set("Wechatpay-Serial", testKeyID)
	header.Set("Wechatpay-Timestamp", timestamp)
	header.Set("Wechatpay-Nonce", "abc")
	header.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
}

func (w *world) do(path string, header http.Header, body string) (int, string) {
	request := httptest.NewRequest(http.MethodPost, path, bytes.NewBufferString(body))
	for name, values := range header {
		request.Header[name] = values
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String()
}

// started places an order of 1000 fen, starts it, and returns its reference.
func (w *world) started() string {
	w.t.Helper()
	status, body := w.do("/orders", nil, `{"key":"o1","shopper":"s","lines":[{"name":"tea","quantity":2,
		"price":{"minor":500,"currency":"CNY"}}],"total":{"minor":1000,"currency":"CNY"}}`)
	var view merchant.OrderView
	if err := json.Unmarshal([]byte(body), &view); err != nil || status != 201 {
		w.t.Fatalf("order answered %d %s", status, body)
	}
	if status, body = w.do("/orders/"+view.ID+"/payments", nil, `{"key":"p1","provider":"wechatpay","method":"code"}`); status != 200 {
		w.t.Fatalf("start answered %d %s", status, body)
	}
	return w.created[0]["out_trade_no"].(string)
}

// message seals and wraps a transaction as the platform would.
func (w *world) message(transaction string) string {
	block, err := aes.NewCipher([]byte(testAPIKey))
	if err != nil {
		w.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		w.t.Fatal(err)
	}
	sealed := gcm.Seal(nil, []byte("fdasflkja484"), []byte(transaction), []byte("transaction"))
	return `{"id":"EV-1","event_type":"TRANSACTION.SUCCESS","resource_type":"encrypt-resource","resource":{"original_type":"transaction",` +
		`"algorithm":"AEAD_AES_256_GCM","associated_data":"transaction","nonce":"fdasflkja484","ciphertext":"` +
		base64.StdEncoding.EncodeToString(sealed) + `"}}`
}

func transaction(appID, merchantID, reference string, fen int, currency string) string {
	return fmt.Sprintf(`{"appid":"%s","mchid":"%s","out_trade_no":"%s","transaction_id":"4200","trade_state":"SUCCESS",`+
		`"success_time":"2026-01-01T08:00:05+08:00","amount":{"total":%d,"payer_total":1,"currency":"%s"}}`,
		appID, merchantID, reference, fen, currency)
}

// TestNotify sends what a provider, a stranger, and a provider of somebody
// else's may send. Only the provider's own word about our payment is
// acknowledged, and only of the right amount does it pay the order.
func TestNotify(t *testing.T) {
	for name, row := range map[string]struct {
		appID, merchantID, currency string
		fen, status                 int
		unknown, altered, forged    bool
		late                        time.Duration
		state                       payment.OrderState
	}{
		"right":            {testApp, testMerchant, "CNY", 1000, 200, false, false, false, 0, payment.OrderPaid},
		"wrong amount":     {testApp, testMerchant, "CNY", 10, 200, false, false, false, 0, payment.OrderOpen},
		"wrong currency":   {testApp, testMerchant, "USD", 1000, 200, false, false, false, 0, payment.OrderOpen},
		"no amount":        {testApp, testMerchant, "CNY", 0, 422, false, false, false, 0, payment.OrderOpen},
		"another app":      {"wx0", testMerchant, "CNY", 1000, 422, false, false, false, 0, payment.OrderOpen},
		"another merchant": {testApp, "1900000110", "CNY", 1000, 422, false, false, false, 0, payment.OrderOpen},
		"unknown payment":  {testApp, testMerchant, "CNY", 1000, 404, true, false, false, 0, payment.OrderOpen},
		"altered":          {testApp, testMerchant, "CNY", 1000, 401, false, true, false, 0, payment.OrderOpen},
		"forged":           {testApp, testMerchant, "CNY", 1000, 401, false, false, true, 0, payment.OrderOpen},
		"stale":            {testApp, testMerchant, "CNY", 1000, 401, false, false, false, 6 * time.Minute, payment.OrderOpen},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "")
			reference := w.started()
			if row.unknown {
				reference = "PNOBODYS"
			}
			said := transaction(row.appID, row.merchantID, reference, row.fen, row.currency)
			if row.status == 200 { // what the right provider says it says to whoever asks
				w.mu.Lock()
				w.said = said
				w.mu.Unlock()
			}
			body := w.message(said)
			header := http.Header{}
			w.sign(header, body, merchant.SystemClock{}.Now().Add(-row.late))
			if row.altered {
				body = strings.Replace(body, "{", "{ ", 1)
			}
			if row.forged {
				header.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(make([]byte, 256)))
			}
			if status, answer := w.do("/notify/wechatpay", header, body); status != row.status || (status != 200) != strings.Contains(answer, "FAIL") {
				t.Errorf("answered %d %s, want %d", status, answer, row.status)
			}
			books, err := w.checkout.Books(t.Context())
			if err != nil || books.Orders[0].State != row.state {
				t.Errorf("order %+v, %v", books.Orders, err)
			}
			if row.status == 200 && row.state == payment.OrderOpen {
				if r := books.Refunds; len(r) != 1 || r[0].Cause != "wrong-amount" || r[0].Amount.Minor != int64(row.fen) {
					t.Errorf("refunds %+v", r)
				}
			}
		})
	}
}

// TestNotify_SignatureUnchecked shows the bug through all real parts: the
// message is sealed rightly and signed by nobody.
func TestNotify_SignatureUnchecked(t *testing.T) {
	w := newWorld(t, "signature-unchecked")
	body := w.message(transaction(testApp, testMerchant, w.started(), 1000, "CNY"))
	if status, answer := w.do("/notify/wechatpay", nil, body); status != 200 {
		t.Errorf("answered %d %s", status, answer)
	}
	if books, err := w.checkout.Books(t.Context()); err != nil || books.Orders[0].State != payment.OrderPaid {
		t.Errorf("order %+v, %v", books.Orders, err)
	}
}
