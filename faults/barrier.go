package faults

import (
	"errors"
	"time"
)

// Rendezvous collects messages and releases them in the same instant. Alone on
// a message it sends the message and a copy; with a group it joins the
// messages of all pins of that group in the trial.
type Rendezvous struct {
	Collect int      `json:"collect,omitempty"` // 2 if unset
	Group   string   `json:"group,omitempty"`
	Limit   Duration `json:"limit,omitempty"` // 2s if unset
}

func barrier() Definition {
	return Definition{Name: "barrier", Kind: OnMessage, Class: Legal, Legs: []Leg{RequestLeg},
		Experience: "Two requests about one payment are handled in the same instant.",
		Example:    "{fault: barrier, at: provider->merchant notify-payment, collect: 2}",
		Settings: []Setting{
			{Name: "collect", Type: CountSetting, Meaning: "how many messages are released together (2)"},
			{Name: "group", Type: TextSetting, Meaning: "joins the pins of this name in the trial; without it the message meets copies of itself"},
			{Name: "limit", Type: DurationSetting, Meaning: "how long to wait for all of them (2s)"},
		},
		New: func() Fault { return &Rendezvous{} }}
}

// Check implements Fault.
func (f *Rendezvous) Check() error {
	if f.Collect != 0 && (f.Collect < 2 || f.Collect > 20) {
		return errors.New("collect is a number from 2 to 20")
	}
	return nil
}

// Bite implements MessageFault.
func (f *Rendezvous) Bite(effect *Effect) {
	count, limit := max(f.Collect, 2), f.Limit.Std()
	if limit == 0 {
		limit = 2 * time.Second
	}
	effect.Barrier = &Barrier{Group: f.Group, Count: count, Limit: limit}
	if f.Group == "" {
		effect.Copies, effect.Spacing = count-1, 0
	}
}
