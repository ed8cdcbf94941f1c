package roles

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/telemetry"
)

// ProviderRoleConfig is what a provider's role needs to begin.
type ProviderRoleConfig struct {
	Run      string         `json:"run"`
	Token    string         `json:"token"`
	Host     string         `json:"host"` // as GatewayConfig.Host
	Control  int            `json:"control"`
	Wire     int            `json:"wire"`
	Provider ProviderConfig `json:"provider"`
	// Gateway is where deliveries go (host:port of the notify link), and Spans
	// the base URL of the gateway's receiver.
	Gateway string `json:"gateway"`
	Spans   string `json:"spans"`
}

// Provider is a running provider role: its wire, and its control API.
type Provider struct {
	config   ProviderRoleConfig
	provider providers.Provider
	feed     *journal.Feed
	tracing  *sdktrace.TracerProvider
	wire     *http.Server
	wireAt   string
	control  *server
}

// OpenProvider starts a provider's role.
func OpenProvider(ctx context.Context, config ProviderRoleConfig) (*Provider, error) {
	name := config.Provider.Name()
	p := &Provider{config: config, feed: journal.NewFeed(journal.Source(name))}
	tracing, err := telemetry.Tracing(ctx, string(name), telemetry.Upload{Endpoint: config.Spans, Client: &http.Client{}})
	if err != nil {
		return nil, err
	}
	p.tracing = tracing
	recorder := &recorder{run: config.Run, feed: p.feed, clock: clock.System{}}
	courier := newCourier(config, tracing.Tracer("payquake/"+string(name)))
	if p.provider, err = config.Provider.open(recorder, courier, clock.System{}); err != nil {
		return nil, fmt.Errorf("open provider %s: %w", name, err)
	}
	if err := errors.Join(p.openWire(), p.openControl()); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Provider) openWire() error {
	listener, err := net.Listen("tcp", net.JoinHostPort(p.config.Host, strconv.Itoa(p.config.Wire)))
	if err != nil {
		return fmt.Errorf("listen for %s: %w", p.config.Provider.Name(), err)
	}
	p.wireAt = listener.Addr().String()
	p.wire = &http.Server{Handler: p.traced(p.provider.Wire()), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.wire.Serve(listener) }() // ends with Close
	return nil
}

// traced gives each call a span in the trace that the gateway passed on.
func (p *Provider) traced(next http.Handler) http.Handler {
	tracer := p.tracing.Tracer("payquake/provider")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, telemetry.WireSpan+r.Method, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(telemetry.TrialKey.String(r.Header.Get(proxy.TrialHeader))))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (p *Provider) openControl() error {
	mux := http.NewServeMux()
	handle(mux, "POST /cast", func(_ context.Context, parts []providers.Part) (nothing, error) {
		return nothing{}, p.provider.Cast(parts)
	})
	handle(mux, "GET /outstanding", func(context.Context, nothing) (map[faults.Trial]int, error) {
		return p.provider.Outstanding(), nil
	})
	handle(mux, "POST /heal", func(_ context.Context, trials []faults.Trial) (nothing, error) {
		p.provider.Heal(trials)
		return nothing{}, nil
	})
	handle(mux, "POST /rotate", func(context.Context, nothing) (nothing, error) {
		rotates, can := p.provider.(providers.Rotator)
		if !can {
			return nothing{}, providers.ErrNoRotation
		}
		return nothing{}, rotates.Rotate()
	})
	handle(mux, "POST /hurry", func(ctx context.Context, trials []faults.Trial) (nothing, error) {
		return nothing{}, p.provider.Hurry(ctx, trials)
	})
	handle(mux, "POST /wallet/open", walletCall(p, p.provider.Open))
	handle(mux, "POST /wallet/pay", walletCall(p, p.provider.Pay))
	handle(mux, "POST /wallet/cancel", walletCall(p, func(ctx context.Context, trial faults.Trial, code string) (nothing, error) {
		return nothing{}, p.provider.Cancel(ctx, trial, code)
	}))
	handle(mux, "POST /wallet/barcode", walletCall(p, func(ctx context.Context, trial faults.Trial, _ string) (string, error) {
		return p.provider.Barcode(ctx, trial)
	}))
	handle(mux, "POST /wallet/balance", func(_ context.Context, trial faults.Trial) (payment.Money, error) {
		return p.provider.Balance(trial)
	})
	handle(mux, "POST /flush", func(ctx context.Context, _ nothing) (nothing, error) { return nothing{}, p.tracing.ForceFlush(ctx) })
	serveFeed(mux, p.feed)
	control, err := serve(net.JoinHostPort(p.config.Host, strconv.Itoa(p.config.Control)), p.config.Token,
		withTraceContext(mux))
	p.control = control
	return err
}

// withTraceContext puts the caller's trace context into the context of calls.
func withTraceContext(mux *http.ServeMux) *http.ServeMux {
	outer := http.NewServeMux()
	outer.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))))
	})
	return outer
}

// walletCall serves what a shopper does, in a span of its own.
func walletCall[Out any](p *Provider, do func(context.Context, faults.Trial, string) (Out, error)) func(context.Context, trialCode) (Out, error) {
	tracer := p.tracing.Tracer("payquake/wallet")
	return func(ctx context.Context, call trialCode) (Out, error) {
		ctx, span := tracer.Start(ctx, telemetry.WireSpan+"wallet", trace.WithAttributes(telemetry.TrialKey.String(string(call.Trial))))
		defer span.End()
		out, err := do(ctx, call.Trial, call.Code)
		if err != nil {
			span.RecordError(err)
		}
		return out, err
	}
}

// walletErrors names the wallet's sentinels for the way over the control API.
func walletErrors() map[string]error {
	return map[string]error{"unknown-code": providers.ErrUnknownCode, "not-payable": providers.ErrNotPayable,
		"declined": providers.ErrDeclined, "unknown-part": providers.ErrUnknownPart}
}

// Addresses are where the role listens: its wire and its control API.
func (p *Provider) Addresses() (wire, control string) { return p.wireAt, p.control.address() }

// Close stops deliveries, then the servers.
func (p *Provider) Close() error {
	var errs []error
	if p.provider != nil {
		errs = append(errs, p.provider.Close())
	}
	if p.wire != nil {
		errs = append(errs, p.wire.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.tracing.Shutdown(ctx); err != nil && p.control != nil {
		errs = append(errs, fmt.Errorf("flush spans of %s: %w", p.config.Provider.Name(), err))
	}
	if p.control != nil {
		errs = append(errs, p.control.close())
	}
	return errors.Join(errs...)
}

// recorder numbers a provider's records and puts them into the trace.
type recorder struct {
	run   string
	feed  *journal.Feed
	clock clock.Clock
}

// Record implements providers.Recorder.
func (r *recorder) Record(ctx context.Context, trial faults.Trial, record journal.Record) {
	record.At, record.Trial = r.clock.Now(), trial
	if trial != "" {
		record.TraceID = telemetry.TraceID(r.run, string(trial)).String()
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record.SpanID = span.SpanID().String()
		if posting := record.Posting; posting != nil {
			trace.SpanFromContext(ctx).AddEvent(telemetry.PostingSpan, trace.WithAttributes(
				telemetry.AmountKey.Int64(posting.Amount.Minor), telemetry.CurrencyKey.String(string(posting.Amount.Currency)),
				telemetry.ReferenceKey.String(string(posting.MerchantReference))))
		}
	}
	r.feed.Add(record)
}
