package environment

import (
	"errors"
	"fmt"
	"time"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/merchant"
	alipayclient "github.com/payquake/payquake/merchant/alipay"
	"github.com/payquake/payquake/merchant/shop"
	unionclient "github.com/payquake/payquake/merchant/unionpay"
	wechatclient "github.com/payquake/payquake/merchant/wechatpay"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/alipay"
	"github.com/payquake/payquake/providers/unionpay"
	"github.com/payquake/payquake/providers/wechatpay"
)

// merchantReach is where the merchant listens and where it finds the others,
// which differs between environments.
type merchantReach struct {
	Listen        string
	Database      string
	FulfilmentURL string
	Spans         string
	ProviderURL   func(payment.ProviderName) string
	Joins         bool // another instance works on the database already
}

// publicURL is the host that the reference merchant believes to be reachable
// at. Providers' deliveries keep it as their Host.
const publicURL = "https://shop.example"

// shopConfig configures the reference merchant for a run.
func shopConfig(topology Topology, reach merchantReach) (shop.Config, error) {
	config := shop.Config{Listen: reach.Listen, Database: reach.Database, Joins: reach.Joins, PublicURL: publicURL,
		FulfilmentURL: reach.FulfilmentURL, Timers: topology.Merchant.Timers, Bug: topology.Merchant.Bug, Twin: topology.Merchant.Twin}
	if topology.Merchant.Traced {
		config.Telemetry = reach.Spans
	}
	var errs []error
	for _, provider := range topology.Providers {
		url := reach.ProviderURL(provider.Name())
		switch {
		case provider.WeChatPay != nil:
			client, err := weChatPayClient(*provider.WeChatPay, url)
			config.WeChatPay, errs = client, append(errs, err)
		case provider.Alipay != nil:
			client, err := alipayClient(*provider.Alipay, url)
			config.Alipay, errs = client, append(errs, err)
		case provider.UnionPay != nil:
			client, err := unionPayClient(*provider.UnionPay, url)
			config.UnionPay, errs = client, append(errs, err)
		}
	}
	return config, errors.Join(errs...)
}

func weChatPayClient(provider wechatpay.Config, url string) (*wechatclient.Config, error) {
	account, err := provider.Credentials(provider.Merchants[0].MchID)
	if err != nil {
		return nil, fmt.Errorf("credentials at wechatpay: %w", err)
	}
	client := &wechatclient.Config{BaseURL: url, MerchantID: account.MchID, AppID: account.AppID,
		SerialNumber: account.Serial, PrivateKeyPEM: account.PrivateKey, APIv3Key: account.APIv3Key,
		Mode: wechatclient.ModePublicKey, PublicKeyID: account.PublicKeyID, PublicKeyPEM: account.PublicKey}
	if provider.Mode == wechatpay.CertificateMode {
		client.Mode = wechatclient.ModeCertificates
	}
	return client, nil
}

func alipayClient(provider alipay.Config, url string) (*alipayclient.Config, error) {
	account, err := provider.Credentials(provider.Merchants[0].AppID)
	if err != nil {
		return nil, fmt.Errorf("credentials at alipay: %w", err)
	}
	if url != "" {
		url += "/gateway.do"
	}
	client := &alipayclient.Config{GatewayURL: url, AppID: account.AppID, SellerID: account.SellerID,
		PrivateKeyPEM: account.PrivateKey, PublicKeyPEM: account.AlipayPublicKey}
	if provider.Mode == alipay.CertificateMode {
		client.PublicKeyPEM, client.PublicCertSN = account.AlipayCertificate, account.AlipayCertSN
		client.AppCertSN, client.RootCertSN = account.AppCertSN, account.AlipayRootCertSN
	}
	return client, nil
}

func unionPayClient(provider unionpay.Config, url string) (*unionclient.Config, error) {
	account, err := provider.Credentials(provider.Merchants[0].MerID)
	if err != nil {
		return nil, fmt.Errorf("credentials at unionpay: %w", err)
	}
	return &unionclient.Config{BaseURL: url, MerchantID: account.MerID, CertID: account.CertID,
		PrivateKeyPEM: account.PrivateKey, RootPEM: account.Root, MiddlePEM: account.Middle}, nil
}

// RunTimers are the reference merchant's timers for a run: the same rules as
// in production, with waits short enough that a trial takes seconds.
func RunTimers() merchant.Timers {
	ms := func(n int) merchant.Duration { return merchant.Duration(time.Duration(n) * time.Millisecond) }
	return merchant.Timers{
		CallTimeout: ms(800), RetryBackoff: ms(30), Tries: 3,
		QueryAfter:  []merchant.Duration{ms(400), ms(900), ms(1400)},
		GiveUpAfter: ms(2000), AbsentGap: ms(250), BarcodeQueryEvery: ms(300),
		ReverseAfter: ms(1500), MinReverseAge: ms(1000), RefundQueryEvery: ms(300), RefundGiveUpAfter: ms(2500),
		OutboxEvery: ms(200), OrderExpiry: ms(3800), PollEvery: ms(50), CertificateRefresh: merchant.Duration(time.Hour),
	}
}

// ProviderFactor is how many times faster than real life the providers'
// calendars run in a run.
const ProviderFactor = 200

// Keys say how the providers of a run are made.
type Keys struct {
	// Standard makes ordinary RSA keys instead of fast ones.
	Standard bool
	// Wanted are the providers there shall be, with the mode in which merchant and
	// provider know each other's keys; none means all, each in its usual mode.
	Wanted []manifest.Provider
}

// FreshProviders makes the providers of a run with keys of their own.
func FreshProviders(keys Keys) ([]roles.ProviderConfig, error) {
	wanted := keys.Wanted
	if len(wanted) == 0 {
		wanted = []manifest.Provider{{Name: wechatpay.Name}, {Name: alipay.Name}, {Name: unionpay.Name}}
	}
	var made []roles.ProviderConfig
	for _, provider := range wanted {
		config, err := freshProvider(provider, keys.Standard)
		if err != nil {
			return nil, fmt.Errorf("make the run's keys for %s: %w", provider.Name, err)
		}
		made = append(made, config)
	}
	return made, nil
}

func freshProvider(provider manifest.Provider, standard bool) (roles.ProviderConfig, error) {
	switch provider.Name {
	case wechatpay.Name:
		config, err := wechatpay.NewRun(wechatpay.RunSettings{Mode: wechatpay.Mode(provider.Mode), Standard: standard, Factor: ProviderFactor})
		return roles.ProviderConfig{WeChatPay: &config}, err
	case alipay.Name:
		config, err := alipay.NewRun(alipay.RunSettings{Mode: alipay.Mode(provider.Mode), Standard: standard, Factor: ProviderFactor})
		return roles.ProviderConfig{Alipay: &config}, err
	case unionpay.Name:
		config, err := unionpay.NewRun(unionpay.RunSettings{Standard: standard, Factor: ProviderFactor})
		return roles.ProviderConfig{UnionPay: &config}, err
	default:
		return roles.ProviderConfig{}, errors.New("payquake plays no such provider")
	}
}
