package unionpay

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

// DefaultRefundDelay is how long the gateway works on an accepted refund. The
// days that a bank then takes (§12) are no part of the mock.
const DefaultRefundDelay = faults.Duration(2 * time.Minute)

// Merchant is a merchant account at the provider.
type Merchant struct {
	MerID string `json:"merId"` // 15 digits; those of tests begin with 777 (§1)
	Name  string `json:"name"`  // what wallets show as payee
	// CertID is the serial of the signing certificate in decimal, below 2^53:
	// some clients read it as a float (§5.1).
	CertID      string `json:"certId"`
	Certificate string `json:"certificate"`
	// PrivateKey is PEM, PKCS#8. Only the merchant and the gateway's dialect
	// use it; the provider verifies with Certificate.
	PrivateKey string `json:"privateKey,omitempty"`
	// SecureKey is for requests with signMethod 11 (§5). A merchant without one
	// cannot use that method.
	SecureKey string `json:"secureKey,omitempty"`
}

// Platform is the provider's own identity: a chain of three certificates, all
// signed with SHA-256 (§5.1), in PEM.
type Platform struct {
	Root   string `json:"root"`
	Middle string `json:"middle"`
	// Leaf signs; it is the signPubKeyCert of every answer, there with CRLF.
	Leaf string   `json:"leaf"`
	Key  keys.Key `json:"key"` // of Leaf
	// Reserve are further certificates of the provider's, which sign when it
	// rotates to them.
	Reserve []Certified `json:"reserve,omitempty"`
	// Expired is an earlier certificate of the same key that has run out. Faults
	// show it; without one, no message can be signed too long ago.
	Expired string `json:"expired,omitempty"`
	// Encrypt is what merchants encrypt sensitive fields under (§5). Nobody can
	// decrypt them: its private key is thrown away when it is made.
	Encrypt string `json:"encrypt,omitempty"`
}

// Certified is a certificate, in PEM, and its key.
type Certified struct {
	Certificate string   `json:"certificate"`
	Key         keys.Key `json:"key"`
}

// reserve is how many certificates a run can rotate to.
const reserve = 2

// MerchantCredentials is what a merchant is given to configure its client.
type MerchantCredentials struct {
	MerID       string `json:"merId"`
	Name        string `json:"name"`
	CertID      string `json:"certId"`
	Certificate string `json:"certificate"`
	PrivateKey  string `json:"privateKey"`
	SecureKey   string `json:"secureKey,omitempty"`
	Root        string `json:"root"`
	Middle      string `json:"middle"`
}

// Errors of a configuration.
var (
	ErrBadConfig       = errors.New("bad unionpay configuration")
	ErrUnknownMerchant = errors.New("unknown merchant")
)

// Credentials is the view of one merchant. It fails with ErrUnknownMerchant.
func (c Config) Credentials(merID string) (MerchantCredentials, error) {
	for _, m := range c.Merchants {
		if m.MerID == merID {
			return MerchantCredentials{MerID: m.MerID, Name: m.Name, CertID: m.CertID, Certificate: m.Certificate,
				PrivateKey: m.PrivateKey, SecureKey: m.SecureKey, Root: c.Platform.Root, Middle: c.Platform.Middle}, nil
		}
	}
	return MerchantCredentials{}, fmt.Errorf("credentials of %q: %w", merID, ErrUnknownMerchant)
}

// RunSettings are the choices for a run's fresh Config. The zero value is one
// merchant and a fast platform key.
type RunSettings struct {
	// Merchants is how many merchant accounts are made; 1 if unset. The second
	// and further ones serve messages for a foreign merchant.
	Merchants int
	// Standard makes an ordinary two-prime platform key. Otherwise it has many
	// primes and signs about four times faster; it is weak by construction and
	// for tests only.
	Standard    bool
	Factor      float64
	RefundDelay faults.Duration
	Options     Options
	Clock       clock.Clock // for the certificates' validity; the system's if unset
}

// NewRun generates a whole configuration: the platform's chain, and merchants
// with keys and certificates. Nothing of it may outlive the run.
func NewRun(settings RunSettings) (Config, error) {
	if settings.Clock == nil {
		settings.Clock = clock.System{}
	}
	config := Config{Options: settings.Options, Factor: settings.Factor, RefundDelay: settings.RefundDelay}
	made := Keys{Standard: settings.Standard, Clock: settings.Clock}
	platform, err := made.Platform()
	if err != nil {
		return Config{}, fmt.Errorf("generate the platform's identity: %w", err)
	}
	config.Platform = platform
	for i := range max(settings.Merchants, 1) {
		merchant, err := made.Merchant(fmt.Sprintf("7772900581%05d", 10048+i))
		if err != nil {
			return Config{}, fmt.Errorf("generate merchant %d: %w", i+1, err)
		}
		config.Merchants = append(config.Merchants, merchant)
	}
	return config, nil
}
