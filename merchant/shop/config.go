// Package shop puts the reference merchant together: the checkout, its clients of
// the providers, its database and, if one is named, a bug; then it serves.
package shop

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/alipay"
	"github.com/payquake/payquake/merchant/unionpay"
	"github.com/payquake/payquake/merchant/wechatpay"
)

// Config is the shop's configuration file.
type Config struct {
	// Listen is the address of the HTTP API, such as 127.0.0.1:8080.
	Listen string `json:"listen"`
	// Database is the path of a SQLite file or a postgres:// URL.
	Database string `json:"database"`
	// Joins: another instance of the shop works on the database already, and this one
	// works beside it.
	Joins bool `json:"joins,omitempty"`
	// PublicURL is where providers reach the shop, such as https://shop.example;
	// it has no query, since providers refuse one.
	PublicURL string `json:"public_url"`
	// FulfilmentURL is where releases are posted; empty releases nothing.
	FulfilmentURL string `json:"fulfilment_url"`
	// WeChatPay, Alipay and UnionPay are the accounts there; shoppers are offered
	// those that are given.
	WeChatPay *wechatpay.Config `json:"wechatpay,omitempty"`
	Alipay    *alipay.Config    `json:"alipay,omitempty"`
	UnionPay  *unionpay.Config  `json:"unionpay,omitempty"`
	// Timers say when the shop acts by itself; those not given are the
	// defaults of a shop in production.
	Timers merchant.Timers `json:"timers"`
	// Telemetry is the OTLP endpoint for traces. Empty is off: then no span is
	// made and no trace context is passed on, like a merchant without tracing.
	Telemetry string `json:"telemetry"`
	// Bug names a mistake of merchant/bugs to make; empty makes none.
	Bug string `json:"bug"`
	// Twin names an honest way of merchant/twins to be different; empty is none.
	Twin string `json:"twin,omitempty"`
}

// ErrConfig is a configuration that cannot work; it is wrapped with what is wrong.
var ErrConfig = errors.New("shop configuration")

// Load reads a configuration file. It fails with ErrConfig for one that is
// not JSON, names what it does not know, or lacks what the shop needs.
func Load(path string) (Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer file.Close()
	config := Config{Timers: merchant.DefaultTimers()}
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return Config{}, fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	return config, config.check()
}

func (c Config) check() error {
	if c.Listen == "" || c.Database == "" {
		return fmt.Errorf("%w: listen and database are needed", ErrConfig)
	}
	public, err := url.Parse(c.PublicURL)
	if err != nil || public.Host == "" || public.RawQuery != "" || !strings.HasPrefix(public.Scheme, "http") {
		return fmt.Errorf("%w: public_url %q is not an absolute http(s) URL without a query", ErrConfig, c.PublicURL)
	}
	if c.WeChatPay == nil && c.Alipay == nil && c.UnionPay == nil {
		return fmt.Errorf("%w: no provider is configured", ErrConfig)
	}
	if err := c.Timers.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}
