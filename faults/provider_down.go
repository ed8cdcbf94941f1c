package faults

import "time"

// ProviderDown makes a provider unreachable for a while: connections to it are
// refused. Its book goes on; so do payments that shoppers confirm meanwhile.
type ProviderDown struct {
	Down Duration `json:"down,omitempty"` // 1s if unset
}

func providerDown() Definition {
	return Definition{Name: "provider-down", Kind: OnProcess, Class: Legal,
		Experience: "Connections to the provider are refused after the message has passed, for a while.",
		Example:    "{fault: provider-down, at: merchant->provider create answer, down: 1s}",
		Settings:   []Setting{{Name: "down", Type: DurationSetting, Meaning: "how long (1s)"}},
		New:        func() Fault { return &ProviderDown{} }}
}

// Check implements Fault.
func (f *ProviderDown) Check() error { return checkDown(f.Down) }

// Interrupt implements ProcessFault. The role is the callee of the pinned
// message's link; whoever resolves the pin fills it in.
func (f *ProviderDown) Interrupt() Interruption {
	down := f.Down.Std()
	if down == 0 {
		down = time.Second
	}
	return Interruption{Manner: Refused, Moment: AfterMessage, Down: down}
}
