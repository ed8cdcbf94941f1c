// Package wechatpay is the merchant's client for WeChat Pay APIv3, written
// from the protocol alone: its own signing, verification and decryption. The
// provider's words (out_trade_no, trade_state) exist only here. Sections named
// in comments are those of protocols/wechatpay.md.
package wechatpay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/clients"
	"github.com/payquake/payquake/payment"
)

// Mode is how the provider's own signatures are checked.
type Mode string

// The modes: platform certificates are fetched and rotate (section 2.4); a
// public key is configured and stays (section 2.5).
const (
	ModeCertificates Mode = "certificates"
	ModePublicKey    Mode = "public-key"
)

// Config is the merchant's account at WeChat Pay.
type Config struct {
	// BaseURL is where the API is; empty means https://api.mch.weixin.qq.com.
	BaseURL string `json:"base_url"`
	// MerchantID is the mchid, AppID the appid bound to it.
	MerchantID string `json:"merchant_id"`
	AppID      string `json:"app_id"`
	// SerialNumber is that of the merchant's API certificate, in upper-case hex.
	SerialNumber string `json:"serial_number"`
	// PrivateKeyPEM is that certificate's RSA key, as PKCS #8 or PKCS #1.
	PrivateKeyPEM string `json:"private_key_pem"`
	// APIv3Key is the 32-byte key that notifications are encrypted with.
	APIv3Key string `json:"apiv3_key"`
	// Mode is "certificates" or "public-key"; empty means "public-key".
	Mode Mode `json:"mode"`
	// PublicKeyID (PUB_KEY_ID_…) and PublicKeyPEM are the provider's key. In
	// mode certificates they may be set too: while an account migrates, some
	// messages are signed with either.
	PublicKeyID  string `json:"public_key_id"`
	PublicKeyPEM string `json:"public_key_pem"`
	// StoreID names the shop at whose till barcodes are scanned.
	StoreID string `json:"store_id"`
}

// defaultBaseURL is the provider's primary host (section 7).
const defaultBaseURL = "https://api.mch.weixin.qq.com"

// ErrConfig is a configuration that cannot work; it is wrapped with what is wrong.
var ErrConfig = errors.New("wechatpay configuration")

// Client speaks for one merchant account. It implements merchant.Provider and
// is safe for concurrent use.
type Client struct {
	config    Config
	base      string
	notifyURL string
	signer    *signer
	keys      *keys
	http      *http.Client
	clock     merchant.Clock
}

var _ merchant.Provider = (*Client)(nil)

// Name implements merchant.Provider.
const Name payment.ProviderName = "wechatpay"

// Name implements merchant.Provider.
func (c *Client) Name() payment.ProviderName { return Name }

// New checks a configuration and makes its client; it calls nobody. publicURL
// is where the provider reaches the shop, such as https://shop.example. It
// fails with ErrConfig.
func New(config Config, publicURL string, client *http.Client, clock merchant.Clock) (*Client, error) {
	if config.BaseURL == "" {
		config.BaseURL = defaultBaseURL
	}
	if config.Mode == "" {
		config.Mode = ModePublicKey
	}
	if config.StoreID == "" {
		config.StoreID = "1"
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	key, err := clients.PrivateKey(config.PrivateKeyPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: private key: %w", ErrConfig, err)
	}
	known := map[string]knownKey{}
	if config.PublicKeyPEM != "" {
		public, err := clients.PublicKey(config.PublicKeyPEM)
		if err != nil {
			return nil, fmt.Errorf("%w: public key: %w", ErrConfig, err)
		}
		known[config.PublicKeyID] = knownKey{public: public}
	}
	c := &Client{
		config: config, base: strings.TrimSuffix(config.BaseURL, "/"),
		notifyURL: strings.TrimSuffix(publicURL, "/") + "/notify/" + string(Name),
		signer:    &signer{merchantID: config.MerchantID, serial: config.SerialNumber, key: key, clock: clock},
		keys:      &keys{known: known},
		http:      clients.WithoutRedirects(client), clock: clock,
	}
	return c, nil
}

func (c Config) check() error {
	for name, value := range map[string]string{
		"merchant_id": c.MerchantID, "app_id": c.AppID, "serial_number": c.SerialNumber, "private_key_pem": c.PrivateKeyPEM,
	} {
		if value == "" {
			return fmt.Errorf("%w: %s is missing", ErrConfig, name)
		}
	}
	if len(c.APIv3Key) != 32 {
		return fmt.Errorf("%w: apiv3_key has %d bytes, wants 32", ErrConfig, len(c.APIv3Key))
	}
	if err := clients.CheckURL(c.BaseURL); err != nil {
		return fmt.Errorf("%w: base_url %w", ErrConfig, err)
	}
	switch c.Mode {
	case ModeCertificates:
		return nil
	case ModePublicKey:
		if c.PublicKeyID == "" || c.PublicKeyPEM == "" {
			return fmt.Errorf("%w: mode public-key needs public_key_id and public_key_pem", ErrConfig)
		}
		return nil
	default:
		return fmt.Errorf("%w: mode %q is neither certificates nor public-key", ErrConfig, c.Mode)
	}
}

// KeepCertificates fetches the platform certificates now and then every so
// often, until ctx ends. In mode public-key there is nothing to fetch. What
// fails is tried again with the next message that needs it.
func (c *Client) KeepCertificates(ctx context.Context, every time.Duration) {
	for c.config.Mode == ModeCertificates {
		c.refresh(ctx, "")
		if c.clock.Wait(ctx, every) != nil {
			return
		}
	}
}
