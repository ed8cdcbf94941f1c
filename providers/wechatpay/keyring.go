package wechatpay

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/payquake/payquake/providers/keys"
)

// keyring is a Config ready for use: keys parsed, merchants by number.
type keyring struct {
	config    Config
	merchants map[string]*account
	public    *identity // nil: the platform has no public key
	certified []datedIdentity
	reserve   []datedIdentity
	rotations atomic.Int32
}

// account is a merchant with its parsed key.
type account struct {
	Merchant
	key *rsa.PublicKey
	// fingerprint is the SHA-256 of the certificate's DER, in hex; none without
	// a certificate.
	fingerprint string
}

// identity is one of the platform's keys under the name that
// Wechatpay-Serial gives it.
type identity struct {
	serial string
	pair   *keys.Signer
}

// datedIdentity is a platform certificate with its key.
type datedIdentity struct {
	identity
	certificate PlatformCertificate
}

// newKeyring checks a configuration and prepares it.
func newKeyring(config Config) (*keyring, error) {
	ring := &keyring{config: config, merchants: map[string]*account{}}
	if platform := config.Platform; platform.PublicKey != nil {
		pair, err := platform.PublicKey.Signer()
		if err != nil {
			return nil, fmt.Errorf("%w: platform public key: %w", ErrBadConfig, err)
		}
		ring.public = &identity{serial: platform.PublicKeyID, pair: pair}
	}
	var err error
	if ring.certified, err = dated(config.Platform.Certificates); err != nil {
		return nil, err
	}
	if ring.reserve, err = dated(config.Platform.Reserve); err != nil {
		return nil, err
	}
	switch {
	case config.Mode == PublicKeyMode && ring.public == nil:
		return nil, fmt.Errorf("%w: public-key mode without a public key", ErrBadConfig)
	case config.Mode == CertificateMode && len(ring.certified) == 0:
		return nil, fmt.Errorf("%w: certificate mode without a certificate", ErrBadConfig)
	case config.Mode != PublicKeyMode && config.Mode != CertificateMode:
		return nil, fmt.Errorf("%w: mode %q is neither %s nor %s", ErrBadConfig, config.Mode, PublicKeyMode, CertificateMode)
	}
	for _, merchant := range config.Merchants {
		if err := ring.add(merchant); err != nil {
			return nil, fmt.Errorf("%w: merchant %s: %w", ErrBadConfig, merchant.MchID, err)
		}
	}
	return ring, nil
}

// dated prepares certificates with their keys.
func dated(certificates []PlatformCertificate) ([]datedIdentity, error) {
	var made []datedIdentity
	for _, certificate := range certificates {
		pair, err := certificate.Key.Signer()
		if err != nil {
			return nil, fmt.Errorf("%w: platform certificate %s: %w", ErrBadConfig, certificate.Serial, err)
		}
		if _, key, err := keys.CertificateKey(certificate.PEM); err != nil || !key.Equal(pair.Key()) {
			return nil, fmt.Errorf("%w: platform certificate %s is not of its key", ErrBadConfig, certificate.Serial)
		}
		made = append(made, datedIdentity{identity{certificate.Serial, pair}, certificate})
	}
	return made, nil
}

// published are the certificates that merchants can fetch: those in their time,
// oldest first, and those that were rotated to.
func (r *keyring) published(now time.Time) []datedIdentity {
	listed := slices.DeleteFunc(slices.Clone(r.certified), func(d datedIdentity) bool { return !valid(d.certificate, now) })
	return append(listed, r.reserve[:min(int(r.rotations.Load()), len(r.reserve))]...)
}

// add checks a merchant account and parses its key.
func (r *keyring) add(merchant Merchant) error {
	if merchant.MchID == "" || merchant.AppID == "" || merchant.Serial == "" {
		return errors.New("mchid, appid or serial is missing")
	}
	if _, twice := r.merchants[merchant.MchID]; twice {
		return errors.New("listed twice")
	}
	key, err := keys.ReadPublic(merchant.PublicKey)
	if err != nil {
		return err
	}
	made := &account{Merchant: merchant, key: key}
	if merchant.Certificate != "" {
		certificate, _, err := keys.CertificateKey(merchant.Certificate)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		sum := sha256.Sum256(certificate.Raw)
		made.fingerprint = hex.EncodeToString(sum[:])
	}
	r.merchants[merchant.MchID] = made
	return nil
}

// certificate is the one that was rotated to last, or the newest effective
// platform certificate; nil if there is none.
func (r *keyring) certificate(now time.Time) *identity {
	if turn := int(r.rotations.Load()) % (len(r.reserve) + 1); turn > 0 {
		return &r.reserve[turn-1].identity
	}
	var newest *datedIdentity
	for i, candidate := range r.certified {
		begun := valid(candidate.certificate, now)
		if begun && (newest == nil || candidate.certificate.Effective.After(newest.certificate.Effective)) {
			newest = &r.certified[i]
		}
	}
	if newest == nil {
		return nil
	}
	return &newest.identity
}

// answering is the key for an answer: the one of the kind that the request's
// Wechatpay-Serial names, the certificate when it names none, and what there
// is when there is no certificate (§2.5). known is false for a serial that is
// none of the platform's.
//
// The kind decides, not the serial: a merchant whose certificate was rotated
// away still gets the newest.
func (r *keyring) answering(serial string, now time.Time) (key *identity, known bool) {
	certificate := r.certificate(now)
	if certificate == nil || (r.public != nil && serial == r.public.serial) {
		return r.fallback(certificate), serial == "" || r.named(serial) != nil
	}
	return certificate, serial == "" || r.named(serial) != nil
}

// fallback is the key when the wished one does not exist.
func (r *keyring) fallback(certificate *identity) *identity {
	if r.public != nil {
		return r.public
	}
	if certificate != nil {
		return certificate
	}
	// No certificate is valid yet or any more: the provider would still sign.
	return &r.certified[len(r.certified)-1].identity
}

// notifying is the key for the nth delivery.
func (r *keyring) notifying(n int, now time.Time) *identity {
	certificate := r.certificate(now)
	certified := r.config.Mode == CertificateMode
	switch r.config.Options.NotifyWith {
	case WithPublicKey:
		certified = false
	case WithCertificate:
		certified = true
	case WithAlternateKey:
		certified = n%2 == 1
	}
	if certified && certificate != nil {
		return certificate
	}
	return r.fallback(certificate)
}

// named finds one of the platform's keys, nil if the serial is no key's.
func (r *keyring) named(serial string) *identity {
	if r.public != nil && r.public.serial == serial {
		return r.public
	}
	for _, certificate := range slices.Concat(r.certified, r.reserve) {
		if certificate.serial == serial {
			return &certificate.identity
		}
	}
	return nil
}

// bogusSerial is a serial of the same kind as the given one that nobody has.
func bogusSerial(serial string) string {
	if strings.HasPrefix(serial, "PUB_KEY_ID_") {
		return "PUB_KEY_ID_09" + keys.Digits(32)
	}
	return strings.ToUpper("7" + keys.Hex(40)[1:])
}
