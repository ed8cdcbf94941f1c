package faults

import (
	"fmt"
	"time"
)

// Interruption is what happens to a process when the message that triggers it
// comes by.
type Interruption struct {
	Role   string // "merchant", or a provider's name
	Manner Manner
	Moment Moment
	Commit StreamPlace // of AtCommit
	// Direction is of Partitioned.
	Direction Direction
	// Instances is how many there are of the process meanwhile, of Multiplied and
	// Replaced.
	Instances int
	// Down is how long the process stays away once it is down, or there are more of it.
	Down time.Duration
	// KeepBack holds redeliveries and query answers of the trial back until
	// its order reads paid or a bound passes: what was acknowledged must be
	// known without being told again.
	KeepBack bool
}

// longestDown bounds how long a process may be away: a run must end.
const longestDown = Duration(5 * time.Minute)

func checkDown(down Duration) error {
	if down > longestDown {
		return fmt.Errorf("down is at most %s", longestDown)
	}
	return nil
}

// Manner is how a process stops.
type Manner string

// The manners.
const (
	Killed  Manner = "killed"  // kill -9
	Stopped Manner = "stopped" // asked to end, in an orderly way
	Refused Manner = "refused" // it lives on, but connections to it are refused
	// Paused: it stands still and knows nothing of it. Stalled: the same, seen from
	// outside: what is sent to it waits. Partitioned: what is sent between it and the
	// merchant is lost.
	Paused      Manner = "paused"
	Stalled     Manner = "stalled"
	Partitioned Manner = "partitioned"
	Rotated     Manner = "rotated" // it signs with its next certificate from now on
	// Multiplied: more instances of it serve in turn with it. Replaced: one more does,
	// and then takes its place.
	Multiplied Manner = "multiplied"
	Replaced   Manner = "replaced"
)

// Moment is when the process stops, seen from the triggering message.
type Moment string

// The moments. Before: the message is held until the process is down, and is
// then lost with it. After: the message passes first.
const (
	BeforeMessage Moment = "before"
	AfterMessage  Moment = "after"
	// AtCommit: when the answer to a commit comes by, which is lost with the process.
	AtCommit Moment = "commit"
)
