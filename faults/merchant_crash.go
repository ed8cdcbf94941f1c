package faults

import (
	"errors"
	"fmt"
	"time"
)

// MerchantCrash kills the merchant (kill -9) at a point of a payment, and
// starts it again. What it had not made durable is gone.
type MerchantCrash struct {
	When CrashPoint `json:"when,omitempty"` // before if unset
	Down Duration   `json:"down,omitempty"` // how long it stays away; 0 starts it at once
	// Commit is the commit on the link to its database after which it is killed,
	// counted from the arrival of the message; Link is merchant->database if unset.
	Commit int  `json:"commit,omitempty"`
	Link   Link `json:"link,omitempty"`
}

// CrashPoint is where a process stops, seen from the message that the fault is
// pinned to.
type CrashPoint string

// The points. AfterAcknowledging is for the answer to a notification: the
// merchant has promised to know, and is not told again until its order reads
// paid or a bound passes.
const (
	CrashBefore        CrashPoint = "before"
	CrashAfter         CrashPoint = "after"
	AfterAcknowledging CrashPoint = "after-acknowledging"
)

func merchantCrash() Definition {
	return Definition{Name: "merchant-crash", Kind: OnProcess, Class: Legal,
		Experience: "The merchant is killed with the message under way (before) or just through (after), and started again.",
		Example:    "{fault: merchant-crash, at: provider->merchant notify-payment answer, when: after-acknowledging}",
		Settings: []Setting{
			{Name: "when", Type: WordSetting, Words: []string{"before", "after", "after-acknowledging"},
				Meaning: "before the message passes, after it, or after it with redeliveries and queries kept back (before)"},
			{Name: "down", Type: DurationSetting, Meaning: "how long it stays away (0s)"},
			{Name: "commit", Type: CountSetting, Meaning: "instead of when: the commit after the message's arrival that it does not live to know of (none)"},
			{Name: "link", Type: LinkSetting, Meaning: "the link to the database that commits (merchant->database)"},
		},
		New: func() Fault { return &MerchantCrash{} }}
}

// Check implements Fault.
func (f *MerchantCrash) Check() error {
	switch {
	case f.Commit != 0 && f.When != "":
		return errors.New("it is killed at a message (when) or at a commit, not at both")
	case f.Commit < 0 || f.Commit > 20:
		return errors.New("commit is a number from 1 to 20")
	}
	switch f.When {
	case "", CrashBefore, CrashAfter, AfterAcknowledging:
		return checkDown(f.Down)
	default:
		return fmt.Errorf("when %q is none of before, after, after-acknowledging", f.When)
	}
}

// OnStream is the link whose commits are counted; "" if none are.
func (f *MerchantCrash) OnStream() Link {
	if f.Commit > 0 && f.Link == "" {
		return databaseLink
	}
	return f.Link
}

// SureToBegin reports whether the commit surely comes.
func (f *MerchantCrash) SureToBegin() bool { return f.Commit <= 1 }

// CheckPlace allows commits only after a request.
func (f *MerchantCrash) CheckPlace(_ Operation, leg Leg) error {
	if f.Commit == 0 && f.Link != "" {
		return errNoCommit
	}
	return StreamPlace{Link: f.OnStream()}.checkLeg(leg)
}

// Interrupt implements ProcessFault.
func (f *MerchantCrash) Interrupt() Interruption {
	interruption := Interruption{Role: "merchant", Manner: Killed, Moment: BeforeMessage, Down: time.Duration(f.Down)}
	if f.When == CrashAfter || f.When == AfterAcknowledging {
		interruption.Moment = AfterMessage
	}
	if f.Commit > 0 {
		interruption.Moment, interruption.Commit = AtCommit, StreamPlace{Link: f.OnStream(), Commit: f.Commit}
	}
	interruption.KeepBack = f.When == AfterAcknowledging
	return interruption
}

var errNoCommit = errors.New("link is where commits are counted; say which with commit")
