package alipay

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
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

// Authority issues the certificates of a run.
type Authority struct {
	roots string // PEM: its own certificate, and one that is no RSA certificate
	own   *x509.Certificate
	pair  crypto.Signer
}

// name has exactly the four parts that every client renders the same way
// (protocol alipay §2).
func name(common string) pkix.Name {
	return pkix.Name{CommonName: common, OrganizationalUnit: []string{"Certification Authority TEST ONLY"},
		Organization: []string{"Payquake Test"}, Country: []string{"CN"}}
}

// Authority makes the root certificates.
func (k Keys) Authority() (*Authority, error) {
	key, err := k.platformKey()
	if err != nil {
		return nil, err
	}
	pair, err := key.Signer()
	if err != nil {
		return nil, err
	}
	made := &Authority{pair: pair}
	own, err := k.root(name("Payquake Test CA R1"), pair)
	if err != nil {
		return nil, err
	}
	if made.own, err = x509.ParseCertificate(own); err != nil {
		return nil, fmt.Errorf("read the root certificate: %w", err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate an EC key: %w", err)
	}
	second, err := k.root(name("Payquake Test CA E1"), other)
	if err != nil {
		return nil, err
	}
	made.roots = keys.PEM("CERTIFICATE", second) + keys.PEM("CERTIFICATE", own)
	return made, nil
}

// root makes a self-signed certificate that may issue others.
func (k Keys) root(subject pkix.Name, pair crypto.Signer) ([]byte, error) {
	from := k.Clock.Now().Add(-certificateSlack)
	template := &x509.Certificate{SerialNumber: serial(), Subject: subject, NotBefore: from,
		NotAfter: from.Add(2 * certificateLife), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of %s: %w", subject.CommonName, err)
	}
	return der, nil
}

// issue makes a certificate that is effective from the given time.
func (a *Authority) issue(subject pkix.Name, public crypto.PublicKey, from time.Time) (text string, err error) {
	template := &x509.Certificate{SerialNumber: serial(), Subject: subject, NotBefore: from,
		NotAfter: from.Add(certificateLife), BasicConstraintsValid: true,
		KeyUsage:           x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		SignatureAlgorithm: x509.SHA256WithRSA}
	der, err := x509.CreateCertificate(rand.Reader, template, a.own, public, a.pair)
	if err != nil {
		return "", fmt.Errorf("make the certificate of %s: %w", subject.CommonName, err)
	}
	return keys.PEM("CERTIFICATE", der), nil
}

// serial is a positive number of up to 16 bytes.
func serial() *big.Int {
	number := keys.Random(16)
	number[0] = 0x10 | number[0]&0x6f
	return new(big.Int).SetBytes(number)
}

// Platform makes the provider's identity: certificates if an authority is
// given, else a key.
func (k Keys) Platform(authority *Authority) (Platform, error) {
	if authority == nil {
		key, err := k.platformKey()
		if err != nil {
			return Platform{}, err
		}
		return Platform{Key: &key}, nil
	}
	made, err := k.Certificate(authority, k.Clock.Now().Add(-certificateSlack))
	if err != nil {
		return Platform{}, err
	}
	return Platform{Certificates: []PlatformCertificate{made}, Roots: authority.roots}, nil
}

// Certificate makes a platform certificate, to rotate to when it becomes
// effective.
func (k Keys) Certificate(authority *Authority, effective time.Time) (PlatformCertificate, error) {
	key, err := k.platformKey()
	if err != nil {
		return PlatformCertificate{}, err
	}
	pair, err := key.Signer()
	if err != nil {
		return PlatformCertificate{}, err
	}
	text, err := authority.issue(name("Alipay TEST ONLY"), pair.Public(), effective)
	if err != nil {
		return PlatformCertificate{}, err
	}
	sn, err := certificateSN(text)
	if err != nil {
		return PlatformCertificate{}, err
	}
	return PlatformCertificate{SN: sn, PEM: text, Key: key,
		Effective: effective.Truncate(time.Second), Expires: effective.Add(certificateLife).Truncate(time.Second)}, nil
}

// platformKey makes a key of the kind that was chosen.
func (k Keys) platformKey() (keys.Key, error) {
	if k.Standard {
		return keys.GenerateStandard()
	}
	return keys.GenerateFast()
}

// Merchant makes the nth app, with a certificate if an authority is given. Its
// key is an ordinary one: every client's library must load it.
func (k Keys) Merchant(nth int, authority *Authority) (Merchant, error) {
	pair, err := keys.NewPair()
	if err != nil {
		return Merchant{}, err
	}
	made := Merchant{AppID: fmt.Sprintf("2021%012d", nth), SellerID: fmt.Sprintf("2088%012d", nth),
		PublicKey: pair.Public, PrivateKey: pair.Private,
		AESKey: base64.StdEncoding.EncodeToString(keys.Random(aesKeyLength))}
	made.Name = "payquake shop " + made.AppID
	if authority != nil {
		made.Certificate, err = authority.issue(name("app "+made.AppID), pair.Key.Public(), k.Clock.Now().Add(-certificateSlack))
	}
	return made, err
}
