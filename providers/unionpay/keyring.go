package unionpay

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

// keyring is a Config ready for use: keys parsed, merchants by number.
type keyring struct {
	config    Config
	merchants map[string]*account
	leaf      identity   // the first certificate that signed
	reserve   []identity // those it can rotate to
	rotations atomic.Int32
	roots     *x509.CertPool
	middles   *x509.CertPool
}

// account is a merchant with its parsed key.
type account struct {
	Merchant
	key *rsa.PublicKey
}

// identity is a certificate of the platform's, or of somebody who poses as it,
// and the key to sign with.
type identity struct {
	pem    string // as signPubKeyCert carries it
	parsed *x509.Certificate
	pair   *keys.Signer
}

// newKeyring checks a configuration and prepares it.
func newKeyring(config Config) (*keyring, error) {
	ring := &keyring{config: config, merchants: map[string]*account{}, roots: x509.NewCertPool(), middles: x509.NewCertPool()}
	platform := config.Platform
	if !ring.roots.AppendCertsFromPEM([]byte(platform.Root)) || !ring.middles.AppendCertsFromPEM([]byte(platform.Middle)) {
		return nil, fmt.Errorf("%w: the platform's chain is no certificate", ErrBadConfig)
	}
	var err error
	if ring.leaf, err = ring.signing(Certified{platform.Leaf, platform.Key}); err != nil {
		return nil, err
	}
	for _, further := range platform.Reserve {
		own, err := ring.signing(further)
		if err != nil {
			return nil, err
		}
		ring.reserve = append(ring.reserve, own)
	}
	for _, merchant := range config.Merchants {
		if err := ring.add(merchant); err != nil {
			return nil, fmt.Errorf("%w: merchant %s: %w", ErrBadConfig, merchant.MerID, err)
		}
	}
	return ring, nil
}

// signing prepares a certificate of the provider's to sign with.
func (r *keyring) signing(own Certified) (identity, error) {
	pair, err := own.Key.Signer()
	if err != nil {
		return identity{}, fmt.Errorf("%w: the platform's key: %w", ErrBadConfig, err)
	}
	parsed, key, err := keys.CertificateKey(own.Certificate)
	if err != nil || !key.Equal(pair.Key()) {
		return identity{}, fmt.Errorf("%w: the platform's leaf is not of its key", ErrBadConfig)
	}
	if err := r.chained(parsed, parsed.NotBefore); err != nil {
		return identity{}, fmt.Errorf("%w: %w", ErrBadConfig, err)
	}
	return identity{pem: onWire(own.Certificate), parsed: parsed, pair: pair}, nil
}

// current is the certificate that signs now.
func (r *keyring) current() identity {
	if turn := int(r.rotations.Load()) % (len(r.reserve) + 1); turn > 0 {
		return r.reserve[turn-1]
	}
	return r.leaf
}

// Rotate implements providers.Rotator. What signs is in every message, and
// proves itself by its chain.
func (p *Provider) Rotate() error {
	if len(p.ring.reserve) == 0 {
		return providers.ErrNoRotation
	}
	p.ring.rotations.Add(1)
	return nil
}

// largestSerial is the first serial that a client which reads it as a float
// gets wrong (§5.1).
const largestSerial = 1 << 53

// add checks a merchant account and parses its key.
func (r *keyring) add(merchant Merchant) error {
	if !word(15, 15)(merchant.MerID) {
		return errors.New("merId is not 15 letters and digits")
	}
	if _, twice := r.merchants[merchant.MerID]; twice {
		return errors.New("listed twice")
	}
	parsed, key, err := keys.CertificateKey(merchant.Certificate)
	if err != nil {
		return err
	}
	serial, err := strconv.ParseUint(merchant.CertID, 10, 64)
	if err != nil || serial >= largestSerial || parsed.SerialNumber.String() != merchant.CertID {
		return fmt.Errorf("certId %q is not the certificate's serial, or not below 2^53", merchant.CertID)
	}
	r.merchants[merchant.MerID] = &account{Merchant: merchant, key: key}
	return nil
}

// errUntrusted is wrapped by all reasons not to believe a signPubKeyCert.
var errUntrusted = errors.New("the signing certificate is not to be trusted")

// chained checks a certificate as merchants must: its dates, its chain to the
// root, and the company in its common name (§5).
func (r *keyring) chained(leaf *x509.Certificate, at time.Time) error {
	_, err := leaf.Verify(x509.VerifyOptions{Roots: r.roots, Intermediates: r.middles, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("%w: %w", errUntrusted, err)
	}
	parts := strings.Split(leaf.Subject.CommonName, "@")
	if len(parts) < 3 || parts[2] != company {
		return fmt.Errorf("%w: it is of %q", errUntrusted, leaf.Subject.CommonName)
	}
	return nil
}

// named finds one of the provider's own signing certificates by its text.
func (r *keyring) named(text string) (identity, bool) {
	if text == r.leaf.pem {
		return r.leaf, true
	}
	at := slices.IndexFunc(r.reserve, func(own identity) bool { return own.pem == text })
	if at < 0 {
		return identity{}, false
	}
	return r.reserve[at], true
}

// trusted reads a signPubKeyCert and checks it. Of the leaves that sign nearly
// every message, which are known already, only the dates are looked at.
func (r *keyring) trusted(text string, at time.Time) (*x509.Certificate, *rsa.PublicKey, error) {
	if own, known := r.named(text); known {
		if at.Before(own.parsed.NotBefore) || at.After(own.parsed.NotAfter) {
			return own.parsed, nil, fmt.Errorf("%w: it is not valid now", errUntrusted)
		}
		return own.parsed, own.pair.Key(), nil
	}
	parsed, key, err := keys.CertificateKey(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errUntrusted, err)
	}
	if err := r.chained(parsed, at); err != nil {
		return parsed, nil, err
	}
	return parsed, key, nil
}
