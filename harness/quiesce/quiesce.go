// Package quiesce decides, from facts alone, when a trial has come to rest:
// its journey is over, its faults are healed, its links have been quiet for as
// long as the merchant's longest timer, nothing is left on a provider's
// calendar, and the merchant's books are final. It is a function of what is
// seen and reads no clock.
package quiesce

import "time"

// Rule is how long quiet must last.
type Rule struct {
	// Longest is the longest time after which the merchant still acts by
	// itself, as it declared.
	Longest time.Duration
}

// Seen is what is known of a trial at a moment.
type Seen struct {
	JourneyOver bool
	Healed      bool
	Sound       bool          // nothing that stopped is still down
	Idle        time.Duration // since the last message on any link
	InFlight    int           // exchanges under way
	Unfired     int           // pins that may still fire
	Outstanding int           // on the providers' calendars
	Hurried     bool          // the calendars were hurried already
	BooksFinal  bool          // every order, payment and refund of it is in a terminal state
	SinceHealed time.Duration
	SinceOver   time.Duration // since its journey was over
	KeptBack    bool          // an acknowledgement of it is put to the test
}

// Step is what to do next about a trial. The zero value waits.
type Step int

// The steps.
const (
	Wait        Step = iota
	Heal             // take its faults out of force
	Hurry            // let the providers do what is due next
	Rest             // it has come to rest
	BoundPassed      // it should have by now
)

// boundFactor bounds the wait for rest, in longest timers since healing.
const boundFactor = 3

// breath is the pause between deliveries that are hurried.
const breath = 200 * time.Millisecond

// Next decides. A trial is healed once nothing more can fire: all its pins
// have, or it has been quiet for the longest timer, or will not be quiet (a
// callee that never answers must not hold the run up for ever). The providers' calendars
// are hurried only when everything else is quiet, so that a merchant's own
// timers get their turn first.
func (r Rule) Next(seen Seen) Step {
	quiet := seen.InFlight == 0 && seen.Idle >= r.Longest
	// Once the merchant's timers have had their turn, what is still on the
	// calendar follows one after another.
	follows := seen.Hurried && seen.InFlight == 0 && seen.Idle >= breath
	switch {
	case !seen.JourneyOver || !seen.Sound || seen.KeptBack:
		return Wait
	case !seen.Healed:
		if seen.Unfired == 0 || quiet || seen.SinceOver >= boundFactor*r.Longest {
			return Heal
		}
		return Wait
	case quiet && seen.Outstanding == 0 && seen.BooksFinal:
		return Rest
	case (quiet || follows) && seen.Outstanding > 0:
		return Hurry
	case seen.SinceHealed >= boundFactor*r.Longest && seen.Outstanding == 0:
		return BoundPassed
	case seen.SinceHealed >= 4*boundFactor*r.Longest: // something is delivered for ever
		return BoundPassed
	default:
		return Wait
	}
}
