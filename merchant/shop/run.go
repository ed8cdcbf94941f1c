package shop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/alipay"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/merchant/twins"
	"github.com/payquake/payquake/merchant/unionpay"
	"github.com/payquake/payquake/merchant/wechatpay"
)

// Telemetry installs the global tracer provider and propagator for an OTLP
// endpoint and returns what flushes and ends them. The program gives it; the
// shop calls it only when its configuration names an endpoint.
type Telemetry func(ctx context.Context, endpoint string) (shutdown func(context.Context) error, err error)

// Run serves the shop configured in a file until ctx ends, then lets requests
// and steps under way finish. An orderly end is not an error.
func Run(ctx context.Context, configPath string, telemetry Telemetry) error {
	config, err := Load(configPath)
	if err != nil {
		return err
	}
	return Serve(ctx, config, telemetry)
}

// Serve is Run with a configuration that is already read; its check must have
// passed.
func Serve(ctx context.Context, config Config, telemetry Telemetry) (err error) {
	traced := config.Telemetry != "" && telemetry != nil
	if traced {
		shutdown, failure := telemetry(ctx, config.Telemetry)
		if failure != nil {
			return fmt.Errorf("start telemetry: %w", failure)
		}
		defer func() { err = errors.Join(err, ended(shutdown)) }()
	}
	open := merchant.OpenStore
	if config.Joins {
		open = merchant.JoinStore
	}
	store, err := open(ctx, config.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	checkout, clients, err := assemble(config, store, traced)
	if err != nil {
		return err
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait() // before the store closes
	defer stop()       // also when serving failed
	group.Go(func() { checkout.Work(ctx) })
	for _, client := range clients {
		if keeps, is := client.(certified); is {
			group.Go(func() { keeps.KeepCertificates(ctx, time.Duration(config.Timers.CertificateRefresh)) })
		}
	}
	slog.Info("shop serves", "address", listener.Addr().String(), "bug", config.Bug, "twin", config.Twin)
	return serve(ctx, listener, handler(checkout, traced))
}

// certified is a client that keeps its provider's certificates fresh.
type certified interface {
	KeepCertificates(ctx context.Context, every time.Duration)
}

// assemble puts the checkout together with its decisions and its providers.
func assemble(config Config, store *merchant.Store, traced bool) (*merchant.Checkout, []merchant.Provider, error) {
	policy := merchant.DefaultPolicy()
	if config.Bug != "" {
		bug, err := bugs.ByName(config.Bug)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		bug.Apply(&policy)
	}
	if config.Twin != "" {
		twin, err := twins.ByName(config.Twin)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		twin.Apply(&policy)
	}
	calls := outgoing(traced)
	clients, err := clientsOf(config, calls)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	settings := merchant.Settings{Timers: config.Timers, FulfilmentURL: config.FulfilmentURL, Client: calls}
	checkout, err := merchant.New(settings, store, policy, clients...)
	return checkout, clients, err
}

// clientsOf makes a client for each provider that is configured. A new provider
// is added here.
func clientsOf(config Config, calls *http.Client) ([]merchant.Provider, error) {
	var clients []merchant.Provider
	if config.WeChatPay != nil {
		client, err := wechatpay.New(*config.WeChatPay, config.PublicURL, calls, merchant.SystemClock{})
		if err != nil {
			return nil, err
		}
		clients = append(clients, client)
	}
	if config.Alipay != nil {
		client, err := alipay.New(*config.Alipay, config.PublicURL, calls, merchant.SystemClock{})
		if err != nil {
			return nil, err
		}
		clients = append(clients, client)
	}
	if config.UnionPay != nil {
		client, err := unionpay.New(*config.UnionPay, config.PublicURL, calls, merchant.SystemClock{})
		if err != nil {
			return nil, err
		}
		clients = append(clients, client)
	}
	return clients, nil
}

// idleLimit is shorter than the 8 s after which the provider closes idle
// connections (section 2.3 of protocols/wechatpay.md): a POST on a connection
// that is being closed has an unknown outcome.
const idleLimit = 7 * time.Second

// outgoing is the client for all calls. It keeps the default transport's
// ways: HTTPS_PROXY and SSL_CERT_FILE are honoured.
func outgoing(traced bool) *http.Client {
	transport, isDefault := http.DefaultTransport.(*http.Transport)
	if !isDefault {
		return http.DefaultClient
	}
	transport = transport.Clone()
	transport.IdleConnTimeout = idleLimit
	transport.MaxIdleConnsPerHost = 64
	if !traced {
		return &http.Client{Transport: transport}
	}
	return &http.Client{Transport: otelhttp.NewTransport(transport)}
}

func handler(checkout *merchant.Checkout, traced bool) http.Handler {
	if !traced {
		return checkout.Handler()
	}
	return otelhttp.NewHandler(checkout.Handler(), "merchant")
}

// grace is how long requests under way may take to finish.
const grace = 10 * time.Second

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: grace, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn)}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(limited); err != nil {
		return fmt.Errorf("finish requests: %w", err)
	}
	return nil
}

func ended(shutdown func(context.Context) error) error {
	limited, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := shutdown(limited); err != nil {
		return fmt.Errorf("end telemetry: %w", err)
	}
	return nil
}
