// Package payquake starts payquake's mock payment providers in a container, for Go
// tests that make their payments themselves: a module for testcontainers-go.
//
//	container, err := payquake.Run(ctx, "payquake:latest",
//		payquake.WithProvider("wechatpay", "public-key"), payquake.WithMerchant("http://127.0.0.1:8080"))
//	testcontainers.CleanupContainer(t, container)
//
// The image is made by the command payquake image. Notifications reach a merchant
// wherever the test can reach it, on loopback too. For scenarios, plans and verdicts
// see package quake.
package payquake

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/moby/moby/api/types/container"
	dockernet "github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// Container is a running stand: all providers behind the gateway that stands between
// them and the merchant.
type Container struct {
	testcontainers.Container
	config  roles.StandConfig
	control *roles.Client
	lending context.CancelFunc // ends the lending of connections to the merchant
	trials  atomic.Int64       // that faults were injected into
}

// shopper is whose wallet pays.
const shopper faults.Trial = "shopper"

// walletBalance is what the wallet holds at each provider.
func walletBalance() payment.Money { return payment.Fen(100_000_000_00) }

// The ports inside the container.
const (
	controlPort   = 7000
	tunnelPort    = 7001
	frontPort     = 7002
	firstLinkPort = 7100
	configPath    = "/payquake.json"
)

// Option is an option of Run.
type Option func(*options) error

// Customize implements testcontainers.ContainerCustomizer. It does nothing: Run reads
// the options itself.
func (o Option) Customize(*testcontainers.GenericContainerRequest) error { return nil }

var _ testcontainers.ContainerCustomizer = Option(nil)

// options are what the options come to.
type options struct {
	wanted   []manifest.Provider
	merchant string // host:port
	standard bool
}

// WithProvider plays a provider, in one of its modes ("" for the usual one). Without
// any, all are played.
func WithProvider(name payment.ProviderName, mode string) Option {
	return func(o *options) error {
		if _, known := manifest.Modes()[name]; !known {
			return fmt.Errorf("unknown provider %q", name)
		}
		o.wanted = append(o.wanted, manifest.Provider{Name: name, Mode: mode})
		return nil
	}
}

// WithMerchant delivers notifications to the merchant at a base URL such as
// http://127.0.0.1:8080, under the host and path that the merchant gave the provider.
func WithMerchant(base string) Option {
	return func(o *options) error {
		read, err := url.Parse(base)
		if err != nil || read.Scheme != "http" || read.Port() == "" {
			return fmt.Errorf("the merchant is at %q; this should be like http://127.0.0.1:8080", base)
		}
		o.merchant = read.Host
		return nil
	}
}

// WithStandardKeys makes RSA keys of two primes, as in life. They sign more slowly.
func WithStandardKeys() Option {
	return func(o *options) error {
		o.standard = true
		return nil
	}
}

// Run starts a container of an image that payquake image has made. A container that
// was created is returned beside the error, so that it can be removed.
func Run(ctx context.Context, img string, opts ...testcontainers.ContainerCustomizer) (*Container, error) {
	var settings options
	for _, opt := range opts {
		if own, is := opt.(Option); is {
			if err := own(&settings); err != nil {
				return nil, fmt.Errorf("run payquake: %w", err)
			}
		}
	}
	config, err := settings.config()
	if err != nil {
		return nil, fmt.Errorf("run payquake: %w", err)
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("run payquake: %w", err)
	}
	moduleOpts := []testcontainers.ContainerCustomizer{
		testcontainers.WithCmd("role", "stand", "--config", configPath),
		testcontainers.WithFiles(testcontainers.ContainerFile{Reader: strings.NewReader(string(text)), ContainerFilePath: configPath, FileMode: 0o600}),
		published(ports(config)),
	}
	started, err := testcontainers.Run(ctx, img, append(moduleOpts, opts...)...)
	var c *Container
	if started != nil {
		c = &Container{Container: started, config: config}
	}
	if err != nil {
		return c, fmt.Errorf("run payquake: %w", err)
	}
	if err := c.connect(ctx, settings.merchant); err != nil {
		return c, fmt.Errorf("run payquake: %w", err)
	}
	return c, nil
}

// config is a stand with fresh keys.
func (o options) config() (roles.StandConfig, error) {
	played, err := environment.FreshProviders(environment.Keys{Wanted: o.wanted, Standard: o.standard})
	if err != nil {
		return roles.StandConfig{}, err
	}
	authority, err := roles.NewAuthority(clock.System{}.Now())
	if err != nil {
		return roles.StandConfig{}, err
	}
	token := make([]byte, 16)
	_, _ = rand.Read(token) // never fails, says its documentation
	return roles.StandConfig{Tunnel: tunnelPort, GatewayConfig: roles.GatewayConfig{Run: "stand", Token: hex.EncodeToString(token),
		Control: controlPort, Front: frontPort, FirstLink: firstLinkPort, Providers: played, Authority: authority}}, nil
}

// ports are those that the test dials.
func ports(config roles.StandConfig) []string {
	all := []string{tcp(controlPort), tcp(tunnelPort), tcp(frontPort)}
	for _, provider := range config.Providers {
		all = append(all, tcp(config.Port(linkTo(provider.Name()))))
	}
	return all
}

func tcp(port int) string { return strconv.Itoa(port) + "/tcp" }

func linkTo(provider payment.ProviderName) faults.Link {
	return faults.LinkBetween("merchant", string(provider))
}

// published publishes ports on loopback alone.
func published(ports []string) testcontainers.CustomizeRequestOption {
	return func(request *testcontainers.GenericContainerRequest) error {
		request.ExposedPorts = append(request.ExposedPorts, ports...)
		request.HostConfigModifier = func(host *container.HostConfig) {
			host.PortBindings = dockernet.PortMap{}
			for _, port := range ports {
				host.PortBindings[dockernet.MustParsePort(port)] = []dockernet.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1")}}
			}
		}
		return nil
	}
}

// connect waits until the stand serves, opens the shopper's wallets, and lends it
// connections to the merchant.
func (c *Container) connect(ctx context.Context, merchant string) error {
	control, err := c.at(ctx, controlPort)
	if err != nil {
		return err
	}
	c.control = roles.NewClient(control, c.config.Token)
	if err := c.control.AwaitHealthy(ctx, clock.System{}); err != nil {
		return err
	}
	for _, provider := range c.config.Providers {
		relay := c.control.Relay(string(provider.Name()))
		if err := relay.AwaitHealthy(ctx, clock.System{}); err != nil {
			return fmt.Errorf("provider %s: %w", provider.Name(), err)
		}
		if err := relay.CastProvider(ctx, []providers.Part{{Trial: shopper, Balance: walletBalance()}}); err != nil {
			return err
		}
	}
	if merchant == "" {
		return nil
	}
	tunnel, err := c.at(ctx, tunnelPort)
	if err != nil {
		return err
	}
	lending, end := context.WithCancel(context.WithoutCancel(ctx))
	c.lending = end
	return roles.LendTo(lending, tunnel, c.config.Token, merchant, 16)
}

// at is where a port of the container is dialled.
func (c *Container) at(ctx context.Context, port int) (string, error) {
	at, err := c.PortEndpoint(ctx, tcp(port), "")
	if err != nil {
		return "", fmt.Errorf("port %d: %w", port, err)
	}
	return at, nil
}

// Terminate implements testcontainers.Container.
func (c *Container) Terminate(ctx context.Context, opts ...testcontainers.TerminateOption) error {
	if c.lending != nil {
		c.lending()
	}
	return c.Container.Terminate(ctx, opts...)
}

// ProviderURL is the base URL of a provider, for a merchant's client that can be told
// one. It fails for a provider that is not played.
func (c *Container) ProviderURL(ctx context.Context, provider payment.ProviderName) (string, error) {
	port := c.config.Port(linkTo(provider))
	if port == 0 {
		return "", fmt.Errorf("URL of %s: it is not played", provider)
	}
	at, err := c.at(ctx, port)
	return "http://" + at, err
}

// ProxyURL is an HTTPS proxy for clients that have the providers' real hosts in their
// source: through it those hosts are the mocks, with certificates of Authority, and no
// other host exists.
func (c *Container) ProxyURL(ctx context.Context) (string, error) {
	at, err := c.at(ctx, frontPort)
	return "http://" + at, err
}

// Authority is the certificate, in PEM, that such clients must trust.
func (c *Container) Authority() string { return c.config.Authority.CertificatePEM }

// Credentials are what a provider gives the merchant to configure its client with, by
// the names that docs/your-merchant.md lists: mchid, privateKey and so on.
func (c *Container) Credentials(provider payment.ProviderName) (map[string]string, error) {
	for _, config := range c.config.Providers {
		if config.Name() == provider {
			return environment.Credentials(config)
		}
	}
	return nil, fmt.Errorf("credentials at %s: it is not played", provider)
}

// Pay pays what a code stands for, from a wallet that has enough: the content of a
// code, or what the merchant's page hands to the wallet. It fails with the sentinels of
// package providers, such as providers.ErrDeclined.
func (c *Container) Pay(ctx context.Context, provider payment.ProviderName, code string) (providers.Receipt, error) {
	return c.control.Wallet(provider).Pay(ctx, shopper, code)
}

// Barcode shows a fresh barcode of the wallet, for the merchant to scan.
func (c *Container) Barcode(ctx context.Context, provider payment.ProviderName) (string, error) {
	return c.control.Wallet(provider).Barcode(ctx, shopper)
}

// Fault is a fault of the catalogue (payquake list faults) for one payment: at a
// message, written like "merchant->wechatpay create#1 answer", or in the provider's
// conduct if At is empty.
type Fault struct {
	Name     string
	At       string
	Settings map[string]any // as in a scenario file; durations as texts such as "200ms"
}

// ErrBadFault is wrapped with what is wrong with a fault.
var ErrBadFault = errors.New("bad fault")

// Inject has faults act on the next payment that begins at a provider with a call of
// its own. It fails with ErrBadFault.
func (c *Container) Inject(ctx context.Context, provider payment.ProviderName, wanted ...Fault) error {
	nth := c.trials.Add(1)
	trial := faults.Trial("payment-" + strconv.FormatInt(nth, 10))
	part := providers.Part{Trial: trial, Balance: walletBalance(), Conducts: []faults.Conduct{{}}, Pins: []map[string]string{{}}}
	casting := proxy.Casting{Trial: trial, TraceID: fmt.Sprintf("%032x", nth)}
	for i, fault := range wanted {
		pin, err := fault.pin(trial, i)
		if err != nil {
			return err
		}
		decoded, err := pin.Decode()
		behaviour, bends := decoded.(faults.Behaviour)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrBadFault, err)
		case bends:
			behaviour.Bend(&part.Conducts[0])
			part.Pins[0][pin.Fault] = pin.ID
		case pin.At == nil:
			return fmt.Errorf("%w: %s acts on a message: say which with At", ErrBadFault, fault.Name)
		default:
			casting.Pins = append(casting.Pins, pin)
		}
	}
	if err := c.control.Relay(string(provider)).CastProvider(ctx, []providers.Part{part}); err != nil {
		return err
	}
	if err := c.control.CastGateway(ctx, []proxy.Casting{casting}); err != nil {
		return err
	}
	return c.control.Expect(ctx, roles.Expectation{Trial: trial, Provider: provider})
}

// pin puts a fault into a payment's trial.
func (f Fault) pin(trial faults.Trial, n int) (faults.Pin, error) {
	pin := faults.Pin{ID: fmt.Sprintf("%s.%d", trial, n+1), Trial: trial, Fault: f.Name, Limit: faults.Duration(faults.DefaultLimit)}
	definition, known := faults.Lookup(f.Name)
	if !known || definition.Kind == faults.AsJourney || definition.Kind == faults.OnProcess {
		return pin, fmt.Errorf("%w: %q is no fault of a message or a payment", ErrBadFault, f.Name)
	}
	if f.At != "" {
		at, err := faults.ParseAddress(f.At)
		if err != nil {
			return pin, fmt.Errorf("%w: %w", ErrBadFault, err)
		}
		at.Trial = trial
		pin.At = &at
	}
	if len(f.Settings) > 0 {
		settings, err := json.Marshal(f.Settings)
		if err != nil {
			return pin, fmt.Errorf("%w: %w", ErrBadFault, err)
		}
		pin.Settings = settings
	}
	return pin, nil
}

// Fired are the names of the injected faults that have acted, in the order in which
// each party noted them, the gateway first. A fault that acts several times is there
// once.
func (c *Container) Fired(ctx context.Context) ([]string, error) {
	parties := []*roles.Client{c.control}
	for _, provider := range c.config.Providers {
		parties = append(parties, c.control.Relay(string(provider.Name())))
	}
	var names []string
	seen := map[string]bool{}
	for _, party := range parties {
		err := each(ctx, party, func(record journal.Record) {
			if pin := record.Pin; pin != nil && pin.Phase == journal.PinFired && !seen[pin.ID] {
				seen[pin.ID] = true
				names = append(names, pin.Fault)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// each goes over the records that a party has made so far.
func each(ctx context.Context, party *roles.Client, look func(journal.Record)) error {
	last, err := party.Last(ctx)
	if err != nil {
		return err
	}
	for after := uint64(0); after < last; {
		records, err := party.Records(ctx, after)
		if err != nil {
			return err
		}
		for _, record := range records {
			after = record.Number
			look(record)
		}
	}
	return nil
}

// Movement is money that moved at a provider.
type Movement struct {
	Kind      string // capture, refund or reverse
	Reference payment.MerchantReference
	Amount    payment.Money
}

// Movements are the captures and what went back, by the provider's own book, in their
// order: what a test holds its merchant's books against.
func (c *Container) Movements(ctx context.Context, provider payment.ProviderName) ([]Movement, error) {
	var moved []Movement
	err := each(ctx, c.control.Relay(string(provider)), func(record journal.Record) {
		if posting := record.Posting; posting != nil && posting.Account != "" {
			moved = append(moved, Movement{Kind: string(posting.Kind), Reference: posting.MerchantReference, Amount: posting.Amount})
		}
	})
	return moved, err
}
