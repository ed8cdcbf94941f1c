package wechatpay

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payquake/payquake/merchant"
)

// authority is a platform that issues certificates and signs with one of them.
type authority struct {
	t       *testing.T
	client  *Client
	entries []map[string]any
	signers map[string]*rsa.PrivateKey
	signsAs string
	fetched atomic.Int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, signers: map[string]*rsa.PrivateKey{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.fetched.Add(1)
		body, err := json.Marshal(map[string]any{"data": a.entries})
		if err != nil {
			t.Error(err)
		}
		a.sign(w.Header(), a.signsAs, string(body))
		if _, err := w.Write(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	config := testConfig(t, server.URL)
	config.Mode, config.PublicKeyID, config.PublicKeyPEM = ModeCertificates, "", ""
	client, err := New(config, "https://shop.example", nil, merchant.SystemClock{})
	if err != nil {
		t.Fatal(err)
	}
	a.client = client
	return a
}

// issue makes a certificate that is good for an hour and signs with it from now on.
func (a *authority) issue(serial string) {
	a.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		a.t.Fatal(err)
	}
	now := a.client.clock.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		a.t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	block, err := aes.NewCipher([]byte(testAPIKey))
	if err != nil {
		a.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		a.t.Fatal(err)
	}
	ciphertext := gcm.Seal(nil, []byte("0123456789ab"), text, []byte("certificate"))
	a.entries = append(a.entries, map[string]any{
		"serial_no": serial, "effective_time": beijing(now), "expire_time": beijing(now.Add(time.Hour)),
		"encrypt_certificate": map[string]string{
			"algorithm": "AEAD_AES_256_GCM", "nonce": "0123456789ab", "associated_data": "certificate",
			"ciphertext": base64.StdEncoding.EncodeToString(ciphertext),
		},
	})
	a.signers[serial], a.signsAs = key, serial
}

func (a *authority) sign(header http.Header, serial, body string) {
	timestamp := fmt.Sprint(a.client.clock.Now().Unix())
	s := &signer{key: a.signers[serial]}
	signature, err := s.sign(lines(timestamp, "abc", body))
	if err != nil {
		a.t.Error(err)
	}
	header.Set("Wechatpay-Serial", serial)
	header.Set("Wechatpay-Timestamp", timestamp)
	header.Set("Wechatpay-Nonce", "abc")
	header.Set("Wechatpay-Signature", signature)
}

func (a *authority) verify(serial string) error {
	header := http.Header{}
	a.sign(header, serial, "{}")
	return a.client.Verify(context.Background(), header, []byte("{}"))
}

func TestCertificates_FetchedWhenNeededAndKeptThroughRotation(t *testing.T) {
	a := newAuthority(t)
	a.issue("AAA1")
	if err := a.verify("AAA1"); err != nil {
		t.Fatalf("first certificate: %v", err)
	}
	a.issue("BBB2")
	a.entries = a.entries[1:] // the old one is no longer listed
	a.client.keys.lastTry = time.Time{}
	for _, serial := range []string{"BBB2", "AAA1"} {
		if err := a.verify(serial); err != nil {
			t.Errorf("%s after rotation: %v", serial, err)
		}
	}
	before := a.fetched.Load()
	header := http.Header{}
	a.sign(header, "BBB2", "{}")
	for range 5 {
		header.Set("Wechatpay-Serial", "CCC3")
		if err := a.client.Verify(context.Background(), header, []byte("{}")); !errors.Is(err, errUnknown) {
			t.Errorf("unknown serial: %v", err)
		}
	}
	if got := a.fetched.Load() - before; got > 1 {
		t.Errorf("strangers made us fetch %d times", got)
	}
}

func TestCertificates_ThatDoNotProveThemselvesAreRefused(t *testing.T) {
	a := newAuthority(t)
	a.issue("AAA1")
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a.signers["AAA1"] = other // the list is signed by somebody else
	if err := a.verify("AAA1"); !errors.Is(err, errUnknown) {
		t.Errorf("got %v", err)
	}
}
