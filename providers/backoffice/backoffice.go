// Package backoffice is what every mock provider has behind its wire: the book,
// the agenda of what is still to happen, the outbox of notifications, and the
// roster of the trials it plays in. A provider embeds an Office and has with it
// everything of the contract that has nothing to do with its protocol.
package backoffice

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

// Office is a provider's back office. Its methods are safe for concurrent use.
type Office struct {
	Book   *ledger.Book
	Agenda *ledger.Agenda
	Outbox *ledger.Outbox
	Roster *providers.Roster
	clock  clock.Clock
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
		Roster: providers.NewRoster(ports, terms.UsualDecline), clock: ports.Clock}
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

// Bent is a notification as a payment's conduct bends it. It is called under the
// lock of the provider, and lock is taken again for what shows only later.
func (o *Office) Bent(ctx context.Context, behaviour *providers.Behaviour, lock sync.Locker, notification ledger.Notification) ledger.Notification {
	conduct := behaviour.Conduct()
	notification.Copies, notification.Spacing = conduct.NotifyCopies, conduct.NotifySpacing
	notification.After = behaviour.TellsLate(ctx)
	if conduct.NotifyBehind && notification.About.RefundReference == "" {
		notification.Behind, notification.Overtaken = true, func(ctx context.Context) {
			lock.Lock()
			defer lock.Unlock()
			behaviour.Overtaken(ctx)
		}
	}
	if conduct.NotifyEarly && notification.About.Method == payment.MethodBarcode && notification.About.RefundReference == "" {
		notification.First = make(chan struct{})
		providers.AnswerAfter(ctx, notification.First)
		behaviour.TellsFirst(ctx)
	}
	return notification
}

// Pause lets a shopper's time pass; it ends early with the context.
func (o *Office) Pause(ctx context.Context, d time.Duration) { _ = o.clock.Wait(ctx, d) }
