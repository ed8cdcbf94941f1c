package wechatpay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

// Provider is the mock of WeChat Pay.
//
// Its lock guards orders and codes and is taken before the book's own. Nothing
// is signed and nothing sent while it is held.
type Provider struct {
	ring    *keyring
	options Options
	factor  float64
	delay   time.Duration // of a refund, scaled
	ports   providers.Ports
	desk    desk
	book    *ledger.Book
	agenda  *ledger.Agenda
	outbox  *ledger.Outbox

	mu           sync.Mutex
	roster       *providers.Roster
	orders       map[ledger.Key]*order
	wholes       map[ledger.Key]*order // combined payments, by combine_out_trade_no
	transactions map[string]*order     // by transaction_id
	codes        map[string]*code
	refunds      map[ledger.RefundKey]*refund
}

var _ providers.Provider = (*Provider)(nil)

// patience is how long a merchant may take to answer a notification (§5).
const patience = 5 * time.Second

// Calendar is the gaps between the deliveries of a notification in real life:
// 15 retries within 24 hours and 4 minutes (protocol wechatpay §5).
func Calendar() clock.Calendar {
	return clock.Calendar{
		15 * time.Second, 15 * time.Second, 30 * time.Second,
		3 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, 30 * time.Minute, 30 * time.Minute,
		time.Hour, 3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour,
	}
}

// New opens the provider. It fails with ErrBadConfig.
func New(config Config, ports providers.Ports) (*Provider, error) {
	ring, err := newKeyring(config)
	if err != nil {
		return nil, err
	}
	delay := config.RefundDelay
	if delay == 0 {
		delay = DefaultRefundDelay
	}
	roster := providers.NewRoster(ports.Recorder)
	roster.UsualDecline = "NOT_ENOUGH"
	book := ledger.NewBook(Name, ports.Recorder, ports.Clock)
	agenda := ledger.NewAgenda(ports.Clock)
	return &Provider{ring: ring, options: config.Options, factor: config.Factor,
		delay: clock.Scale(delay.Std(), config.Factor), ports: ports, desk: desk{ring, ports.Clock},
		book: book, agenda: agenda,
		outbox:       ledger.NewOutbox(agenda, book, Calendar().Scaled(config.Factor), patience),
		roster:       roster,
		orders:       map[ledger.Key]*order{},
		wholes:       map[ledger.Key]*order{},
		transactions: map[string]*order{},
		codes:        map[string]*code{},
		refunds:      map[ledger.RefundKey]*refund{},
	}, nil
}

// Cast implements providers.Provider.
func (p *Provider) Cast(parts []providers.Part) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, given := range parts {
		if err := p.book.Fund(context.Background(), given.Trial, given.Balance); err != nil {
			return fmt.Errorf("cast trial %s: %w", given.Trial, err)
		}
		p.roster.Cast(given)
	}
	return nil
}

// Heal implements providers.Provider.
func (p *Provider) Heal(trials []faults.Trial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roster.Heal(trials)
}

// Balance implements providers.Wallet.
func (p *Provider) Balance(trial faults.Trial) (payment.Money, error) {
	balance, err := p.book.Balance(trial)
	if err != nil {
		return payment.Money{}, fmt.Errorf("%w: %w", providers.ErrUnknownPart, err)
	}
	return balance, nil
}

// Outstanding implements providers.Provider.
func (p *Provider) Outstanding() map[faults.Trial]int { return p.agenda.Outstanding() }

// Hurry implements providers.Provider.
func (p *Provider) Hurry(ctx context.Context, trials []faults.Trial) error {
	if err := p.agenda.Hurry(ctx, trials); err != nil {
		return fmt.Errorf("hurry %d trials: %w", len(trials), err)
	}
	return nil
}

// Close implements providers.Provider.
func (p *Provider) Close() error {
	p.agenda.Close()
	return nil
}

// Audit proves that the provider's accounts add up.
func (p *Provider) Audit() error { return p.book.Audit() }
