package merchant

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"github.com/payquake/payquake/payment"
)

// Settings are what a checkout needs besides its database, decisions and
// providers.
type Settings struct {
	// Timers say when the checkout acts by itself.
	Timers Timers
	// FulfilmentURL is where releases are posted; empty when nothing fulfils,
	// and then nothing is released.
	FulfilmentURL string
	// Client posts releases; nil means http.DefaultClient.
	Client *http.Client
	// Clock is the time; nil means SystemClock.
	Clock Clock
}

// Checkout is the marketplace checkout: it places orders, starts payments,
// books what providers say, refunds and lets goods go. Its methods are safe
// for concurrent use; Work must run for anything to happen by itself.
type Checkout struct {
	settings  Settings
	timers    Timers
	store     *Store
	policy    Policy
	clock     Clock
	providers map[payment.ProviderName]Provider
	work      map[string]*queue
	unsure    unsure
}

// New puts a checkout together. It fails with ErrInvalid for timers that
// cannot work and for two providers of one name.
func New(settings Settings, store *Store, policy Policy, providers ...Provider) (*Checkout, error) {
	if err := settings.Timers.Validate(); err != nil {
		return nil, fmt.Errorf("set up checkout: %w", err)
	}
	if settings.Clock == nil {
		settings.Clock = SystemClock{}
	}
	if settings.Client == nil {
		settings.Client = http.DefaultClient
	}
	c := &Checkout{
		settings: settings, timers: settings.Timers, store: store, policy: policy, clock: settings.Clock,
		providers: make(map[payment.ProviderName]Provider, len(providers)),
	}
	for _, p := range providers {
		if _, taken := c.providers[p.Name()]; taken {
			return nil, fmt.Errorf("set up checkout: provider %s twice: %w", p.Name(), ErrInvalid)
		}
		c.providers[p.Name()] = p
	}
	c.work = map[string]*queue{
		"payments": newQueue(c.advancePayment), "refunds": newQueue(c.advanceRefund),
		"releases": newQueue(c.advanceRelease), "orders": newQueue(c.expireOrder),
	}
	return c, nil
}

// provider finds a provider by name, with ErrInvalid for an unknown one.
func (c *Checkout) provider(name payment.ProviderName) (Provider, error) {
	p, known := c.providers[name]
	if !known {
		return nil, fmt.Errorf("provider %q is not offered: %w", name, ErrInvalid)
	}
	return p, nil
}

// bounded gives one call its time limit.
func (c *Checkout) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(c.timers.CallTimeout))
}

// onOrder runs f in a transaction that holds the order's lock.
func (c *Checkout) onOrder(ctx context.Context, orderID string, f func(*tx, *order) error) error {
	return c.store.update(ctx, func(t *tx) error {
		o, err := t.lockOrder(orderID)
		if err != nil {
			return err
		}
		return f(t, o)
	})
}

// onPay is onOrder with the payment as it is under the lock: what was read
// before a call to a provider is old by the time of its answer.
func (c *Checkout) onPay(ctx context.Context, p *pay, f func(*tx, *order, *pay) error) (*pay, error) {
	var fresh *pay
	err := c.onOrder(ctx, p.orderID, func(t *tx, o *order) (err error) {
		if fresh, err = t.pay(p.id); err != nil {
			return err
		}
		return f(t, o, fresh)
	})
	return fresh, err
}

// readPay reads a payment and its order without a lock.
func (c *Checkout) readPay(ctx context.Context, id string) (*pay, *order, error) {
	p, err := scanPay(c.store.reads.QueryRowContext(ctx, c.store.bind("SELECT "+payColumns+" FROM payments WHERE id = ?"), id))
	if err != nil {
		return nil, nil, err
	}
	o, err := c.readOrder(ctx, p.orderID)
	return p, o, err
}

func (c *Checkout) readOrder(ctx context.Context, id string) (*order, error) {
	return scanOrder(c.store.reads.QueryRowContext(ctx, c.store.bind("SELECT "+orderColumns+" FROM orders WHERE id = ?"), id))
}

// traceparent is the trace context of ctx as text, "" when there is none. It
// is stored with the order, so that what the workers do for the order hours
// later belongs to the order's own trace.
func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

// inTraceOf goes on in the trace of an order.
func inTraceOf(ctx context.Context, o *order) context.Context {
	if o.traceparent == "" {
		return ctx
	}
	return otel.GetTextMapPropagator().Extract(ctx, propagation.MapCarrier{"traceparent": o.traceparent})
}
