package wechatpay

import (
	"errors"
	"fmt"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
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
	// Factor is how many times faster than real life the provider's calendar
	// runs; up to 1 is real life.
	Factor float64 `json:"factor,omitempty"`
	// RefundDelay is how long a refund is under way, in real life; it is scaled
	// by Factor. Unset: DefaultRefundDelay.
	RefundDelay faults.Duration `json:"refundDelay,omitempty"`
}

// DefaultRefundDelay is how long a refund to a wallet's balance takes: minutes
// (protocol wechatpay §4.2).
const DefaultRefundDelay = faults.Duration(2 * time.Minute)

// Mode is how merchants verify the provider.
type Mode string

// The modes. Merchants taken on since about late 2024 know only the public key
// (protocol wechatpay §2.5).
const (
	PublicKeyMode   Mode = "public-key"
	CertificateMode Mode = "certificate"
)

// Merchant is a merchant account at the provider.
type Merchant struct {
	MchID       string `json:"mchid"`
	AppID       string `json:"appid"`
	Name        string `json:"name"`   // what wallets show as payee
	Serial      string `json:"serial"` // of the merchant's certificate
	Certificate string `json:"certificate,omitempty"`
	PublicKey   string `json:"publicKey"` // PEM, PKIX
	// PrivateKey is PEM, PKCS#8. Only the merchant and the gateway's dialect
	// use it; the provider verifies with PublicKey.
	PrivateKey string `json:"privateKey,omitempty"`
	// APIv3Key seals notifications and certificates. A merchant without one is
	// refused, as protocol wechatpay §2.2 says.
	APIv3Key string `json:"apiV3Key"`
	// APIv2Key signs the calls, answers and notifications of v2. A merchant
	// without one has no v2: nothing it signs is right.
	APIv2Key string `json:"apiV2Key,omitempty"`
	// RefundNotifyURL is where refunds are announced that name no address of
	// their own; none: nowhere.
	RefundNotifyURL string `json:"refundNotifyURL,omitempty"`
}

// Platform is the provider's own identity: a public key with an id, platform
// certificates, or both while a merchant migrates.
type Platform struct {
	PublicKeyID  string                `json:"publicKeyID,omitempty"`
	PublicKey    *keys.Key             `json:"publicKey,omitempty"`
	Certificates []PlatformCertificate `json:"certificates,omitempty"`
	// Reserve are certificates that nobody knows of until the provider rotates to
	// them.
	Reserve []PlatformCertificate `json:"reserve,omitempty"`
}

// reserve is how many certificates a run can rotate to.
const reserve = 2

// PlatformCertificate is one of several when keys rotate. It is published, and
// signs, from Effective on; the newest effective one signs, and the earlier
// ones stay published until they expire.
type PlatformCertificate struct {
	Serial    string    `json:"serial"`
	PEM       string    `json:"pem"`
	Key       keys.Key  `json:"key"`
	Effective time.Time `json:"effective"`
	Expires   time.Time `json:"expires"`
}

// MerchantCredentials is what a merchant is given to configure its client.
// Platform is its certificate to begin with, in certificate mode, since not
// every client can fetch the first one unverified.
type MerchantCredentials struct {
	Mode                Mode   `json:"mode"`
	MchID               string `json:"mchid"`
	AppID               string `json:"appid"`
	Serial              string `json:"serial"`
	Certificate         string `json:"certificate"`
	PrivateKey          string `json:"privateKey"`
	APIv3Key            string `json:"apiV3Key"`
	APIv2Key            string `json:"apiV2Key,omitempty"`
	PublicKeyID         string `json:"publicKeyID,omitempty"`
	PublicKey           string `json:"publicKey,omitempty"`
	PlatformSerial      string `json:"platformSerial,omitempty"`
	PlatformCertificate string `json:"platformCertificate,omitempty"`
}

// Errors of a configuration.
var (
	ErrBadConfig       = errors.New("bad wechatpay configuration")
	ErrUnknownMerchant = errors.New("unknown merchant")
)

// Credentials is the view of one merchant.
func (c Config) Credentials(mchid string) (MerchantCredentials, error) {
	for _, m := range c.Merchants {
		if m.MchID != mchid {
			continue
		}
		view := MerchantCredentials{Mode: c.Mode, MchID: m.MchID, AppID: m.AppID, Serial: m.Serial,
			Certificate: m.Certificate, PrivateKey: m.PrivateKey, APIv3Key: m.APIv3Key,
			APIv2Key: m.APIv2Key}
		if c.Platform.PublicKey != nil {
			text, err := c.Platform.PublicKey.PublicPEM()
			if err != nil {
				return MerchantCredentials{}, fmt.Errorf("write the platform's public key: %w", err)
			}
			view.PublicKeyID, view.PublicKey = c.Platform.PublicKeyID, text
		}
		if len(c.Platform.Certificates) > 0 {
			first := c.Platform.Certificates[0]
			view.PlatformSerial, view.PlatformCertificate = first.Serial, first.PEM
		}
		return view, nil
	}
	return MerchantCredentials{}, fmt.Errorf("credentials of %q: %w", mchid, ErrUnknownMerchant)
}

// RunSettings are the choices for a run's fresh Config. The zero value is one
// merchant in public-key mode with fast keys.
type RunSettings struct {
	Mode Mode
	// Merchants is how many merchant accounts are made; 1 if unset. The second
	// and further ones serve messages for a foreign merchant.
	Merchants int
	// Standard makes ordinary two-prime platform keys. Otherwise they have many
	// primes and sign about four times faster; they are weak by construction
	// and for tests only.
	Standard bool
	// Migrating gives the platform a certificate beside its public key.
	Migrating   bool
	Factor      float64
	RefundDelay faults.Duration
	Options     Options
	Clock       clock.Clock // for the certificates' validity; the system's if unset
}

// NewRun generates a whole configuration: platform keys, merchants with keys
// and certificates, and APIv3 keys. Nothing of it may outlive the run.
func NewRun(settings RunSettings) (Config, error) {
	if settings.Clock == nil {
		settings.Clock = clock.System{}
	}
	config := Config{Mode: settings.Mode, Options: settings.Options, Factor: settings.Factor,
		RefundDelay: settings.RefundDelay}
	if config.Mode == "" {
		config.Mode = PublicKeyMode
	}
	keys := Keys{Standard: settings.Standard, Clock: settings.Clock}
	platform, err := keys.Platform(config.Mode == PublicKeyMode, config.Mode == CertificateMode || settings.Migrating)
	if err != nil {
		return Config{}, fmt.Errorf("generate the platform's identity: %w", err)
	}
	config.Platform = platform
	for i := range max(settings.Merchants, 1) {
		merchant, err := keys.Merchant(fmt.Sprintf("19000%05d", 109+i))
		if err != nil {
			return Config{}, fmt.Errorf("generate merchant %d: %w", i+1, err)
		}
		config.Merchants = append(config.Merchants, merchant)
	}
	return config, nil
}
