package alipay

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
	for _, mode := range []Mode{KeyMode, CertificateMode} {
		config, err := NewRun(RunSettings{Mode: mode, Merchants: 2, Factor: 1000, Options: Options{AnySubject: true}})
		require.NoError(t, err)
		text, err := json.Marshal(config)
		require.NoError(t, err)
		var read Config
		require.NoError(t, json.Unmarshal(text, &read))
		again, err := json.Marshal(read)
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(again))
		_, err = NewDialect(read)
		require.NoError(t, err)
		credentials, err := read.Credentials(read.Merchants[1].AppID)
		require.NoError(t, err)
		require.Regexp(t, `^2021\d{12}$`, credentials.AppID)
		require.Regexp(t, `^2088\d{12}$`, credentials.SellerID)
		shown, err := json.Marshal(credentials)
		require.NoError(t, err)
		require.NotContains(t, string(shown), "primes", "the platform's key stays with the platform")
		_, err = keys.ReadPrivate(credentials.PrivateKey)
		require.NoError(t, err)
		_, err = read.Credentials("none")
		require.ErrorIs(t, err, ErrUnknownMerchant)
		if mode == KeyMode {
			require.Empty(t, credentials.AppCertSN)
			continue
		}
		serial := regexp.MustCompile(`^[0-9a-f]{32}$`)
		for _, sn := range []string{credentials.AppCertSN, credentials.AlipayCertSN, credentials.AlipayRootCertSN} {
			require.Regexp(t, serial, sn)
		}
		require.Equal(t, read.Platform.Certificates[0].PEM, credentials.AlipayCertificate)
	}
	config, err := NewRun(RunSettings{})
	require.NoError(t, err)
	require.Equal(t, KeyMode, config.Mode)
	require.Len(t, config.Merchants, 1)
	config, err = NewRun(RunSettings{Standard: true})
	require.NoError(t, err)
	require.Len(t, config.Platform.Key.Primes, 2)
}

func TestNew_RefusesBadConfigurations(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no mode":              func(c *Config) { c.Mode = "" },
		"no key":               func(c *Config) { c.Platform.Key = nil },
		"a bad key":            func(c *Config) { c.Platform.Key = &keys.Key{} },
		"no certificate":       func(c *Config) { c.Mode = CertificateMode },
		"a merchant twice":     func(c *Config) { c.Merchants = append(c.Merchants, c.Merchants[0]) },
		"a seller twice":       func(c *Config) { c.Merchants[1].SellerID = c.Merchants[0].SellerID },
		"a merchant's key":     func(c *Config) { c.Merchants[0].PublicKey = "no key" },
		"a merchant's id":      func(c *Config) { c.Merchants[0].AppID = "" },
		"a merchant's AES key": func(c *Config) { c.Merchants[0].AESKey = "AAAA" },
		"a calendar":           func(c *Config) { c.Options.Retries = "never" },
		"an app's certificate": func(c *Config) { *c = testConfig(t, CertificateMode); c.Merchants[0].Certificate = "" },
		"the roots":            func(c *Config) { *c = testConfig(t, CertificateMode); c.Platform.Roots = "" },
		"a root": func(c *Config) {
			*c = testConfig(t, CertificateMode)
			c.Platform.Roots = keys.PEM("CERTIFICATE", []byte{1})
		},
		"another's certificate": func(c *Config) { *c = testConfig(t, CertificateMode); spoilCertificate(t, c) },
		"a certificate's primes": func(c *Config) {
			*c = testConfig(t, CertificateMode)
			c.Platform.Certificates = []PlatformCertificate{{}}
		},
	} {
		config := testConfig(t, KeyMode)
		spoil(&config)
		_, err := New(config, providers.Ports{Clock: clock.System{}})
		require.ErrorIs(t, err, ErrBadConfig, name)
	}
	config := testConfig(t, KeyMode)
	config.Merchants[0].PrivateKey = "no key"
	_, err := NewDialect(config)
	require.ErrorIs(t, err, ErrBadConfig)
	config.Platform.Key = nil
	_, err = config.Credentials(config.Merchants[0].AppID)
	require.ErrorIs(t, err, ErrBadConfig)
}

// spoilCertificate puts a certificate beside a key that is not its own.
func spoilCertificate(t *testing.T, c *Config) {
	key, err := keys.GenerateFast()
	require.NoError(t, err)
	own := c.Platform.Certificates[0]
	own.Key = key
	c.Platform.Certificates = []PlatformCertificate{own}
}

func TestHosts(t *testing.T) { require.Equal(t, Host, Hosts()[0]) }

// The certificates are a chain under roots of which one is no RSA certificate,
// as the real ones are.
func TestKeys_Certificates(t *testing.T) {
	config := testConfig(t, CertificateMode)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(config.Platform.Roots)))
	for _, text := range []string{config.Platform.Certificates[0].PEM, config.Merchants[0].Certificate} {
		block, _ := pem.Decode([]byte(text))
		parsed, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		_, err = parsed.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		require.NoError(t, err)
	}
	_, rest := pem.Decode([]byte(config.Platform.Roots))
	one, err := rootSN(string(rest))
	require.NoError(t, err)
	both, err := rootSN(string(rest) + string(rest))
	require.NoError(t, err)
	require.Equal(t, one+"_"+one, both)
	with, err := rootSN(config.Platform.Roots)
	require.NoError(t, err)
	require.Equal(t, one, with, "the EC root is left out")
}

// openssl must verify what we sign, read what we issue and decrypt what we
// seal: merchants use clients in every language.
func TestOpenSSL_AgreesWithUs(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("the openssl command is missing; crypto/rsa and crypto/x509 have checked the same above")
	}
	config := testConfig(t, CertificateMode)
	own := config.Platform.Certificates[0]
	pair, err := own.Key.Signer()
	require.NoError(t, err)
	folder := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	run := func(arguments ...string) string {
		out, err := exec.CommandContext(t.Context(), openssl, arguments...).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	message := `{"code":"10000","subject":"测试 \/"}`
	signature, err := keys.Sign(pair, message)
	require.NoError(t, err)
	raw := run("base64", "-d", "-A", "-in", file("signature.b64", []byte(signature)))
	public, err := own.Key.PublicPEM()
	require.NoError(t, err)
	require.Contains(t, run("dgst", "-sha256", "-verify", file("public.pem", []byte(public)),
		"-signature", file("signature", []byte(raw)), file("message", []byte(message))), "Verified OK")
	roots, leaf := file("roots.pem", []byte(config.Platform.Roots)), file("leaf.pem", []byte(own.PEM))
	require.Contains(t, run("verify", "-CAfile", roots, leaf), "OK")

	// The serial as the command names issuer and number: the digest of both.
	parsed, _, err := keys.CertificateKey(own.PEM)
	require.NoError(t, err)
	issuer := regexp.MustCompile(`issuer=(.*)\n`).FindStringSubmatch(run("x509", "-in", leaf, "-noout", "-issuer", "-nameopt", "RFC2253"))[1]
	require.Equal(t, own.SN, serialName(issuer, parsed.SerialNumber))
	require.Equal(t, "CN=Payquake Test CA R1,OU=Certification Authority TEST ONLY,O=Payquake Test,C=CN", issuer)

	sealed, err := seal(config.Merchants[0].AESKey, []byte("plain text"))
	require.NoError(t, err)
	key := run("base64", "-d", "-A", "-in", file("key", []byte(config.Merchants[0].AESKey)))
	require.Equal(t, "plain text", run("enc", "-d", "-aes-128-cbc", "-a", "-A", "-in", file("sealed", []byte(sealed)),
		"-K", hexOf(key), "-iv", "00000000000000000000000000000000"))
	require.True(t, own.Effective.Before(time.Now()))
}

func hexOf(raw string) string {
	const digits = "0123456789abcdef"
	var text []byte
	for i := range len(raw) {
		text = append(text, digits[raw[i]>>4], digits[raw[i]&15])
	}
	return string(text)
}
