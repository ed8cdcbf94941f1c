package alipay

import (
	"errors"
	"fmt"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers/keys"
)

// Config is everything that a provider and a gateway must agree on for one
// run. It holds private keys of both sides (the gateway re-signs what it
// edits), travels to containers as JSON, and is never kept.
type Config struct {
	Mode      Mode       `json:"mode"`
	Merchants []Merchant `json:"merchants"`
	Platform  Platform   `json:"platform"`
	Options   Options    `json:"options,omitzero"`
	// Factor is how many times faster than real life the provider's calendar of
	// notifications runs; up to 1 is real life. Refunds are done at once, and
	// all other times are real.
	Factor float64 `json:"factor,omitempty"`
}

// Mode is how merchants and provider know each other's keys.
type Mode string

// The modes (protocol alipay §2).
const (
	KeyMode         Mode = "key"
	CertificateMode Mode = "certificate"
)

// Merchant is an app at the provider and the account that it collects for. No
// two apps share an account here, so that a merchant's number is unique per
// app (protocol alipay §1).
type Merchant struct {
	AppID     string `json:"appID"`
	SellerID  string `json:"sellerID"`  // the account, 2088 and 12 digits
	Name      string `json:"name"`      // what wallets show as payee
	PublicKey string `json:"publicKey"` // PEM, PKIX
	// PrivateKey is PEM, PKCS#8. Only the merchant and the gateway's dialect
	// use it; the provider verifies with PublicKey.
	PrivateKey string `json:"privateKey,omitempty"`
	// Certificate is the app's certificate, PEM; certificate mode only.
	Certificate string `json:"certificate,omitempty"`
	// AESKey seals biz_content and answers: 16 bytes in base64. Unset: calls
	// that ask for it are refused.
	AESKey string `json:"aesKey,omitempty"`
	// BuyerOpenID shows shoppers as buyer_open_id instead of buyer_user_id and
	// buyer_id, as newly created apps are given it (protocol alipay §1).
	BuyerOpenID bool `json:"buyerOpenID,omitempty"`
}

// Platform is the provider's own identity: a key, or certificates and their
// roots.
type Platform struct {
	Key          *keys.Key             `json:"key,omitempty"`
	Certificates []PlatformCertificate `json:"certificates,omitempty"`
	// Roots is the bundle of root certificates, PEM. Like the real one it has
	// one that is no RSA certificate, which alipay_root_cert_sn leaves out.
	Roots string `json:"roots,omitempty"`
}

// PlatformCertificate is one of several when keys rotate. It signs from
// Effective on, the newest one only; all can be downloaded until they expire.
type PlatformCertificate struct {
	SN        string    `json:"sn"`
	PEM       string    `json:"pem"`
	Key       keys.Key  `json:"key"`
	Effective time.Time `json:"effective"`
	Expires   time.Time `json:"expires"`
}

// MerchantCredentials is what a merchant is given to configure its client. The
// public key is set in key mode, the certificates in certificate mode.
type MerchantCredentials struct {
	Mode              Mode   `json:"mode"`
	AppID             string `json:"appID"`
	SellerID          string `json:"sellerID"`
	PrivateKey        string `json:"privateKey"` // PEM, PKCS#8
	AESKey            string `json:"aesKey,omitempty"`
	AlipayPublicKey   string `json:"alipayPublicKey,omitempty"` // PEM, PKIX
	AppCertificate    string `json:"appCertificate,omitempty"`
	AppCertSN         string `json:"appCertSN,omitempty"`
	AlipayCertificate string `json:"alipayCertificate,omitempty"`
	AlipayCertSN      string `json:"alipayCertSN,omitempty"`
	AlipayRoots       string `json:"alipayRoots,omitempty"`
	AlipayRootCertSN  string `json:"alipayRootCertSN,omitempty"`
}

// Errors of a configuration.
var (
	ErrBadConfig       = errors.New("bad alipay configuration")
	ErrUnknownMerchant = errors.New("unknown merchant")
)

// Credentials is the view of one merchant, by its app; ErrUnknownMerchant if
// there is none.
func (c Config) Credentials(appID string) (MerchantCredentials, error) {
	for _, m := range c.Merchants {
		if m.AppID != appID {
			continue
		}
		view := MerchantCredentials{Mode: c.Mode, AppID: m.AppID, SellerID: m.SellerID, PrivateKey: m.PrivateKey,
			AESKey: m.AESKey}
		if c.Mode == CertificateMode {
			return view, c.addCertificates(m, &view)
		}
		if c.Platform.Key == nil {
			return MerchantCredentials{}, fmt.Errorf("%w: key mode without a key", ErrBadConfig)
		}
		text, err := c.Platform.Key.PublicPEM()
		if err != nil {
			return MerchantCredentials{}, fmt.Errorf("write the platform's public key: %w", err)
		}
		view.AlipayPublicKey = text
		return view, nil
	}
	return MerchantCredentials{}, fmt.Errorf("credentials of %q: %w", appID, ErrUnknownMerchant)
}

// addCertificates fills in what certificate mode needs.
func (c Config) addCertificates(m Merchant, view *MerchantCredentials) error {
	if len(c.Platform.Certificates) == 0 {
		return fmt.Errorf("%w: certificate mode without a certificate", ErrBadConfig)
	}
	first := c.Platform.Certificates[0]
	view.AppCertificate, view.AlipayRoots = m.Certificate, c.Platform.Roots
	view.AlipayCertificate, view.AlipayCertSN = first.PEM, first.SN
	var err error
	if view.AppCertSN, err = certificateSN(m.Certificate); err != nil {
		return fmt.Errorf("number the app's certificate: %w", err)
	}
	if view.AlipayRootCertSN, err = rootSN(c.Platform.Roots); err != nil {
		return fmt.Errorf("number the root certificates: %w", err)
	}
	return nil
}

// RunSettings are the choices for a run's fresh Config. The zero value is one
// merchant in key mode with fast keys.
type RunSettings struct {
	Mode Mode
	// Merchants is how many apps are made; 1 if unset. The second and further
	// ones serve messages for a foreign merchant.
	Merchants int
	// Standard makes ordinary two-prime platform keys. Otherwise they have many
	// primes and sign about four times faster; they are weak by construction
	// and for tests only.
	Standard bool
	Factor   float64
	Options  Options
	Clock    clock.Clock // for the certificates' validity; the system's if unset
}

// NewRun generates a whole configuration: platform keys, apps with keys and,
// in certificate mode, certificates and their roots. Nothing of it may outlive
// the run.
func NewRun(settings RunSettings) (Config, error) {
	if settings.Clock == nil {
		settings.Clock = clock.System{}
	}
	config := Config{Mode: settings.Mode, Options: settings.Options, Factor: settings.Factor}
	if config.Mode == "" {
		config.Mode = KeyMode
	}
	maker := Keys{Standard: settings.Standard, Clock: settings.Clock}
	var authority *Authority
	var err error
	if config.Mode == CertificateMode {
		if authority, err = maker.Authority(); err != nil {
			return Config{}, fmt.Errorf("generate the root certificates: %w", err)
		}
	}
	if config.Platform, err = maker.Platform(authority); err != nil {
		return Config{}, fmt.Errorf("generate the platform's identity: %w", err)
	}
	for i := range max(settings.Merchants, 1) {
		merchant, err := maker.Merchant(i+1, authority)
		if err != nil {
			return Config{}, fmt.Errorf("generate merchant %d: %w", i+1, err)
		}
		config.Merchants = append(config.Merchants, merchant)
	}
	return config, nil
}
