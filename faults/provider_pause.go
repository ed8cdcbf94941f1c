package faults

import (
	"errors"
	"time"
)

// ProviderPause has the provider stand still: calls reach it and are acted on when
// it goes on, and its news waits. Its shoppers' wallets go on.
type ProviderPause struct {
	Down Duration `json:"down,omitempty"` // 1s if unset
}

func providerPause() Definition {
	return Definition{Name: "provider-pause", Kind: OnProcess, Class: Legal,
		Experience: "The provider acts on no call for a while after the message has passed, and then on all that have come, whether their callers still wait or not.",
		Example:    "{fault: provider-pause, at: merchant->provider create#1 answer, down: 1s}",
		Settings:   []Setting{{Name: "down", Type: DurationSetting, Meaning: "how long (1s)"}},
		New:        func() Fault { return &ProviderPause{} }}
}

// Check implements Fault.
func (f *ProviderPause) Check() error { return checkDown(f.Down) }

// CheckLink allows the links of a provider.
func (*ProviderPause) CheckLink(provider bool) error { return ofProvider(provider) }

// Interrupt implements ProcessFault. The role is the provider of the pinned
// message's link; whoever resolves the pin fills it in.
func (f *ProviderPause) Interrupt() Interruption {
	return Interruption{Manner: Stalled, Moment: AfterMessage, Down: usually(f.Down, time.Second)}
}

// ofProvider refuses a link that is no provider's.
func ofProvider(provider bool) error {
	if !provider {
		return errors.New("it is about a provider: pin it on a message of a link between the merchant and one")
	}
	return nil
}
