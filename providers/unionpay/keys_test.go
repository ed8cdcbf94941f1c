package unionpay

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

func TestNewRun_TravelsAsJSON(t *testing.T) {
	config, err := NewRun(RunSettings{Merchants: 2, Factor: 1000, Options: Options{Unpaid: "70"}})
	require.NoError(t, err)
	text, err := json.Marshal(config)
	require.NoError(t, err)
	var read Config
	require.NoError(t, json.Unmarshal(text, &read))
	again, err := json.Marshal(read)
	require.NoError(t, err)
	require.JSONEq(t, string(text), string(again))
	_, err = newKeyring(read)
	require.NoError(t, err)

	credentials, err := read.Credentials(read.Merchants[1].MerID)
	require.NoError(t, err)
	require.Regexp(t, `^777\d{12}$`, credentials.MerID)
	serial, err := strconv.ParseInt(credentials.CertID, 10, 64)
	require.NoError(t, err)
	require.Less(t, serial, int64(1)<<53)
	require.Regexp(t, `^\d{10,11}$`, credentials.CertID)
	parsed, _, err := keys.CertificateKey(credentials.Certificate)
	require.NoError(t, err)
	require.Equal(t, credentials.CertID, parsed.SerialNumber.String())
	whole, err := json.Marshal(credentials)
	require.NoError(t, err)
	require.NotContains(t, string(whole), "primes", "the platform's key stays with the platform")
	_, err = keys.ReadPrivate(credentials.PrivateKey)
	require.NoError(t, err)
	_, err = read.Credentials("none")
	require.ErrorIs(t, err, ErrUnknownMerchant)
}

func TestNewRun_StandardKey(t *testing.T) {
	config, err := NewRun(RunSettings{Standard: true})
	require.NoError(t, err)
	require.Len(t, config.Platform.Key.Primes, 2)
	_, err = NewDialect(config)
	require.NoError(t, err)
}

func TestNew_RefusesBadConfigurations(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"the platform's key": func(c *Config) { c.Platform.Key = keys.Key{} },
		"the leaf":           func(c *Config) { c.Platform.Leaf = c.Platform.Middle },
		"another chain": func(c *Config) {
			c.Platform.Root, c.Platform.Middle = c.Merchants[0].Certificate, c.Merchants[0].Certificate
		},
		"no root":                   func(c *Config) { c.Platform.Root = "" },
		"no middle":                 func(c *Config) { c.Platform.Middle = "none" },
		"a merchant twice":          func(c *Config) { c.Merchants = append(c.Merchants, c.Merchants[0]) },
		"a merchant's number":       func(c *Config) { c.Merchants[0].MerID = "777" },
		"a merchant's certificate":  func(c *Config) { c.Merchants[0].Certificate = "none" },
		"another certificate's id":  func(c *Config) { c.Merchants[0].CertID = "69678957876" },
		"a serial that floats lose": func(c *Config) { c.Merchants[0].CertID = "90071992547409920" },
	} {
		config := testConfig(t)
		spoil(&config)
		_, err := New(config, providers.Ports{Clock: clock.System{}})
		require.ErrorIs(t, err, ErrBadConfig, name)
		_, err = NewDialect(config)
		require.ErrorIs(t, err, ErrBadConfig, name)
	}
	config := testConfig(t)
	config.Platform.Expired = config.Platform.Root
	_, err := NewDialect(config)
	require.ErrorIs(t, err, ErrBadConfig)
	config = testConfig(t)
	config.Merchants[0].PrivateKey = "none"
	_, err = NewDialect(config)
	require.ErrorIs(t, err, ErrBadConfig)
}

// Who else's certificate the same authority issued is not the provider (§5).
func TestKeyring_LooksAtTheCompany(t *testing.T) {
	maker := Keys{Clock: clock.System{}}
	root, err := maker.authority("root", nil)
	require.NoError(t, err)
	middle, err := maker.authority("middle", root)
	require.NoError(t, err)
	ring := &keyring{roots: x509.NewCertPool(), middles: x509.NewCertPool()}
	ring.roots.AddCert(root.parsed)
	ring.middles.AddCert(middle.parsed)
	for name, trusted := range map[string]bool{"041@8310000000083040@" + company + "@00016495": true, "041@8310000000083040@another shop@00016495": false,
		"041@8310000000083040": false, company: false} {
		leaf, err := issue(wish{name: pkix.Name{CommonName: name}, key: root.pair.Public(), from: time.Now().Add(-time.Hour)}, middle)
		require.NoError(t, err)
		_, _, err = ring.trusted(onWire(leaf.text), time.Now())
		require.Equal(t, trusted, err == nil, name)
	}
}

// openssl must verify what we sign and the chain that we issue: merchants use
// clients in every language.
func TestOpenSSL_AgreesWithUs(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("the openssl command is missing; the other tests check the same with crypto/x509")
	}
	b := open(t, nil)
	got := b.send(back, b.order("07", "order0001"))
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	try := func(arguments ...string) (string, error) {
		out, err := exec.Command(openssl, arguments...).CombinedOutput()
		return string(out), err
	}
	run := func(arguments ...string) string {
		out, err := try(arguments...)
		require.NoError(t, err, out)
		return out
	}
	root, middle := file("root.pem", b.config.Platform.Root), file("middle.pem", b.config.Platform.Middle)
	leaf := file("leaf.pem", got.values["signPubKeyCert"]+"\n")
	verify := func(certificate string) (string, error) {
		return try("verify", "-CAfile", root, "-untrusted", middle, certificate)
	}
	out, err := verify(leaf)
	require.NoError(t, err, out)
	out, err = verify(file("encrypt.pem", b.config.Platform.Encrypt))
	require.NoError(t, err, out)
	out, err = verify(file("expired.pem", b.config.Platform.Expired))
	require.Error(t, err)
	require.Contains(t, out, "expired")
	strangers, err := pose(b.provider.ring.leaf, clock.System{})
	require.NoError(t, err)
	for _, posing := range []identity{strangers.foreign, strangers.unchained} {
		out, err = verify(file("posing.pem", posing.pem+"\n"))
		require.Error(t, err, out)
	}

	public := file("public.pem", run("x509", "-in", leaf, "-pubkey", "-noout"))
	encodedSignature, raw := file("signature.b64", got.values["signature"]), filepath.Join(folder, "signature")
	run("base64", "-d", "-A", "-in", encodedSignature, "-out", raw)
	require.Contains(t, run("dgst", "-sha256", "-verify", public, "-signature", raw, file("message", hexOf(joined(got.values)))), "Verified OK")
	require.Contains(t, run("x509", "-in", leaf, "-noout", "-text"), "sha256WithRSAEncryption")
	serial := strings.TrimSpace(strings.TrimPrefix(run("x509", "-in", file("merchant.pem", b.merchant.Certificate), "-noout", "-serial"), "serial="))
	number, err := strconv.ParseInt(serial, 16, 64)
	require.NoError(t, err)
	require.Equal(t, b.merchant.CertID, strconv.FormatInt(number, 10))
	require.Contains(t, run("rsa", "-in", file("merchant.key", b.merchant.PrivateKey), "-check", "-noout"), "RSA key ok")
}
