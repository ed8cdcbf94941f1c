package wechatpay

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

func TestNewRun_TravelsAsJSON(t *testing.T) {
	config, err := NewRun(RunSettings{Mode: CertificateMode, Merchants: 2, Factor: 1000, Options: Options{LegacyCodes: true}})
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

	serial := regexp.MustCompile(`^[1-9A-F][0-9A-F]{39}$`)
	require.Regexp(t, serial, read.Platform.Certificates[0].Serial)
	credentials, err := read.Credentials(read.Merchants[1].MchID)
	require.NoError(t, err)
	require.Regexp(t, serial, credentials.Serial)
	require.Len(t, credentials.APIv3Key, 32)
	require.Equal(t, read.Platform.Certificates[0].PEM, credentials.PlatformCertificate)
	require.NotContains(t, string(encode(credentials)), "primes", "the platform's key stays with the platform")
	_, err = keys.ReadPrivate(credentials.PrivateKey)
	require.NoError(t, err)
	_, err = read.Credentials("none")
	require.ErrorIs(t, err, ErrUnknownMerchant)

	block, _ := pem.Decode([]byte(read.Platform.Certificates[0].PEM))
	parsed, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	require.NoError(t, parsed.CheckSignature(parsed.SignatureAlgorithm, parsed.RawTBSCertificate, parsed.Signature))
}

func TestNew_RefusesBadConfigurations(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no mode":             func(c *Config) { c.Mode = "" },
		"no public key":       func(c *Config) { c.Platform.PublicKey = nil },
		"no certificate":      func(c *Config) { c.Mode = CertificateMode },
		"a merchant twice":    func(c *Config) { c.Merchants = append(c.Merchants, c.Merchants[0]) },
		"a merchant's key":    func(c *Config) { c.Merchants[0].PublicKey = "no key" },
		"a merchant's serial": func(c *Config) { c.Merchants[0].Serial = "" },
		"the platform's key":  func(c *Config) { c.Platform.PublicKey = &keys.Key{} },
	} {
		config := testConfig(t)
		spoil(&config)
		_, err := New(config, providers.Ports{Clock: clock.System{}})
		require.ErrorIs(t, err, ErrBadConfig, name)
	}
}

// openssl must verify what we sign and read what we issue: merchants use
// clients in every language.
func TestOpenSSL_AgreesWithUs(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("the openssl command is missing; crypto/rsa has checked the same above")
	}
	made, err := Keys{Clock: clock.System{}}.Certificate(time.Now().Add(-time.Hour))
	require.NoError(t, err)
	pair, err := made.Key.Signer()
	require.NoError(t, err)
	folder := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	public, err := made.Key.PublicPEM()
	require.NoError(t, err)
	message := answerMessage("1767225602", "nonce", []byte(`{"a":"测试"}`))
	signature, err := keys.Sign(pair, message)
	require.NoError(t, err)
	certificate := file("certificate.pem", []byte(made.PEM))
	run := func(arguments ...string) string {
		out, err := exec.Command(openssl, arguments...).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	encoded := file("signature.b64", []byte(signature))
	raw := filepath.Join(folder, "signature")
	run("base64", "-d", "-A", "-in", encoded, "-out", raw)
	require.Contains(t, run("dgst", "-sha256", "-verify", file("public.pem", []byte(public)), "-signature", raw,
		file("message", []byte(message))), "Verified OK")
	require.Contains(t, run("x509", "-in", certificate, "-noout", "-serial"), made.Serial)
	require.Contains(t, run("verify", "-CAfile", certificate, certificate), "OK")

	merchant, err := Keys{Clock: clock.System{}}.Merchant("1900000109")
	require.NoError(t, err)
	require.Contains(t, run("rsa", "-in", file("merchant.pem", []byte(merchant.PrivateKey)), "-check", "-noout"), "RSA key ok")
}

func BenchmarkSign(b *testing.B) {
	for name, generate := range map[string]func() (keys.Key, error){"primes=8": keys.GenerateFast, "primes=2": keys.GenerateStandard} {
		b.Run(name, func(b *testing.B) {
			key, err := generate()
			require.NoError(b, err)
			pair, err := key.Signer()
			require.NoError(b, err)
			for b.Loop() {
				if _, err := keys.Sign(pair, "message"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
