package faults

import (
	"fmt"
	"time"
)

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
