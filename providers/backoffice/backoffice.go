// Package backoffice is what every mock provider has behind its wire: the book,
// the agenda of what is still to happen, the outbox of notifications, and the
// roster of the trials it plays in. A provider embeds an Office and has with it
// everything of the contract that has nothing to do with its protocol.
package backoffice

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

// Office is a provider's back office. Its methods are safe for concurrent use.
type Office struct {
	Book   *ledger.Book
	Agenda *ledger.Agenda
	Outbox *ledger.Outbox
	Roster *providers.Roster
}

// Terms are what differs between providers here.
type Terms struct {
	Name payment.ProviderName
	// Calendar is the gaps between the deliveries of a notification, scaled;
	// Patience, in real time, is how long a merchant may take to answer each.
	Calendar clock.Calendar
	Patience time.Duration
	// UsualDecline is the provider's code of a refusal for want of money.
	UsualDecline string
}

// Open opens an office with empty books.
func Open(terms Terms, ports providers.Ports) *Office {
	book, agenda := ledger.NewBook(terms.Name, ports.Recorder, ports.Clock), ledger.NewAgenda(ports.Clock)
	return &Office{Book: book, Agenda: agenda, Outbox: ledger.NewOutbox(agenda, book, terms.Calendar, terms.Patience),
		Roster: providers.NewRoster(ports.Recorder, terms.UsualDecline)}
}

// Cast implements providers.Provider.
func (o *Office) Cast(parts []providers.Part) error {
	for _, part := range parts {
		if err := o.Book.Fund(context.Background(), part.Trial, part.Balance); err != nil {
			return fmt.Errorf("cast trial %s: %w", part.Trial, err)
		}
		o.Roster.Cast(part)
	}
	return nil
}

// Heal implements providers.Provider.
func (o *Office) Heal(trials []faults.Trial) { o.Roster.Heal(trials) }

// Balance implements providers.Wallet.
func (o *Office) Balance(trial faults.Trial) (payment.Money, error) {
	balance, err := o.Book.Balance(trial)
	if err != nil {
		return payment.Money{}, fmt.Errorf("%w: %w", providers.ErrUnknownPart, err)
	}
	return balance, nil
}

// Outstanding implements providers.Provider.
func (o *Office) Outstanding() map[faults.Trial]int { return o.Agenda.Outstanding() }

// Hurry implements providers.Provider.
func (o *Office) Hurry(ctx context.Context, trials []faults.Trial) error {
	if err := o.Agenda.Hurry(ctx, trials); err != nil {
		return fmt.Errorf("hurry %d trials: %w", len(trials), err)
	}
	return nil
}

// Close implements providers.Provider.
func (o *Office) Close() error {
	o.Agenda.Close()
	return nil
}

// Audit proves that the provider's accounts add up.
func (o *Office) Audit() error { return o.Book.Audit() }
