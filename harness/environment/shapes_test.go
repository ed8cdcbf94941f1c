package environment

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

const shaped = `
name: shaped
merchant:
  command: [shop]
  longestTimer: 1s
  environment:
    BARE: ${bare(unionpay.privateKey)}
    PKCS1: ${pkcs1(unionpay.privateKey)}
    STORE: ${file(p12(unionpay.certificate, unionpay.privateKey, "000000"))}
    CERT: ${file(unionpay.certificate)}
providers: [unionpay]
driver:
  place: {post: /orders, take: {order: body.id}}
  start: {post: "/orders/${order}", take: {code: body.code}}
  read: {get: "/orders/${order}", take: {state: body.state}}
  states: {order: {NEW: open, PAID: paid, CLOSED: closed}}
`

// TestSettings_Shapes: a key comes in the shape that a client wants, and is the
// same key; openssl opens the store.
func TestSettings_Shapes(t *testing.T) {
	m, err := manifest.Parse("payquake.yaml", []byte(shaped), scenarios.DefaultSystems())
	require.NoError(t, err)
	providers, err := FreshProviders(Keys{Wanted: m.Providers})
	require.NoError(t, err)
	folder := t.TempDir()
	variables := map[string]string{}
	require.NoError(t, settings(variables, Topology{Providers: providers, Merchant: MerchantSpec{Described: &m}}, surroundings{
		baseURL: func(payment.ProviderName) string { return "" },
		file: func(name, text string) (string, error) {
			kept := filepath.Join(folder, name)
			return kept, os.WriteFile(kept, []byte(text), 0o600)
		},
	}))
	der, err := base64.StdEncoding.DecodeString(variables["BARE"])
	require.NoError(t, err)
	key, err := x509.ParsePKCS8PrivateKey(der)
	require.NoError(t, err)
	block, _ := pem.Decode([]byte(variables["PKCS1"]))
	require.Equal(t, "RSA PRIVATE KEY", block.Type)
	same, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	require.NoError(t, err)
	require.True(t, same.Equal(key))
	require.True(t, strings.HasSuffix(variables["STORE"], ".p12"))
	require.True(t, strings.HasSuffix(variables["CERT"], ".pem"))
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	said, err := exec.Command("openssl", "pkcs12", "-in", variables["STORE"], "-passin", "pass:000000", "-nokeys", "-legacy").CombinedOutput()
	require.NoError(t, err, string(said))
	shown, err := os.ReadFile(variables["CERT"])
	require.NoError(t, err)
	inStore, _ := pem.Decode(said)
	inFile, _ := pem.Decode(shown)
	require.Equal(t, inFile.Bytes, inStore.Bytes)
}
