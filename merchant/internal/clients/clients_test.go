package clients_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant/internal/clients"
)

func encoded(kind string, der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// TestKeys: providers hand out keys in several forms; those that are not RSA
// are named, since the text alone does not show it.
func TestKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	for _, text := range []string{encoded("PRIVATE KEY", pkcs8, err), encoded("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), nil)} {
		read, err := clients.PrivateKey(text)
		require.NoError(t, err)
		require.True(t, key.Equal(read))
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	certified := encoded("CERTIFICATE", certificate, err)
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	for _, text := range []string{certified, encoded("PUBLIC KEY", pkix, err)} {
		read, err := clients.PublicKey(text)
		require.NoError(t, err)
		require.True(t, key.PublicKey.Equal(read))
	}

	curve8, err := x509.MarshalPKCS8PrivateKey(curve)
	_, err = clients.PrivateKey(encoded("PRIVATE KEY", curve8, err))
	require.ErrorContains(t, err, "*ecdsa.PrivateKey is not an RSA key")
	curvePKIX, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	_, err = clients.PublicKey(encoded("PUBLIC KEY", curvePKIX, err))
	require.ErrorContains(t, err, "*ecdsa.PublicKey is not an RSA key")
	for kind, reads := range map[string]func(string) error{
		"PRIVATE KEY": func(text string) error { _, err := clients.PrivateKey(text); return err },
		"PUBLIC KEY":  func(text string) error { _, err := clients.PublicKey(text); return err },
		"CERTIFICATE": func(text string) error { _, err := clients.PublicKey(text); return err },
	} {
		require.ErrorIs(t, reads("MIIB"), clients.ErrNoPEM)
		require.ErrorContains(t, reads(encoded(kind, []byte("?"), nil)), "parse")
	}
}

// TestWithoutRedirects: a signed charge goes nowhere else, and the given client
// stays as it was.
func TestWithoutRedirects(t *testing.T) {
	strangers := 0
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers++ }))
	defer stranger.Close()
	gateway := httptest.NewServer(http.RedirectHandler(stranger.URL, http.StatusTemporaryRedirect))
	defer gateway.Close()
	given := &http.Client{}
	for _, client := range []*http.Client{clients.WithoutRedirects(given), clients.WithoutRedirects(nil)} {
		answer, err := client.Post(gateway.URL, "text/plain", nil)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusTemporaryRedirect, answer.StatusCode)
	}
	require.Zero(t, strangers)
	require.Nil(t, given.CheckRedirect)
}

func TestCheckURL(t *testing.T) {
	require.NoError(t, clients.CheckURL("https://pay.example/gateway"))
	for _, address := range []string{"", "pay.example", "/gateway", "https://[::1"} {
		require.ErrorContains(t, clients.CheckURL(address), "is not an absolute URL")
	}
}
