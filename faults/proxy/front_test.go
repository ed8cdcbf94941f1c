package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// selfSigned makes a certificate for a name.
func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestFront_TellsTheCallersCertificate: a provider that demands mutual TLS
// learns which certificate the caller proved to have, and only that: what the
// caller writes into the header itself does not arrive.
func TestFront_TellsTheCallersCertificate(t *testing.T) {
	r := newRig(t)
	server, client := selfSigned(t, "pay.example"), selfSigned(t, "merchant")
	var refused []string
	front := &Front{Links: map[string]*Link{"pay.example": r.link}, Refused: func(host string) { refused = append(refused, host) },
		Certificate: func(string) (*tls.Certificate, error) { return &server, nil }}
	address, err := front.Listen("127.0.0.1:0")
	require.NoError(t, err)
	defer front.Close()
	sum := sha256.Sum256(client.Certificate[0])
	for name, shown := range map[string][]tls.Certificate{NoClientCertificate: nil, hex.EncodeToString(sum[:]): {client}} {
		// The name is checked by hand: the certificate is nobody's but this test's.
		calls := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: shown},
			Dial:            func(string, string) (net.Conn, error) { return net.Dial("tcp", address) }}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://pay.example/pay", nil)
		require.NoError(t, err)
		request.Header.Set("Op", "query")
		request.Header.Set("Ref", "ref-t1")
		request.Header.Set(ClientCertificateHeader, "forged")
		answer, err := calls.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		seen := r.seen()
		require.Equal(t, name, seen[len(seen)-1].header.Get(ClientCertificateHeader))
		calls.CloseIdleConnections()
	}
	_, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, ServerName: "elsewhere.example"})
	require.Error(t, err)
	front.Close()
	r.link.Close()
	front.Wait()
	require.Equal(t, []string{"elsewhere.example"}, refused)
}

// TestFront_StandsForAProxyToo: callers that were told it is their HTTPS proxy
// reach the same links through CONNECT. Everybody else's host is refused in words,
// by name, and so is what would go out without TLS.
func TestFront_StandsForAProxyToo(t *testing.T) {
	r := newRig(t)
	server := selfSigned(t, "pay.example")
	var mu sync.Mutex
	var refused []string
	front := &Front{Links: map[string]*Link{"pay.example": r.link},
		Refused: func(host string) {
			mu.Lock()
			defer mu.Unlock()
			refused = append(refused, host)
		},
		Certificate: func(string) (*tls.Certificate, error) { return &server, nil }}
	address, err := front.Listen("127.0.0.1:0")
	require.NoError(t, err)
	proxied := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: address}),
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer proxied.CloseIdleConnections()
	calls := &http.Client{Timeout: 3 * time.Second, Transport: proxied}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://pay.example/pay", nil)
	require.NoError(t, err)
	request.Header.Set("Op", "query")
	request.Header.Set("Ref", "ref-t1")
	answer, err := calls.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Len(t, r.seen(), 1)

	_, err = calls.Get("https://elsewhere.example/")
	require.ErrorContains(t, err, "Forbidden")
	answer, err = calls.Get("http://plain.example/")
	require.NoError(t, err)
	said, err := io.ReadAll(answer.Body)
	require.NoError(t, errors.Join(err, answer.Body.Close()))
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
	require.Contains(t, string(said), `"plain.example" is not part of this run`)

	// Somebody who connects and says nothing does not keep it from ending.
	silent, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer silent.Close()
	front.Close()
	r.link.Close()
	front.Wait()
	require.Equal(t, []string{"elsewhere.example", "plain.example"}, refused)
}
