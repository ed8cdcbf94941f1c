package proxy

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// barrier lets a number of messages pass in the same instant. It opens when
// all have arrived, when its limit has passed, or when the trial is healed.
type barrier struct {
	count   int
	limit   time.Duration
	arrived int
	open    chan struct{}
	full    bool // all came before the limit
}

// prepareBarrier notes how many messages a barrier waits for.
func (c *casting) prepareBarrier(pin faults.Pin, rendezvous *faults.Rendezvous) {
	var effect faults.Effect
	rendezvous.Bite(&effect)
	name := barrierName(pin, effect.Barrier)
	if c.barriers[name] == nil {
		c.barriers[name] = &barrier{count: effect.Barrier.Count, limit: effect.Barrier.Limit, open: make(chan struct{})}
	}
}

func barrierName(pin faults.Pin, wanted *faults.Barrier) string {
	if wanted.Group != "" {
		return wanted.Group
	}
	return pin.ID
}

// meet waits at a barrier until it opens. It reports whether all messages came
// in time, and how many did.
func (r *Register) meet(trial faults.Trial, name string) (full bool, arrived int) {
	r.mu.Lock()
	c := r.trials[trial]
	if c == nil || c.barriers[name] == nil {
		r.mu.Unlock()
		return false, 0
	}
	b := c.barriers[name]
	b.arrived++
	first := b.arrived == 1
	if b.arrived == b.count && !b.isOpen() { // one that comes after the limit overlaps with nothing
		b.full = true
		b.release()
	}
	r.mu.Unlock()
	if first {
		stop := r.clock.AfterFunc(b.limit, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			b.release()
		})
		defer stop()
	}
	select {
	case <-b.open:
	case <-c.healed:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return b.full, b.arrived
}

func (b *barrier) release() {
	if !b.isOpen() {
		close(b.open)
	}
}

func (b *barrier) isOpen() bool {
	select {
	case <-b.open:
		return true
	default:
		return false
	}
}

// pass notes that a message went through and lets those go that held for it.
func (r *Register) pass(address faults.Address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.trials[address.Trial]
	if c == nil {
		return
	}
	exact, every := address, address
	exact.Trial, every.Trial, every.Nth = "", "", 0
	for _, at := range []faults.Address{exact, every} {
		c.passed[at] = true
		for _, waiter := range c.waiting[at] {
			close(waiter)
		}
		delete(c.waiting, at)
	}
}

// holdFor waits until the message of the trial has passed. It reports whether
// it had to wait and the message came in time: only then was anything reordered.
func (r *Register) holdFor(ctx context.Context, trial faults.Trial, hold faults.Hold) bool {
	until := hold.Until
	until.Trial = ""
	r.mu.Lock()
	c := r.trials[trial]
	if c == nil || c.passed[until] {
		r.mu.Unlock()
		return false
	}
	passed := make(chan struct{})
	c.waiting[until] = append(c.waiting[until], passed)
	r.mu.Unlock()
	limited, cancel := r.limited(ctx, hold.Limit)
	defer cancel()
	select {
	case <-passed:
		return true
	case <-c.healed:
		return false
	case <-limited.Done():
		return false
	}
}

// delay waits for d, or until the trial is healed. It reports whether the
// whole delay passed.
func (r *Register) delay(ctx context.Context, trial faults.Trial, d time.Duration) bool {
	limited, cancel := r.limited(ctx, d)
	defer cancel()
	select {
	case <-limited.Done():
		return ctx.Err() == nil
	case <-r.healedChannel(trial):
		return false
	}
}

// limited is a context that ends after d on the register's clock.
func (r *Register) limited(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	limited, cancel := context.WithCancel(ctx)
	stop := r.clock.AfterFunc(d, cancel)
	return limited, func() { stop(); cancel() }
}

// healedChannel is closed when the trial is healed; a trial not in play is.
func (r *Register) healedChannel(trial faults.Trial) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.trials[trial]; c != nil {
		return c.healed
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// interrupt records that a process fault is triggered and waits until it is
// confirmed that the process is down. It reports whether that came in time.
func (r *Register) interrupt(ctx context.Context, a *armed, message string) bool {
	confirmed := make(chan struct{})
	r.mu.Lock()
	c := r.trials[a.pin.Trial]
	if c != nil {
		c.confirm[a.pin.ID] = confirmed
	}
	r.mu.Unlock()
	if c == nil {
		return false
	}
	r.recordPin(a.pin, journal.Pin{Phase: journal.PinTriggered, Message: message})
	limited, cancel := r.limited(ctx, a.pin.Limit.Std())
	defer cancel()
	select {
	case <-confirmed:
		return true
	case <-c.healed:
		return false
	case <-limited.Done():
		return false
	}
}

// Confirm says that the process of a triggered pin is down.
func (r *Register) Confirm(trial faults.Trial, pin string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.trials[trial]; c != nil && c.confirm[pin] != nil {
		close(c.confirm[pin])
		delete(c.confirm, pin)
	}
}

// keepBack withholds redeliveries and query answers of the trial from now on.
func (r *Register) keepBack(trial faults.Trial) {
	r.mu.Lock()
	c := r.trials[trial]
	begun := c != nil && c.keptBack == nil
	if begun {
		c.keptBack = make(chan struct{})
	}
	r.mu.Unlock()
	if begun {
		r.stage(trial, journal.Stage{Name: journal.KeptBack})
	}
}

// LetGo ends what keepBack began, if it did.
func (r *Register) LetGo(trial faults.Trial) {
	r.mu.Lock()
	c := r.trials[trial]
	ended := c != nil && c.keptBack != nil
	if ended {
		close(c.keptBack)
		c.keptBack = nil
	}
	r.mu.Unlock()
	if ended {
		r.stage(trial, journal.Stage{Name: journal.LetGo})
	}
}

// isKeptBack reports whether messages of this kind must wait.
func (r *Register) isKeptBack(trial faults.Trial, operation faults.Operation) bool {
	if operation != faults.Query && operation != faults.NotifyPayment {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.trials[trial]
	return c != nil && c.keptBack != nil
}

// awaitLeave waits until nothing of the trial is kept back any more.
func (r *Register) awaitLeave(ctx context.Context, trial faults.Trial) {
	r.mu.Lock()
	var keptBack chan struct{}
	if c := r.trials[trial]; c != nil {
		keptBack = c.keptBack
	}
	r.mu.Unlock()
	if keptBack == nil {
		return
	}
	select {
	case <-keptBack:
	case <-ctx.Done():
	}
}

// missBarrier notes that a barrier opened before all were there.
func (r *Register) missBarrier(a *armed, arrived int) {
	r.miss(a, faults.PreEmpted, fmt.Sprintf("only %d came before the limit", arrived))
}
