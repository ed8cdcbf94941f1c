package faults

import (
	"errors"
	"fmt"
	"time"
)

// HoldBack keeps a message back until another message of the trial has passed,
// or for a delay: the two change places.
type HoldBack struct {
	Until string   `json:"until,omitempty"` // an address as ParseAddress reads it
	Delay Duration `json:"delay,omitempty"` // 500ms if neither is set
	Limit Duration `json:"limit,omitempty"` // how long it waits for until; 5s if unset
}

func hold() Definition {
	return Definition{Name: "hold", Kind: OnMessage, Class: Legal,
		Experience: "The message arrives after one that was sent later.",
		Example:    "{fault: hold, at: merchant->provider query answer, until: provider->merchant notify-payment answer}",
		Settings: []Setting{
			{Name: "until", Type: AddressSetting, Meaning: "the message of the same trial that must pass first"},
			{Name: "delay", Type: DurationSetting, Meaning: "or how long to keep it (500ms)"},
			{Name: "limit", Type: DurationSetting, Meaning: "how long to wait for until (5s)"},
		},
		New: func() Fault { return &HoldBack{} }}
}

// Check implements Fault.
func (f *HoldBack) Check() error {
	if f.Until == "" {
		return nil
	}
	if f.Delay != 0 {
		return errors.New("hold waits for a message (until) or for a delay, not both")
	}
	until, err := ParseAddress(f.Until)
	if err == nil && until.Last > 0 {
		return fmt.Errorf("until %q names a range; hold waits for one message, or for the next one (#*)", f.Until)
	}
	return err
}

// Bite implements MessageFault.
func (f *HoldBack) Bite(effect *Effect) {
	if f.Until == "" {
		delay := f.Delay.Std()
		if delay == 0 {
			delay = 500 * time.Millisecond
		}
		effect.Delay += delay
		return
	}
	until, err := ParseAddress(f.Until)
	if err != nil {
		return // refused by Check before any plan was made
	}
	limit := f.Limit.Std()
	if limit == 0 {
		limit = 5 * time.Second
	}
	effect.Hold = &Hold{Until: until, Limit: limit}
}
