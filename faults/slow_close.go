package faults

import (
	"errors"
	"time"
)

// SlowClose lets a part of a message pass, keeps the connection open in
// silence, and closes it in an orderly way.
type SlowClose struct {
	After   int      `json:"after,omitempty"`   // bytes of the message that still pass
	Silence Duration `json:"silence,omitempty"` // 1s if unset
	StreamPlace
}

const longestSilence = time.Minute

func slowClose() Definition {
	return Definition{Name: "slow-close", Kind: OnMessage, Class: Legal,
		Experience: "A part of the message arrives, then nothing for a while, then the connection is closed.",
		Example:    "{fault: slow-close, at: merchant->provider refund answer, after: 40, silence: 2s}",
		Settings: append([]Setting{
			{Name: "after", Type: CountSetting, Meaning: "bytes of the message, its head included, that still pass (0)"},
			{Name: "silence", Type: DurationSetting, Meaning: "how long nothing comes before the end (1s)"},
		}, streamSettings()...),
		New: func() Fault { return &SlowClose{} }}
}

// Check implements Fault.
func (f *SlowClose) Check() error {
	if f.After < 0 {
		return errors.New("after is a number of bytes and cannot be negative")
	}
	if f.Link != "" && f.After != 0 {
		return errors.New("after counts the bytes of a message, and link names no message's; give one of the two")
	}
	if err := f.check(); err != nil {
		return err
	}
	return within("silence", f.Silence, longestSilence)
}

// CheckPlace refuses a link of bytes with an answer.
func (f *SlowClose) CheckPlace(_ Operation, leg Leg) error { return f.checkLeg(leg) }

// Bite implements MessageFault.
func (f *SlowClose) Bite(effect *Effect) {
	if f.Link != "" {
		effect.Stream = &StreamEffect{StreamPlace: f.StreamPlace, Harm: StreamSlowClose, Delay: usually(f.Silence, time.Second)}
		return
	}
	effect.Cut = &Cut{After: f.After, Silence: usually(f.Silence, time.Second), Orderly: true}
}
