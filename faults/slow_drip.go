package faults

import "errors"

// SlowDrip passes a message on a few bytes at a time. The connection lives and
// says something all the while: a timeout that is measured between two bytes
// never passes.
type SlowDrip struct {
	BytesPerSecond int `json:"bytesPerSecond,omitempty"` // 500 if unset
}

const usualDrip = 500

func slowDrip() Definition {
	return Definition{Name: "slow-drip", Kind: OnMessage, Class: Legal,
		Experience: "The message arrives whole, but a few bytes at a time.",
		Example:    "{fault: slow-drip, at: merchant->provider create answer, bytesPerSecond: 200}",
		Settings:   []Setting{{Name: "bytesPerSecond", Type: CountSetting, Meaning: "how fast it comes, head included (500)"}},
		New:        func() Fault { return &SlowDrip{} }}
}

// Check implements Fault.
func (f *SlowDrip) Check() error {
	if f.BytesPerSecond < 0 {
		return errors.New("bytesPerSecond is a number from 1")
	}
	return nil
}

// Bite implements MessageFault.
func (f *SlowDrip) Bite(effect *Effect) {
	effect.Drip = f.BytesPerSecond
	if effect.Drip == 0 {
		effect.Drip = usualDrip
	}
}
