package unionpay

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/payquake/payquake/providers/keys"
)

// keyring is a Config ready for use: keys parsed, merchants by number.
type keyring struct {
	config    Config
	merchants map[string]*account
	leaf      identity
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
	pair, err := platform.Key.Signer()
	if err != nil {
		return nil, fmt.Errorf("%w: the platform's key: %w", ErrBadConfig, err)
	}
	parsed, key, err := keys.CertificateKey(platform.Leaf)
	if err != nil || !key.Equal(pair.Key()) {
		return nil, fmt.Errorf("%w: the platform's leaf is not of its key", ErrBadConfig)
	}
	ring.leaf = identity{pem: onWire(platform.Leaf), parsed: parsed, pair: pair}
	if !ring.roots.AppendCertsFromPEM([]byte(platform.Root)) || !ring.middles.AppendCertsFromPEM([]byte(platform.Middle)) {
		return nil, fmt.Errorf("%w: the platform's chain is no certificate", ErrBadConfig)
	}
	if err := ring.chained(parsed, parsed.NotBefore); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadConfig, err)
	}
	for _, merchant := range config.Merchants {
		if err := ring.add(merchant); err != nil {
			return nil, fmt.Errorf("%w: merchant %s: %w", ErrBadConfig, merchant.MerID, err)
		}
	}
	return ring, nil
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

// trusted reads a signPubKeyCert and checks it. The leaf that signs nearly
// every message is known already, and only its dates are looked at.
func (r *keyring) trusted(text string, at time.Time) (*x509.Certificate, *rsa.PublicKey, error) {
	if text == r.leaf.pem {
		if at.Before(r.leaf.parsed.NotBefore) || at.After(r.leaf.parsed.NotAfter) {
			return r.leaf.parsed, nil, fmt.Errorf("%w: it is not valid now", errUntrusted)
		}
		return r.leaf.parsed, r.leaf.pair.Key(), nil
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
