package faults

// MerchantRestart ends the merchant in an orderly way between two messages and
// starts it again, as a deployment does: what lived only in memory is gone.
type MerchantRestart struct {
	Down Duration `json:"down,omitempty"` // how long it stays away
}

func merchantRestart() Definition {
	return Definition{Name: "merchant-restart", Kind: OnProcess, Class: Legal,
		Experience: "The merchant is asked to end after the message has passed, and started again.",
		Example:    "{fault: merchant-restart, at: merchant->provider create answer}",
		Settings:   []Setting{{Name: "down", Type: DurationSetting, Meaning: "how long it stays away (0s)"}},
		New:        func() Fault { return &MerchantRestart{} }}
}

// Check implements Fault.
func (f *MerchantRestart) Check() error { return checkDown(f.Down) }

// Interrupt implements ProcessFault.
func (f *MerchantRestart) Interrupt() Interruption {
	return Interruption{Role: "merchant", Manner: Stopped, Moment: AfterMessage, Down: f.Down.Std()}
}
