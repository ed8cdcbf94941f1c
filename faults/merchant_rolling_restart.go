package faults

import "time"

// MerchantRollingRestart replaces the merchant by a new instance of itself without a
// moment in which nobody serves: the new one starts beside the old one, both serve for
// a while, and then the old one is asked to end.
type MerchantRollingRestart struct {
	Lasting Duration `json:"lasting,omitempty"` // 300ms if unset
}

func merchantRollingRestart() Definition {
	return Definition{Name: "merchant-rolling-restart", Kind: OnProcess, Class: Legal,
		Experience: "After the message has passed, a new instance of the merchant serves beside the old one, which then ends in an orderly way.",
		Example:    "{fault: merchant-rolling-restart, at: provider->merchant notify-payment#1 request}",
		Settings:   []Setting{{Name: "lasting", Type: DurationSetting, Meaning: "how long both serve (300ms)"}},
		New:        func() Fault { return &MerchantRollingRestart{} }}
}

// Check implements Fault.
func (f *MerchantRollingRestart) Check() error { return checkDown(f.Lasting) }

// Interrupt implements ProcessFault.
func (f *MerchantRollingRestart) Interrupt() Interruption {
	return Interruption{Role: "merchant", Manner: Replaced, Moment: AfterMessage, Instances: 2, Down: usually(f.Lasting, 300*time.Millisecond)}
}
