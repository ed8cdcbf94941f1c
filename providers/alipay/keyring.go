package alipay

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/payquake/payquake/providers/keys"
)

// keyring is a Config ready for use: keys parsed, apps by their id.
type keyring struct {
	config    Config
	apps      map[string]*account
	plain     *identity // key mode
	certified []datedIdentity
	roots     string // alipay_root_cert_sn
}

// account is an app with its parsed key. A nil key: none is configured.
type account struct {
	Merchant
	key    *rsa.PublicKey
	certSN string
}

// identity is one of the platform's keys; its sn is empty in key mode.
type identity struct {
	sn   string
	pair *keys.Signer
}

// datedIdentity is a platform certificate with its key.
type datedIdentity struct {
	identity
	certificate PlatformCertificate
}

// newKeyring checks a configuration and prepares it.
func newKeyring(config Config) (*keyring, error) {
	ring := &keyring{config: config, apps: map[string]*account{}}
	var err error
	switch config.Mode {
	case KeyMode:
		err = ring.openKey()
	case CertificateMode:
		err = ring.openCertificates()
	default:
		err = fmt.Errorf("mode %q is neither %s nor %s", config.Mode, KeyMode, CertificateMode)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadConfig, err)
	}
	sellers := map[string]bool{}
	for _, merchant := range config.Merchants {
		if err := ring.add(merchant); err != nil {
			return nil, fmt.Errorf("%w: merchant %s: %w", ErrBadConfig, merchant.AppID, err)
		}
		if sellers[merchant.SellerID] {
			return nil, fmt.Errorf("%w: seller %s is listed twice", ErrBadConfig, merchant.SellerID)
		}
		sellers[merchant.SellerID] = true
	}
	return ring, nil
}

func (r *keyring) openKey() error {
	if r.config.Platform.Key == nil {
		return errors.New("key mode without a key")
	}
	pair, err := r.config.Platform.Key.Signer()
	if err != nil {
		return fmt.Errorf("platform key: %w", err)
	}
	r.plain = &identity{pair: pair}
	return nil
}

func (r *keyring) openCertificates() error {
	for _, certificate := range r.config.Platform.Certificates {
		pair, err := certificate.Key.Signer()
		if err != nil {
			return fmt.Errorf("platform certificate %s: %w", certificate.SN, err)
		}
		if _, key, err := keys.CertificateKey(certificate.PEM); err != nil || !key.Equal(pair.Key()) {
			return fmt.Errorf("platform certificate %s is not of its key", certificate.SN)
		}
		r.certified = append(r.certified, datedIdentity{identity{certificate.SN, pair}, certificate})
	}
	if len(r.certified) == 0 {
		return errors.New("certificate mode without a certificate")
	}
	sn, err := rootSN(r.config.Platform.Roots)
	if err != nil || sn == "" {
		return fmt.Errorf("no root certificate: %w", errors.Join(err, keys.ErrNotRSA))
	}
	r.roots = sn
	return nil
}

// add checks an app and parses its key.
func (r *keyring) add(merchant Merchant) error {
	if merchant.AppID == "" || merchant.SellerID == "" {
		return errors.New("the app's or the seller's id is missing")
	}
	if _, twice := r.apps[merchant.AppID]; twice {
		return errors.New("listed twice")
	}
	made := &account{Merchant: merchant}
	var err error
	if merchant.PublicKey != "" {
		if made.key, err = keys.ReadPublic(merchant.PublicKey); err != nil {
			return err
		}
	}
	if r.config.Mode == CertificateMode {
		if made.certSN, err = certificateSN(merchant.Certificate); err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
	}
	if merchant.AESKey != "" {
		if _, err := blockOf(merchant.AESKey); err != nil {
			return err
		}
	}
	r.apps[merchant.AppID] = made
	return nil
}

// signing is the key that the provider signs with now: the newest effective
// certificate's, or the first one's before any is.
func (r *keyring) signing(now time.Time) *identity {
	if r.plain != nil {
		return r.plain
	}
	var newest *datedIdentity
	for i := range r.certified {
		candidate := &r.certified[i]
		begun := !candidate.certificate.Effective.After(now)
		if begun && (newest == nil || candidate.certificate.Effective.After(newest.certificate.Effective)) {
			newest = candidate
		}
	}
	if newest == nil {
		newest = &r.certified[0]
	}
	return &newest.identity
}

// named finds one of the platform's keys by its serial, which is empty in key
// mode; nil if there is none.
func (r *keyring) named(sn string) *identity {
	if r.plain != nil {
		if sn == "" {
			return r.plain
		}
		return nil
	}
	for i := range r.certified {
		if r.certified[i].sn == sn {
			return &r.certified[i].identity
		}
	}
	return nil
}

// verifies reports whether any of the platform's keys made the signature:
// notifications do not say which (§7).
func (r *keyring) verifies(message, signature string) (*identity, bool) {
	if r.plain != nil {
		return r.plain, keys.Verifies(r.plain.pair.Key(), message, signature)
	}
	for i := range r.certified {
		if keys.Verifies(r.certified[i].pair.Key(), message, signature) {
			return &r.certified[i].identity, true
		}
	}
	return nil, false
}
