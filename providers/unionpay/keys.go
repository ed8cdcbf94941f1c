package unionpay

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers/keys"
)

// Keys generates the identities of a run.
type Keys struct {
	// Standard makes an ordinary platform key instead of a many-prime one.
	Standard bool
	Clock    clock.Clock
}

// company is the second part of a leaf's common name, which clients compare
// (§5).
const company = "中国银联股份有限公司"

// Certificates are valid from some days ago, against clocks that differ, for
// five years.
const (
	certificateSlack = 2 * 24 * time.Hour
	certificateLife  = 5 * 365 * 24 * time.Hour
)

// leafName is the common name of a certificate that signs answers (§5.1).
func leafName() pkix.Name {
	return pkix.Name{CommonName: "041@8310000000083040@" + company + "@" + keys.Digits(8),
		OrganizationalUnit: []string{"TEST ONLY"}, Country: []string{"CN"}}
}

// Platform makes the provider's chain: root, middle, leaf, an expired leaf of
// the same key, and a certificate to encrypt under.
func (k Keys) Platform() (Platform, error) {
	root, err := k.authority("payquake TEST ONLY CS CA", nil)
	if err != nil {
		return Platform{}, err
	}
	middle, err := k.authority("payquake TEST ONLY OCA1", root)
	if err != nil {
		return Platform{}, err
	}
	signing := make([]Certified, 1+reserve)
	for i := range signing {
		if signing[i], err = k.leaf(middle); err != nil {
			return Platform{}, err
		}
	}
	key := signing[0].Key
	pair, err := key.Signer()
	if err != nil {
		return Platform{}, err
	}
	name, now := leafName(), k.Clock.Now()
	expired, err := issue(wish{name: name, key: pair.Public(), from: now.Add(-certificateLife - certificateSlack)}, middle)
	if err != nil {
		return Platform{}, err
	}
	unused, err := k.signer()
	if err != nil {
		return Platform{}, err
	}
	encrypt, err := issue(wish{name: name, key: unused.Public(), from: now.Add(-certificateSlack)}, middle)
	if err != nil {
		return Platform{}, err
	}
	return Platform{Root: root.text, Middle: middle.text, Leaf: signing[0].Certificate, Key: key, Reserve: signing[1:],
		Expired: expired.text, Encrypt: encrypt.text}, nil
}

// leaf makes a certificate to sign with.
func (k Keys) leaf(by *certified) (Certified, error) {
	key, err := k.platformKey()
	if err != nil {
		return Certified{}, err
	}
	pair, err := key.Signer()
	if err != nil {
		return Certified{}, err
	}
	made, err := issue(wish{name: leafName(), key: pair.Public(), from: k.Clock.Now().Add(-certificateSlack)}, by)
	if err != nil {
		return Certified{}, err
	}
	return Certified{Certificate: made.text, Key: key}, nil
}

// platformKey makes a key of the kind that was chosen.
func (k Keys) platformKey() (keys.Key, error) {
	if k.Standard {
		return keys.GenerateStandard()
	}
	return keys.GenerateFast()
}

// signer is such a key ready for use, to be forgotten afterwards.
func (k Keys) signer() (*keys.Signer, error) {
	key, err := k.platformKey()
	if err != nil {
		return nil, err
	}
	return key.Signer()
}

// Merchant makes a merchant account. Its key is an ordinary one: every
// client's library must load it.
func (k Keys) Merchant(merID string) (Merchant, error) {
	pair, err := keys.NewPair()
	if err != nil {
		return Merchant{}, err
	}
	name := pkix.Name{CommonName: "041@" + merID + "@payquake shop@00000001", OrganizationalUnit: []string{"TEST ONLY"},
		Country: []string{"CN"}}
	made, err := issue(wish{name: name, key: pair.Key.Public(), from: k.Clock.Now().Add(-certificateSlack)},
		&certified{pair: pair.Key})
	if err != nil {
		return Merchant{}, err
	}
	return Merchant{MerID: merID, Name: "payquake shop " + merID, CertID: made.parsed.SerialNumber.String(),
		Certificate: made.text, PrivateKey: pair.Private, SecureKey: keys.Hex(32)}, nil
}

// certified is a certificate, and the key of its owner where that is at hand.
type certified struct {
	text   string
	parsed *x509.Certificate
	pair   crypto.Signer
}

// authority makes a certificate that issues others, itself issued by another
// one or by nobody.
func (k Keys) authority(name string, by *certified) (*certified, error) {
	pair, err := k.signer()
	if err != nil {
		return nil, err
	}
	if by == nil {
		by = &certified{pair: pair}
	}
	made, err := issue(wish{name: pkix.Name{CommonName: name, Country: []string{"CN"}}, key: pair.Public(),
		from: k.Clock.Now().Add(-certificateSlack), authority: true}, by)
	if err != nil {
		return nil, err
	}
	made.pair = pair
	return made, nil
}

// wish is what a certificate shall say.
type wish struct {
	name      pkix.Name
	key       crypto.PublicKey
	from      time.Time
	authority bool
}

// issue makes a certificate; an issuer without a certificate of its own signs
// itself. Its serial has 11 decimal digits, as real ones have (§5.1).
func issue(wanted wish, by *certified) (*certified, error) {
	number, ok := new(big.Int).SetString("6"+keys.Digits(10), 10)
	if !ok {
		return nil, fmt.Errorf("draw a serial: %w", ErrBadConfig)
	}
	template := &x509.Certificate{SerialNumber: number, Subject: wanted.name, NotBefore: wanted.from,
		NotAfter: wanted.from.Add(certificateLife), BasicConstraintsValid: true, IsCA: wanted.authority,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, SignatureAlgorithm: x509.SHA256WithRSA}
	if wanted.authority {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	parent := by.parsed
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, wanted.key, by.pair)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of %s: %w", wanted.name.CommonName, err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of %s: %w", wanted.name.CommonName, err)
	}
	return &certified{text: keys.PEM("CERTIFICATE", der), parsed: parsed}, nil
}

// onWire is a PEM as signPubKeyCert carries it: lines joined by CRLF, nothing
// after the footer (§4, §6). It is signed byte for byte.
func onWire(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	return strings.TrimSpace(strings.Join(lines, "\r\n"))
}
