package faults

import "time"

// MerchantPause stops the merchant's process without ending it, as a machine does
// that swaps, collects garbage or moves to another host: when it goes on, what has
// timed out meanwhile has not been noticed.
type MerchantPause struct {
	Down Duration `json:"down,omitempty"` // 1s if unset
}

func merchantPause() Definition {
	return Definition{Name: "merchant-pause", Kind: OnProcess, Class: Legal,
		Experience: "The merchant stands still after the message has passed, and goes on as if nothing had been.",
		Example:    "{fault: merchant-pause, at: merchant->provider create#1 answer, down: 1s}",
		Settings:   []Setting{{Name: "down", Type: DurationSetting, Meaning: "how long (1s)"}},
		New:        func() Fault { return &MerchantPause{} }}
}

// Check implements Fault.
func (f *MerchantPause) Check() error { return checkDown(f.Down) }

// Interrupt implements ProcessFault.
func (f *MerchantPause) Interrupt() Interruption {
	return Interruption{Role: "merchant", Manner: Paused, Moment: AfterMessage, Down: usually(f.Down, time.Second)}
}
