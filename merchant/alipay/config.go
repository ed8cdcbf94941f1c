// Package alipay is the merchant's client for the Alipay open platform
// (gateway.do, RSA2), written from the protocol alone: its own signing,
// verification and reading. The provider's words (out_trade_no, trade_status)
// exist only here. Sections named in comments are those of
// protocols/alipay.md.
package alipay

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/clients"
	"github.com/payquake/payquake/payment"
)

// Config is the merchant's app at Alipay.
type Config struct {
	// GatewayURL is where the API is; empty means
	// https://openapi.alipay.com/gateway.do.
	GatewayURL string `json:"gateway_url"`
	// AppID is the app, SellerID (2088…) the account that is paid.
	AppID    string `json:"app_id"`
	SellerID string `json:"seller_id"`
	// PrivateKeyPEM is the app's RSA key, as PKCS #8 or PKCS #1.
	PrivateKeyPEM string `json:"private_key_pem"`
	// PublicKeyPEM is the provider's key or, in certificate mode, its
	// certificate, whose serial digest is PublicCertSN.
	PublicKeyPEM string `json:"public_key_pem"`
	// AppCertSN and RootCertSN are sent in certificate mode (section 2); empty
	// means key mode.
	AppCertSN    string `json:"app_cert_sn,omitempty"`
	RootCertSN   string `json:"root_cert_sn,omitempty"`
	PublicCertSN string `json:"public_cert_sn,omitempty"`
}

// defaultGatewayURL is the provider's production gateway (section 1).
const defaultGatewayURL = "https://openapi.alipay.com/gateway.do"

// ErrConfig is a configuration that cannot work; it is wrapped with what is wrong.
var ErrConfig = errors.New("alipay configuration")

// Client speaks for one app. It implements merchant.Provider and is safe for
// concurrent use.
type Client struct {
	config    Config
	notifyURL string
	key       *rsa.PrivateKey
	theirs    *rsa.PublicKey
	http      *http.Client
	clock     merchant.Clock
}

var _ merchant.Provider = (*Client)(nil)

// Name is how the shop names the provider.
const Name payment.ProviderName = "alipay"

// Name implements merchant.Provider.
func (c *Client) Name() payment.ProviderName { return Name }

// New checks a configuration and makes its client; it calls nobody. publicURL
// is where the provider reaches the shop. It fails with ErrConfig.
func New(config Config, publicURL string, client *http.Client, clock merchant.Clock) (*Client, error) {
	if config.GatewayURL == "" {
		config.GatewayURL = defaultGatewayURL
	}
	for name, value := range map[string]string{"app_id": config.AppID, "seller_id": config.SellerID,
		"private_key_pem": config.PrivateKeyPEM, "public_key_pem": config.PublicKeyPEM} {
		if value == "" {
			return nil, fmt.Errorf("%w: %s is missing", ErrConfig, name)
		}
	}
	if (config.AppCertSN == "") != (config.RootCertSN == "") || (config.AppCertSN == "") != (config.PublicCertSN == "") {
		return nil, fmt.Errorf("%w: certificate mode needs app_cert_sn, root_cert_sn and public_cert_sn", ErrConfig)
	}
	if err := clients.CheckURL(config.GatewayURL); err != nil {
		return nil, fmt.Errorf("%w: gateway_url %w", ErrConfig, err)
	}
	key, err := clients.PrivateKey(config.PrivateKeyPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: private key: %w", ErrConfig, err)
	}
	theirs, err := clients.PublicKey(config.PublicKeyPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: public key: %w", ErrConfig, err)
	}
	return &Client{config: config, notifyURL: strings.TrimSuffix(publicURL, "/") + "/notify/" + string(Name),
		key: key, theirs: theirs, http: clients.WithoutRedirects(client), clock: clock}, nil
}
