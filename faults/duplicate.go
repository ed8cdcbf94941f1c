package faults

import (
	"errors"
	"time"
)

// Duplicate sends a request again: a network that repeats, a provider that
// delivers twice over two lines.
type Duplicate struct {
	Copies  int      `json:"copies,omitempty"`  // besides the original; 1 if unset
	Spacing Duration `json:"spacing,omitempty"` // 20ms if unset
	AtOnce  bool     `json:"atOnce,omitempty"`  // no spacing: copies overlap with the original
}

func duplicate() Definition {
	return Definition{Name: "duplicate", Kind: OnMessage, Class: Legal, Legs: []Leg{RequestLeg},
		Experience: "The callee sees the request several times; the caller sees the first answer.",
		Example:    "{fault: duplicate, at: provider->merchant notify-payment, copies: 2, spacing: 100ms}",
		Settings: []Setting{
			{Name: "copies", Type: CountSetting, Meaning: "how many more of it (1)"},
			{Name: "spacing", Type: DurationSetting, Meaning: "between copies (20ms)"},
			{Name: "atOnce", Type: FlagSetting, Meaning: "all copies at once (false)"},
		},
		New: func() Fault { return &Duplicate{} }}
}

// Check implements Fault.
func (f *Duplicate) Check() error {
	if f.Copies < 0 || f.Copies > 20 {
		return errors.New("copies is a number from 1 to 20")
	}
	if f.AtOnce && f.Spacing != 0 {
		return errors.New("copies at once have no spacing: give one of the two")
	}
	return nil
}

// Bite implements MessageFault.
func (f *Duplicate) Bite(effect *Effect) {
	effect.Copies += max(f.Copies, 1)
	switch {
	case f.AtOnce:
	case f.Spacing == 0:
		effect.Spacing = 20 * time.Millisecond
	default:
		effect.Spacing = f.Spacing.Std()
	}
}
