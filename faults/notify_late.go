package faults

import "time"

// NotifyLate delivers the first notification only after a while.
type NotifyLate struct {
	After Duration `json:"after,omitempty"` // 2 s if unset
}

func notifyLate() Definition {
	return Definition{Name: "notify-late", Kind: OnPayment, Class: Legal,
		Experience: "The notification comes when the merchant may have asked, or given up, already.",
		Example:    "{fault: notify-late, payment: provider, after: 3s}",
		Settings: []Setting{
			{Name: "after", Type: DurationSetting, Meaning: "how long after the payment or refund, at most 30s (2s)"},
		},
		New: func() Fault { return &NotifyLate{} }}
}

// Check implements Fault.
func (f *NotifyLate) Check() error { return within("after", f.After, 30*time.Second) }

// Bend implements Behaviour.
func (f *NotifyLate) Bend(conduct *Conduct) { conduct.NotifyAfter = usually(f.After, 2*time.Second) }
