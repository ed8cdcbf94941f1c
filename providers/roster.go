package providers

import (
	"context"
	"sync"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// Roster is who plays in which trial, and how each payment of a trial is
// treated. It is safe for concurrent use; a Behaviour is guarded by its
// provider's lock.
type Roster struct {
	ports        Ports
	usualDecline string

	mu    sync.Mutex
	parts map[faults.Trial]*cast
}

// cast is a trial's part, and how many payments it has begun.
type cast struct {
	Part
	begun int
}

// NewRoster makes an empty roster of a provider whose code of a refusal for want
// of money is usualDecline.
func NewRoster(ports Ports, usualDecline string) *Roster {
	return &Roster{ports: ports, usualDecline: usualDecline, parts: map[faults.Trial]*cast{}}
}

// Cast enters a trial.
func (r *Roster) Cast(part Part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts[part.Trial] = &cast{Part: part}
}

// Knows reports whether a trial is cast.
func (r *Roster) Knows(trial faults.Trial) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parts[trial] != nil
}

// Heal gives the payments that these trials begin from now on the usual
// conduct.
func (r *Roster) Heal(trials []faults.Trial) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, trial := range trials {
		if known := r.parts[trial]; known != nil {
			known.Conducts, known.Pins = nil, nil
		}
	}
}

// Next is how the provider behaves towards the trial's next payment. The last
// conduct holds for all further ones; without any it is the usual one.
func (r *Roster) Next(trial faults.Trial) *Behaviour {
	behaviour := &Behaviour{trial: trial, ports: r.ports, usualDecline: r.usualDecline, fired: map[string]bool{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.parts[trial]
	if known == nil {
		return behaviour
	}
	nth := known.begun
	known.begun++
	if len(known.Conducts) == 0 {
		return behaviour
	}
	nth = min(nth, len(known.Conducts)-1)
	behaviour.conduct = known.Conducts[nth]
	if nth < len(known.Pins) {
		behaviour.pins = known.Pins[nth]
	}
	return behaviour
}

// Behaviour is how the provider behaves towards one payment, and what of that
// has shown. The zero value is the usual conduct. Each of its methods reports
// the pin behind a part of the conduct as fired when that part shows. It is
// guarded by its provider's lock.
type Behaviour struct {
	trial   faults.Trial
	conduct faults.Conduct
	pins    map[string]string // the pin behind each part, by fault
	ports   Ports
	fired   map[string]bool

	usualDecline string

	lag      int       // queries that still said unpaid
	declines int       // tries that were refused
	declined time.Time // when the first one was
	unknown  bool      // the unknown outcome was told
	pended   bool      // a pay-type call was answered as pending
	closes   int       // closes that were refused
	refunds  int       // refunds that failed
}

// Lags reports whether this query about a captured payment still says unpaid.
func (b *Behaviour) Lags(ctx context.Context) bool {
	if b == nil || b.lag >= b.conduct.QueryLag {
		return false
	}
	b.lag++
	b.shown(ctx, "query-lag")
	return true
}

// Refuses counts a try to pay and returns the provider's code of its refusal,
// or nothing.
func (b *Behaviour) Refuses(ctx context.Context) string {
	if b == nil {
		return ""
	}
	now := b.ports.Clock.Now()
	switch {
	case b.declines < b.conduct.Declines:
		b.shown(ctx, "decline")
	case b.conduct.DeclinesFor > 0 && (b.declined.IsZero() || now.Sub(b.declined) < b.conduct.DeclinesFor):
		b.shown(ctx, "decline-burst")
	default:
		return ""
	}
	if b.declines++; b.declined.IsZero() {
		b.declined = now
	}
	if b.conduct.Decline == "" {
		return b.usualDecline
	}
	return b.conduct.Decline
}

// HidesOutcome reports, once, whether a pay-type call or a refund that was
// carried out is answered with a system error.
func (b *Behaviour) HidesOutcome(ctx context.Context) bool {
	if b == nil || !b.conduct.UnknownOutcome || b.unknown {
		return false
	}
	b.unknown = true
	b.shown(ctx, "unknown-outcome")
	return true
}

// Silent reports whether nothing is ever delivered for the payment.
func (b *Behaviour) Silent(ctx context.Context) bool {
	if b == nil || !b.conduct.NotifyNever {
		return false
	}
	b.shown(ctx, "notify-never")
	return true
}

// Conduct is the conduct itself, for what has no method here.
func (b *Behaviour) Conduct() faults.Conduct {
	if b == nil {
		return faults.Conduct{}
	}
	return b.conduct
}

// Repeats notes that a notification was delivered once more although it need
// not have been.
func (b *Behaviour) Repeats(ctx context.Context) { b.shown(ctx, "notify-many") }

// CapturedLate notes that the money came in the instant before a close.
func (b *Behaviour) CapturedLate(ctx context.Context) { b.shown(ctx, "late-success") }

// shown reports the pin behind a part of the conduct as fired, once.
func (b *Behaviour) shown(ctx context.Context, aspect string) {
	if b == nil || b.fired[aspect] {
		return
	}
	pin, pinned := b.pins[aspect]
	if !pinned {
		return
	}
	b.fired[aspect] = true
	b.ports.Recorder.Record(ctx, b.trial, journal.Record{Pin: &journal.Pin{ID: pin, Fault: aspect, Phase: journal.PinFired}})
}
