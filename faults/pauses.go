package faults

import (
	"errors"
	"fmt"
	"time"
)

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

// Partition cuts the network between the merchant and a provider: what is sent into
// it is lost, and its sender hears nothing.
type Partition struct {
	Direction Direction `json:"direction,omitempty"` // both if unset
	Down      Duration  `json:"down,omitempty"`      // 1s if unset
}

// Direction is which way messages are lost between the merchant and a provider.
type Direction string

// The directions.
const (
	BothWays   Direction = "both"
	ToProvider Direction = "to-provider" // its calls, and its answers to notifications
	ToMerchant Direction = "to-merchant" // the answers to its calls, and notifications
)

func partition() Definition {
	return Definition{Name: "partition", Kind: OnProcess, Class: Legal,
		Experience: "Messages between the merchant and the provider are lost after this one has passed, one way or both, for a while; whoever waits hears nothing.",
		Example:    "{fault: partition, at: merchant->provider create#1 answer, direction: to-merchant}",
		Settings: []Setting{
			{Name: "direction", Type: WordSetting, Words: []string{string(BothWays), string(ToProvider), string(ToMerchant)}, Meaning: "which messages are lost (both)"},
			{Name: "down", Type: DurationSetting, Meaning: "how long (1s)"},
		},
		New: func() Fault { return &Partition{} }}
}

// Check implements Fault.
func (f *Partition) Check() error {
	switch f.Direction {
	case "", BothWays, ToProvider, ToMerchant:
		return checkDown(f.Down)
	default:
		return fmt.Errorf("direction %q is none of %s, %s, %s", f.Direction, BothWays, ToProvider, ToMerchant)
	}
}

// CheckLink allows the links of a provider.
func (*Partition) CheckLink(provider bool) error { return ofProvider(provider) }

// Interrupt implements ProcessFault; as of ProviderPause.
func (f *Partition) Interrupt() Interruption {
	direction := f.Direction
	if direction == "" {
		direction = BothWays
	}
	return Interruption{Manner: Partitioned, Direction: direction, Moment: AfterMessage, Down: usually(f.Down, time.Second)}
}

func ofProvider(provider bool) error {
	if !provider {
		return errors.New("it is about a provider: pin it on a message of a link between the merchant and one")
	}
	return nil
}
