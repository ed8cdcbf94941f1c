package faults

import (
	"errors"
	"fmt"
	"time"
)

// Some links carry bytes of which payquake knows nothing: a database's, or a
// cache's. What happens to them is bound to a message that it does know: from its
// arrival until its answer, or from a commit in between.

// StreamPlace is where on such a link a fault happens. It is pinned to the request
// of the message.
type StreamPlace struct {
	Link Link `json:"link,omitempty"` // merchant->database; "" for the pinned message itself
	// Commit is the commit after the message's arrival with which it begins: its
	// answer is the first that is harmed. 0: with the arrival.
	Commit int `json:"commit,omitempty"`
}

// OnStream is the link of bytes that the fault is done to; "" if it is none.
func (p StreamPlace) OnStream() Link { return p.Link }

// SureToBegin reports whether the fault begins whenever its message is handled: a
// handler commits at least once.
func (p StreamPlace) SureToBegin() bool { return p.Commit <= 1 }

func (p StreamPlace) check() error {
	switch {
	case p.Link != "" && !p.Link.Valid():
		return fmt.Errorf("link %q is none; want caller->callee", p.Link)
	case p.Commit < 0 || p.Commit > 20:
		return errors.New("commit is a number from 1 to 20")
	default:
		return nil
	}
}

// streamSettings describe the place.
func streamSettings() []Setting {
	return []Setting{
		{Name: "link", Type: LinkSetting, Meaning: "a link of bytes, such as merchant->database, that it happens to instead, until the message is answered (none)"},
		{Name: "commit", Type: CountSetting, Meaning: "with which commit on that link after the message's arrival it begins (at once)"},
	}
}

// StreamHarm is what happens to a link of bytes.
type StreamHarm string

// The harms. Each lasts until the message that it is bound to is answered, the
// pin's limit has passed, or the trial is healed.
const (
	StreamDelay     StreamHarm = "delay"      // every piece comes later
	StreamBandwidth StreamHarm = "bandwidth"  // so many bytes a second pass
	StreamReset     StreamHarm = "reset"      // a connection on which something is said is reset
	StreamBlackHole StreamHarm = "black-hole" // nothing passes; then what waited is lost with its connection
	StreamSlowClose StreamHarm = "slow-close" // nothing passes for a while; then its connection is closed
	StreamDown      StreamHarm = "down"       // connections are cut, and new ones refused
)

// StreamEffect is a harm at its place.
type StreamEffect struct {
	StreamPlace
	Harm  StreamHarm
	Delay time.Duration // of StreamDelay, and the silence of StreamSlowClose
	Rate  int           // of StreamBandwidth, in bytes a second
}

// needsLink refuses a fault that only a link of bytes can have.
func (p StreamPlace) needsLink() error {
	if p.Link == "" {
		return errNoStream
	}
	return nil
}

var errNoStream = errors.New("it happens to a link of bytes; name it with link, such as merchant->database")

// checkLeg allows a link of bytes only with the request of a message: harm
// ends with the answer.
func (p StreamPlace) checkLeg(leg Leg) error {
	switch {
	case p.Link == "" && p.Commit != 0:
		return errCommit
	case p.Link != "" && leg != RequestLeg:
		return errStreamLeg
	default:
		return nil
	}
}

var errCommit = errors.New("commit counts the commits of a link of bytes; name it with link")

var errStreamLeg = errors.New("on a link of bytes it is bound to the request of a message, and ends with its answer")
