package faults

import "time"

// PendingThenPaid answers a pay-type call with "the shopper has to confirm": the
// money is taken a while later.
type PendingThenPaid struct {
	After Duration `json:"after,omitempty"` // 600 ms if unset
}

func pendingThenPaid() Definition {
	return Definition{Name: "pending-then-paid", Kind: OnPayment, Class: Legal,
		Experience: "The call that should pay is answered with neither yes nor no; later the payment succeeds.",
		Example:    "{fault: pending-then-paid, payment: provider, after: 1s}",
		Settings: []Setting{
			{Name: "after", Type: DurationSetting, Meaning: "how long the shopper takes, at most 10s (600ms)"},
		},
		New: func() Fault { return &PendingThenPaid{} }}
}

// Check implements Fault.
func (f *PendingThenPaid) Check() error { return within("after", f.After, 10*time.Second) }

// Bend implements Behaviour.
func (f *PendingThenPaid) Bend(conduct *Conduct) {
	conduct.PendingFor = usually(f.After, 600*time.Millisecond)
}
