package proxy

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Register knows the trials in play: their pins by address, their counts, and
// by what a message is known to be theirs. All links of a gateway share one.
// One lock guards it; nothing waits while holding it.
type Register struct {
	clock clock.Clock
	feed  *journal.Feed

	mu           sync.Mutex
	trials       map[faults.Trial]*casting
	byTrace      map[string]faults.Trial
	byAmount     map[payment.Money]faults.Trial
	byReference  map[string]faults.Trial
	unattributed map[messageKind]time.Time // when one was last seen
	turns        map[turn]faults.Trial
	streams      map[faults.Link]*Stream
	expecting    map[string][]faults.Trial // by provider: who waits for its next payment
}

// Casting prepares the register for one trial.
type Casting struct {
	Trial   faults.Trial    `json:"trial"`
	TraceID string          `json:"traceId"`
	Amounts []payment.Money `json:"amounts,omitempty"` // reserved for it; no other trial in play has them
	Pins    []faults.Pin    `json:"pins,omitempty"`    // on messages and processes
}

// casting is a trial in play.
type casting struct {
	Casting
	armed    map[faults.Address][]*armed
	counts   map[messageKind]int
	passed   map[faults.Address]bool
	waiting  map[faults.Address][]chan struct{} // holds
	barriers map[string]*barrier
	confirm  map[string]chan struct{} // process pins whose trigger waits
	keptBack chan struct{}            // closed when redeliveries and queries may go on; nil if they may
	healed   chan struct{}            // closed when no fault of the trial is in force any more
	begun    time.Time
	active   time.Time
	inFlight int
	// payments are the references under which the trial began payments, by
	// provider, in their order.
	payments map[string][]payment.MerchantReference
	// remembers: a pin may ask for an earlier message; kept are those that passed.
	remembers bool
	kept      map[repeatable]earlier
	arrival   *Arrival // what came for it; nil if it waits for nothing, or still does
}

// armed is a pin in force.
type armed struct {
	pin   faults.Pin
	fault faults.Fault
	fired bool
	// missed says why the pin did not act on a message of its address, the last
	// time that it did not.
	missed faults.Fate
	note   string
}

// spent reports whether a pin has nothing left to do. One on several messages
// goes on after a message that it could not act on.
func (a *armed) spent() bool { return a.pin.At.One() && (a.fired || a.missed != "") }

// messageKind is what messages are counted by.
type messageKind struct {
	link      faults.Link
	operation faults.Operation
}

// NewRegister is a register without trials that records into feed.
func NewRegister(system clock.Clock, feed *journal.Feed) *Register {
	return &Register{
		clock: system, feed: feed,
		trials:       map[faults.Trial]*casting{},
		byTrace:      map[string]faults.Trial{},
		byAmount:     map[payment.Money]faults.Trial{},
		byReference:  map[string]faults.Trial{},
		unattributed: map[messageKind]time.Time{},
		turns:        map[turn]faults.Trial{},
		streams:      map[faults.Link]*Stream{},
		expecting:    map[string][]faults.Trial{},
	}
}

// Cast puts trials in play. It changes nothing and fails if a trial is in play
// already, an amount is reserved, or a pin cannot be armed.
func (r *Register) Cast(castings []Casting) error {
	fresh := make([]*casting, 0, len(castings))
	for _, wanted := range castings {
		made, err := r.newCasting(wanted)
		if err != nil {
			return fmt.Errorf("cast trial %s: %w", wanted.Trial, err)
		}
		fresh = append(fresh, made)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, made := range fresh {
		if r.trials[made.Trial] != nil {
			return fmt.Errorf("cast trial %s: it is in play already", made.Trial)
		}
		for _, amount := range made.Amounts {
			if other, reserved := r.byAmount[amount]; reserved {
				return fmt.Errorf("cast trial %s: %s is reserved for trial %s", made.Trial, amount, other)
			}
		}
	}
	for _, made := range fresh {
		r.trials[made.Trial] = made
		r.byTrace[made.TraceID] = made.Trial
		for _, amount := range made.Amounts {
			r.byAmount[amount] = made.Trial
		}
	}
	return nil
}

func (r *Register) newCasting(wanted Casting) (*casting, error) {
	made := &casting{
		Casting: wanted, armed: map[faults.Address][]*armed{}, counts: map[messageKind]int{},
		passed: map[faults.Address]bool{}, waiting: map[faults.Address][]chan struct{}{},
		barriers: map[string]*barrier{}, confirm: map[string]chan struct{}{},
		kept: map[repeatable]earlier{}, healed: make(chan struct{}), begun: r.clock.Now(), active: r.clock.Now(),
	}
	for _, pin := range wanted.Pins {
		fault, err := pin.Decode()
		if err != nil {
			return nil, err
		}
		if pin.At == nil {
			return nil, fmt.Errorf("pin %s: %s has no message address", pin.ID, pin.Fault)
		}
		made.arm(&armed{pin: pin, fault: fault})
		if rendezvous, grouped := fault.(*faults.Rendezvous); grouped {
			made.prepareBarrier(pin, rendezvous)
		}
	}
	return made, nil
}

// arm puts a pin in force at each of the messages it means.
func (c *casting) arm(a *armed) {
	for _, at := range a.pin.At.Each() {
		at.Trial = ""
		c.armed[at] = append(c.armed[at], a)
	}
	_, repeats := a.fault.(*faults.StaleReplay)
	c.remembers = c.remembers || repeats
}

// Count gives a message its number among those of its kind in the trial.
func (r *Register) Count(trial faults.Trial, link faults.Link, operation faults.Operation) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.trials[trial]
	if c == nil {
		return 0
	}
	kind := messageKind{link, operation}
	c.counts[kind]++
	return c.counts[kind]
}

// due returns the pins of an address that are in force: those of the exact
// count and those of every one. The look-up does not depend on how many pins
// are loaded.
func (r *Register) due(address faults.Address) []*armed {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.trials[address.Trial]
	if c == nil || c.isHealed() {
		return nil
	}
	address.Trial = ""
	every := address
	every.Nth = 0
	found := slices.Concat(c.armed[address], c.armed[every])
	return slices.DeleteFunc(found, (*armed).spent)
}

// fire notes and records that a pin acted on a message.
func (r *Register) fire(a *armed, message string, detail string) {
	r.mu.Lock()
	first := !a.fired
	a.fired = true
	r.mu.Unlock()
	if first || !a.pin.At.One() {
		r.recordPin(a.pin, journal.Pin{Phase: journal.PinFired, Detail: detail, Message: message})
	}
}

// miss notes why a pin did not act although its message came.
func (r *Register) miss(a *armed, fate faults.Fate, note string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.missed, a.note = fate, note
}

func (r *Register) recordPin(pin faults.Pin, what journal.Pin) {
	what.ID, what.Fault = pin.ID, pin.Fault
	r.feed.Add(journal.Record{At: r.clock.Now(), Trial: pin.Trial, TraceID: r.traceID(pin.Trial), Pin: &what})
}

// stage records a stage of a trial.
func (r *Register) stage(trial faults.Trial, stage journal.Stage) {
	r.feed.Add(journal.Record{At: r.clock.Now(), Trial: trial, TraceID: r.traceID(trial), Stage: &stage})
}

func (r *Register) traceID(trial faults.Trial) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.trials[trial]; c != nil {
		return c.TraceID
	}
	return ""
}

// begin and end bracket an exchange of a trial, for Activity.
func (r *Register) begin(trial faults.Trial) { r.touch(trial, 1) }
func (r *Register) end(trial faults.Trial)   { r.touch(trial, -1) }

func (r *Register) touch(trial faults.Trial, change int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	if c := r.trials[trial]; c != nil {
		c.inFlight += change
		c.active = now
	}
}

// Activity says how quiet a trial's links are.
type Activity struct {
	Idle     faults.Duration `json:"idle"` // since its last message
	InFlight int             `json:"inFlight"`
}

// Activity reports every trial in play.
func (r *Register) Activity() map[faults.Trial]Activity {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	all := make(map[faults.Trial]Activity, len(r.trials))
	for trial, c := range r.trials {
		all[trial] = Activity{Idle: faults.Duration(now.Sub(c.active)), InFlight: c.inFlight}
	}
	return all
}

// Heal takes every fault of the trials out of force: what waits goes on.
func (r *Register) Heal(trials []faults.Trial) {
	for _, trial := range trials {
		r.LetGo(trial)
		r.mu.Lock()
		if c := r.trials[trial]; c != nil && !c.isHealed() {
			close(c.healed)
		}
		r.mu.Unlock()
	}
}

func (c *casting) isHealed() bool {
	select {
	case <-c.healed:
		return true
	default:
		return false
	}
}

// End takes trials out of play and records what became of each of their pins.
func (r *Register) End(trials []faults.Trial) {
	r.Heal(trials)
	for _, trial := range trials {
		r.mu.Lock()
		c := r.trials[trial]
		if c == nil {
			r.mu.Unlock()
			continue
		}
		ended := r.fates(c)
		r.forget(c)
		r.mu.Unlock()
		for _, end := range ended {
			r.feed.Add(journal.Record{At: r.clock.Now(), Trial: trial, TraceID: c.TraceID, Pin: &end})
		}
	}
}

// fates decides how each pin of an ending trial ended, in the order of the plan.
func (r *Register) fates(c *casting) []journal.Pin {
	byID := map[string]*armed{}
	for _, list := range c.armed {
		for _, a := range list {
			byID[a.pin.ID] = a
		}
	}
	ended := make([]journal.Pin, 0, len(c.Pins))
	for _, pin := range c.Pins {
		a := byID[pin.ID]
		end := journal.Pin{ID: pin.ID, Fault: pin.Fault, Phase: journal.PinEnded, Fate: a.missed, Detail: a.note}
		switch {
		case a.fired:
			end.Fate, end.Detail = faults.Fired, ""
		case end.Fate == "":
			end.Fate = faults.NeverSent
			if seen, any := r.unattributed[messageKind{pin.At.Link, pin.At.Operation}]; any && seen.After(c.begun) {
				end.Fate = faults.Unattributed
			}
		}
		ended = append(ended, end)
	}
	return ended
}

// forget drops what only a trial in play needs. Its references stay bound, so
// that a straggler is still known to be its own.
func (r *Register) forget(c *casting) {
	delete(r.trials, c.Trial)
	delete(r.byTrace, c.TraceID)
	for _, amount := range c.Amounts {
		delete(r.byAmount, amount)
	}
	r.endTurns(c.Trial)
	r.endExpecting(c.Trial)
}
