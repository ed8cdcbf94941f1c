package wechatpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers/keys"
)

// Keys generates the identities of a run.
type Keys struct {
	// Standard makes ordinary platform keys instead of many-prime ones.
	Standard bool
	Clock    clock.Clock
}

// Certificates are valid from a day ago, against clocks that differ, for the
// five years that the real provider's are.
const (
	certificateSlack = 24 * time.Hour
	certificateLife  = 5 * 365 * 24 * time.Hour
)

// Platform makes the provider's identity with a public key, a certificate, or
// both.
func (k Keys) Platform(publicKey, certificate bool) (Platform, error) {
	var platform Platform
	if publicKey {
		key, err := k.platformKey()
		if err != nil {
			return Platform{}, err
		}
		platform.PublicKeyID, platform.PublicKey = "PUB_KEY_ID_01"+keys.Digits(32), &key
	}
	if certificate {
		made, err := k.Certificate(k.Clock.Now().Add(-certificateSlack))
		if err != nil {
			return Platform{}, err
		}
		platform.Certificates = []PlatformCertificate{made}
		for range reserve {
			if made, err = k.Certificate(k.Clock.Now().Add(-certificateSlack)); err != nil {
				return Platform{}, err
			}
			platform.Reserve = append(platform.Reserve, made)
		}
	}
	return platform, nil
}

// Certificate makes a further platform certificate, to rotate to when it
// becomes effective.
func (k Keys) Certificate(effective time.Time) (PlatformCertificate, error) {
	key, err := k.platformKey()
	if err != nil {
		return PlatformCertificate{}, err
	}
	pair, err := key.Signer()
	if err != nil {
		return PlatformCertificate{}, err
	}
	name := pkix.Name{CommonName: "Tenpay.com TEST ONLY", Organization: []string{"Tenpay.com"}, Country: []string{"CN"}}
	serial, text, err := certify(name, pair, effective)
	if err != nil {
		return PlatformCertificate{}, err
	}
	return PlatformCertificate{Serial: serial, PEM: text, Key: key,
		Effective: effective.Truncate(time.Second), Expires: effective.Add(certificateLife).Truncate(time.Second)}, nil
}

// platformKey makes a key of the kind that was chosen.
func (k Keys) platformKey() (keys.Key, error) {
	if k.Standard {
		return keys.GenerateStandard()
	}
	return keys.GenerateFast()
}

// Merchant makes a merchant account. Its key is an ordinary one: every
// client's library must load it.
func (k Keys) Merchant(mchid string) (Merchant, error) {
	pair, err := rsa.GenerateKey(rand.Reader, keys.Bits)
	if err != nil {
		return Merchant{}, fmt.Errorf("generate an RSA key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return Merchant{}, fmt.Errorf("encode the private key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&pair.PublicKey)
	if err != nil {
		return Merchant{}, fmt.Errorf("encode the public key: %w", err)
	}
	name := pkix.Name{CommonName: mchid, Organization: []string{"Tenpay.com TEST ONLY"}, Country: []string{"CN"}}
	serial, certificate, err := certify(name, pair, k.Clock.Now().Add(-certificateSlack))
	if err != nil {
		return Merchant{}, err
	}
	return Merchant{MchID: mchid, AppID: "wx" + keys.Hex(16), Name: "payquake shop " + mchid, Serial: serial,
		Certificate: certificate, PublicKey: keys.PEM("PUBLIC KEY", public), PrivateKey: keys.PEM("PRIVATE KEY", private),
		APIv3Key: keys.Hex(32), APIv2Key: keys.Hex(32)}, nil
}

// certify makes a self-signed certificate. Its serial has 40 hexadecimal
// digits and does not begin with zero, because clients write a leading zero
// differently (protocol wechatpay §1), nor with a digit from 8 on, because
// DER would then need a 21st byte, which RFC 5280 forbids.
func certify(name pkix.Name, pair crypto.Signer, from time.Time) (serial, text string, err error) {
	number := keys.Random(20)
	number[0] = 0x10 | number[0]&0x6f
	template := &x509.Certificate{SerialNumber: new(big.Int).SetBytes(number), Subject: name,
		NotBefore: from, NotAfter: from.Add(certificateLife), BasicConstraintsValid: true,
		KeyUsage:           x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		SignatureAlgorithm: x509.SHA256WithRSA}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		return "", "", fmt.Errorf("make the certificate of %s: %w", name.CommonName, err)
	}
	return fmt.Sprintf("%X", number), keys.PEM("CERTIFICATE", der), nil
}
