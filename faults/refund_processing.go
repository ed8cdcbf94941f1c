package faults

import "time"

// RefundProcessing lets accepted refunds be under way for longer than usual.
type RefundProcessing struct {
	For Duration `json:"for,omitempty"` // 2 s if unset
}

func refundProcessing() Definition {
	return Definition{Name: "refund-processing", Kind: OnPayment, Class: Legal,
		Experience: "A refund stays under way; queries say so until its money has moved.",
		Example:    "{fault: refund-processing, payment: provider, for: 3s}",
		Settings: []Setting{
			{Name: "for", Type: DurationSetting, Meaning: "how much longer than usual, at most 30s (2s)"},
		},
		New: func() Fault { return &RefundProcessing{} }}
}

// Check implements Fault.
func (f *RefundProcessing) Check() error { return within("for", f.For, 30*time.Second) }

// Bend implements Behaviour.
func (f *RefundProcessing) Bend(conduct *Conduct) {
	conduct.RefundTakes = usually(f.For, 2*time.Second)
}
