package faults

import "time"

// PendingThenFailed answers a pay-type call with "the shopper has to confirm", and
// the shopper does not: the payment fails a while later.
type PendingThenFailed struct {
	After Duration `json:"after,omitempty"` // 600 ms if unset
}

func pendingThenFailed() Definition {
	return Definition{Name: "pending-then-failed", Kind: OnPayment, Class: Legal,
		Experience: "The call that should pay is answered with neither yes nor no; later the payment fails.",
		Example:    "{fault: pending-then-failed, payment: provider, after: 1s}",
		Settings: []Setting{
			{Name: "after", Type: DurationSetting, Meaning: "how long the shopper takes, at most 10s (600ms)"},
		},
		New: func() Fault { return &PendingThenFailed{} }}
}

// Check implements Fault.
func (f *PendingThenFailed) Check() error { return within("after", f.After, 10*time.Second) }

// Bend implements Behaviour.
func (f *PendingThenFailed) Bend(conduct *Conduct) {
	conduct.PendingFor, conduct.PendingFails = usually(f.After, 600*time.Millisecond), true
}
