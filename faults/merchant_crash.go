package faults

import (
	"fmt"
	"time"
)

// MerchantCrash kills the merchant (kill -9) at a point of a payment, and
// starts it again. What it had not made durable is gone.
type MerchantCrash struct {
	When CrashPoint `json:"when,omitempty"` // before if unset
	Down Duration   `json:"down,omitempty"` // how long it stays away; 0 starts it at once
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
		},
		New: func() Fault { return &MerchantCrash{} }}
}

// Check implements Fault.
func (f *MerchantCrash) Check() error {
	switch f.When {
	case "", CrashBefore, CrashAfter, AfterAcknowledging:
		return checkDown(f.Down)
	default:
		return fmt.Errorf("when %q is none of before, after, after-acknowledging", f.When)
	}
}

// Interrupt implements ProcessFault.
func (f *MerchantCrash) Interrupt() Interruption {
	interruption := Interruption{Role: "merchant", Manner: Killed, Moment: BeforeMessage, Down: time.Duration(f.Down)}
	if f.When == CrashAfter || f.When == AfterAcknowledging {
		interruption.Moment = AfterMessage
	}
	interruption.KeepBack = f.When == AfterAcknowledging
	return interruption
}
