package ledger

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// The ends of a delivery, as its journal entry's state says them.
const (
	Acknowledged = "acknowledged"
	Refused      = "refused"    // the merchant answered that it failed
	Unanswered   = "unanswered" // no answer came in time
	GivenUp      = "given-up"   // of the whole notification: the calendar is at its end
)

// Delivery is what came of one try to deliver.
type Delivery struct {
	Acknowledged bool
	Status       int // the merchant's answer; 0 if none came
	Err          error
}

// Notification is one thing a merchant is to be told, with as many deliveries
// as that takes.
type Notification struct {
	Trial faults.Trial
	// About is copied into the record of each delivery: references and amounts.
	About journal.Entry
	// Copies more deliveries are sent although an earlier one was acknowledged,
	// Spacing apart, or by the calendar if that is zero.
	Copies  int
	Spacing time.Duration
	// After is how late the first delivery is.
	After time.Duration
	// Behind keeps the first delivery back until another notification of the trial
	// that tells of a refund was delivered, which Overtaken then notes; at most
	// behindLimit.
	Behind    bool
	Overtaken func(context.Context)
	// First is closed when the first delivery has ended, if set.
	First chan struct{}
	// Deliver makes delivery number n (from 0) and sends it. It is called from
	// several goroutines at once when copies are spaced closely.
	Deliver func(ctx context.Context, n int) Delivery
}

// Outbox delivers notifications until they are acknowledged or the calendar
// is at its end.
type Outbox struct {
	agenda   *Agenda
	book     *Book
	calendar clock.Calendar
	patience time.Duration

	mu   sync.Mutex
	held map[faults.Trial][]*series // those kept behind
}

// behindLimit bounds how long a notification is kept behind another.
const behindLimit = 8 * time.Second

// NewOutbox makes an outbox whose retries follow the calendar, which is
// already scaled. A merchant has patience, in real time, to answer each
// delivery.
func NewOutbox(agenda *Agenda, book *Book, calendar clock.Calendar, patience time.Duration) *Outbox {
	return &Outbox{agenda: agenda, book: book, calendar: calendar, patience: patience, held: map[faults.Trial][]*series{}}
}

// series is the state of one notification's deliveries.
type series struct {
	Notification
	mu           sync.Mutex
	ahead        int // deliveries that are on the agenda or under way
	ended        int
	acknowledged bool
	release      sync.Once // of one that is kept behind
}

// Send begins to deliver; it does not wait.
//
// Spaced copies are all put on the agenda at once: the real providers' double
// deliveries do not wait for each other, and a merchant must bear the overlap.
func (o *Outbox) Send(notification Notification) {
	s := &series{Notification: notification, ahead: 1}
	if s.Behind {
		o.hold(s)
		return
	}
	spaced := 0
	if notification.Spacing > 0 {
		spaced = notification.Copies
		s.ahead += spaced
	}
	for n := range spaced + 1 {
		o.agenda.After(s.Trial, s.After+time.Duration(n)*s.Spacing, func(ctx context.Context) { o.deliver(ctx, s, n) })
	}
}

// hold keeps a notification behind one of a refund, or until the limit.
func (o *Outbox) hold(s *series) {
	o.mu.Lock()
	o.held[s.Trial] = append(o.held[s.Trial], s)
	o.mu.Unlock()
	o.agenda.After(s.Trial, behindLimit, func(ctx context.Context) {
		s.release.Do(func() { o.deliver(ctx, s, 0) })
	})
}

// overtake releases what is kept behind a notification that was just delivered.
func (o *Outbox) overtake(ctx context.Context, ahead *series) {
	if ahead.About.RefundReference == "" {
		return
	}
	o.mu.Lock()
	held := o.held[ahead.Trial]
	delete(o.held, ahead.Trial)
	o.mu.Unlock()
	for _, s := range held {
		s.release.Do(func() {
			s.Overtaken(ctx)
			o.agenda.After(s.Trial, 0, func(ctx context.Context) { o.deliver(ctx, s, 0) })
		})
	}
}

func (o *Outbox) deliver(ctx context.Context, s *series, n int) {
	limited, cancel := context.WithTimeout(ctx, o.patience)
	came := s.Deliver(limited, n)
	cancel()
	o.record(ctx, s, n, came)
	o.overtake(ctx, s)
	if n == 0 && s.First != nil {
		close(s.First)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead--
	s.ended++
	s.acknowledged = s.acknowledged || came.Acknowledged
	if s.ahead > 0 || (s.acknowledged && s.ended > s.Copies) {
		return
	}
	if s.ended > len(o.calendar) {
		if !s.acknowledged {
			o.enter(ctx, s, GivenUp, fmt.Sprintf("after %d deliveries", s.ended))
		}
		return
	}
	s.ahead++
	next := s.ended
	o.agenda.After(s.Trial, o.calendar[next-1], func(ctx context.Context) { o.deliver(ctx, s, next) })
}

func (o *Outbox) record(ctx context.Context, s *series, n int, came Delivery) {
	switch {
	case came.Err != nil:
		o.enter(ctx, s, Unanswered, fmt.Sprintf("delivery %d: %v", n, came.Err))
	case came.Acknowledged:
		o.enter(ctx, s, Acknowledged, fmt.Sprintf("delivery %d: status %d", n, came.Status))
	default:
		o.enter(ctx, s, Refused, fmt.Sprintf("delivery %d: status %d", n, came.Status))
	}
}

func (o *Outbox) enter(ctx context.Context, s *series, state, reason string) {
	entry := s.About
	entry.Kind, entry.State, entry.Reason, entry.Since = journal.DeliveryEntry, state, reason, o.book.now()
	o.book.enter(ctx, s.Trial, entry)
}

// AboutPayment is the part of a delivery's record that names its payment.
func AboutPayment(p Payment) journal.Entry {
	return journal.Entry{Method: p.Method, MerchantReference: p.Reference,
		ProviderReference: p.ProviderReference, Amount: p.Amount}
}

// AboutRefund is the part of a delivery's record that names its refund.
func AboutRefund(r Refund, captured payment.ProviderReference) journal.Entry {
	return journal.Entry{MerchantReference: r.Payment.Reference, ProviderReference: captured,
		RefundReference: r.Reference, RefundID: r.ProviderReference, Amount: r.Amount}
}
