package faults

import "time"

// LateByHours lets the shopper dawdle over the open code and confirm it only just
// before, or just after, the merchant has lost patience with it, while the provider
// still takes the money. The hours of real life are the seconds of a run.
type LateByHours struct {
	After Duration `json:"after,omitempty"` // 2 s if unset
}

func lateByHours() Definition {
	return Definition{Name: "late-by-hours", Kind: OnPayment, Class: Legal,
		Experience: "The payment comes long after its code was shown, about when the merchant gives the order up.",
		Example:    "{fault: late-by-hours, payment: provider, after: 3s}",
		Settings: []Setting{
			{Name: "after", Type: DurationSetting, Meaning: "how long the shopper hesitates to confirm, at most 4s (2s)"},
		},
		New: func() Fault { return &LateByHours{} }}
}

// Check implements Fault.
func (f *LateByHours) Check() error { return within("after", f.After, 4*time.Second) }

// Bend implements Behaviour.
func (f *LateByHours) Bend(conduct *Conduct) { conduct.Hesitates = usually(f.After, 2*time.Second) }
