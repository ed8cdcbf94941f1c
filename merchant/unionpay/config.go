// Package unionpay is the merchant's client for the UnionPay online gateway
// (ACP 5.1.0) and Cloud QuickPass, written from the protocol alone: its own
// signing, verification and reading. The provider's words (orderId, respCode)
// exist only here. Sections named in comments are those of
// protocols/unionpay.md.
package unionpay

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/clients"
	"github.com/payquake/payquake/payment"
)

// Config is the merchant's account at UnionPay.
type Config struct {
	// BaseURL is where the gateway is; empty means https://gateway.95516.com.
	BaseURL string `json:"base_url"`
	// MerchantID is the merId; CertID the serial number, in decimal, of the
	// certificate that PrivateKeyPEM belongs to.
	MerchantID    string `json:"merchant_id"`
	CertID        string `json:"cert_id"`
	PrivateKeyPEM string `json:"private_key_pem"`
	// RootPEM and MiddlePEM are the certificates that every certificate carried
	// in a message must descend from (section 5).
	RootPEM   string `json:"root_pem"`
	MiddlePEM string `json:"middle_pem"`
}

// defaultBaseURL is the provider's production gateway (section 2).
const defaultBaseURL = "https://gateway.95516.com"

// ErrConfig is a configuration that cannot work; it is wrapped with what is wrong.
var ErrConfig = errors.New("unionpay configuration")

// Client speaks for one merchant account. It implements merchant.Provider and
// is safe for concurrent use.
type Client struct {
	config Config
	base   string
	public string // the shop's own URL
	key    *rsa.PrivateKey
	roots  *x509.CertPool
	middle *x509.CertPool
	http   *http.Client
	clock  merchant.Clock
}

var _ merchant.Provider = (*Client)(nil)

// Name is how the shop names the provider.
const Name payment.ProviderName = "unionpay"

// Name implements merchant.Provider.
func (c *Client) Name() payment.ProviderName { return Name }

// New checks a configuration and makes its client; it calls nobody. publicURL
// is where the provider reaches the shop. It fails with ErrConfig.
func New(config Config, publicURL string, client *http.Client, clock merchant.Clock) (*Client, error) {
	if config.BaseURL == "" {
		config.BaseURL = defaultBaseURL
	}
	for name, value := range map[string]string{"merchant_id": config.MerchantID, "cert_id": config.CertID,
		"private_key_pem": config.PrivateKeyPEM, "root_pem": config.RootPEM, "middle_pem": config.MiddlePEM} {
		if value == "" {
			return nil, fmt.Errorf("%w: %s is missing", ErrConfig, name)
		}
	}
	if err := clients.CheckURL(config.BaseURL); err != nil {
		return nil, fmt.Errorf("%w: base_url %w", ErrConfig, err)
	}
	key, err := clients.PrivateKey(config.PrivateKeyPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: private key: %w", ErrConfig, err)
	}
	c := &Client{config: config, base: strings.TrimSuffix(config.BaseURL, "/"), public: strings.TrimSuffix(publicURL, "/"),
		key: key, roots: x509.NewCertPool(), middle: x509.NewCertPool(), http: clients.WithoutRedirects(client), clock: clock}
	if !c.roots.AppendCertsFromPEM([]byte(config.RootPEM)) || !c.middle.AppendCertsFromPEM([]byte(config.MiddlePEM)) {
		return nil, fmt.Errorf("%w: root_pem or middle_pem holds no certificate", ErrConfig)
	}
	return c, nil
}
