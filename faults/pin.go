package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// Pin ties a fault to its place. Exactly one of the places is meant, by the
// fault's kind: At for faults on a message and for processes (the message that
// triggers them), Payment for a provider's behaviour. Shopper twists are not
// pinned; they are the trial's journey.
type Pin struct {
	ID    string `json:"id"`    // unique in the plan: "t0007.1"
	Fault string `json:"fault"` // the catalogue's name
	// Settings are the fault's own, with nothing left to chance.
	Settings json.RawMessage `json:"settings,omitempty"`
	Trial    Trial           `json:"trial"`
	At       *Address        `json:"at,omitempty"`
	Payment  *PaymentPlace   `json:"payment,omitempty"`
	// Required pins lie on a place that a fault-free observation reaches; one
	// that does not fire makes the run inconclusive. The place of the others
	// exists or not by timing.
	Required bool `json:"required"`
	// Limit is how long the fault may hold anything back; after it the fault
	// reverts by itself, so that a killed controller leaves no harm behind.
	Limit Duration `json:"limit"`
}

// PaymentPlace is the nth payment (from 1) that a trial begins at a provider;
// Nth 0 means every one.
type PaymentPlace struct {
	Provider string `json:"provider"`
	Nth      int    `json:"nth"`
}

// DefaultLimit bounds a fault for which nothing else is asked.
const DefaultLimit = 10 * time.Second

// Decode makes the pinned fault from its name and settings.
func (p Pin) Decode() (Fault, error) {
	fault, err := Decode(p.Fault, p.Settings)
	if err != nil {
		return nil, fmt.Errorf("pin %s: %w", p.ID, err)
	}
	return fault, nil
}

// Fate is what became of a pin. The zero value is not a fate.
type Fate string

// A pin has fired, or has not for exactly one reason.
const (
	Fired        Fate = "fired"
	NeverSent    Fate = "never-sent"   // its message or payment did not come to be
	PreEmpted    Fate = "pre-empted"   // another fault took its message first, or a barrier stayed incomplete
	TrialEnded   Fate = "trial-ended"  // the trial was stopped before
	Unattributed Fate = "unattributed" // its message may have passed among those of no known trial
	TimeLimit    Fate = "time-limit"   // it reverted before it could fire
)

// Duration is a time.Duration that reads and writes as text ("250ms") in
// plans, scenarios and control messages.
type Duration time.Duration

// Std is the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes the duration as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Negative durations are refused.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("duration %q: want a number with a unit, such as 250ms or 2s", text)
	}
	if parsed < 0 {
		return fmt.Errorf("duration %q is negative", text)
	}
	*d = Duration(parsed)
	return nil
}
