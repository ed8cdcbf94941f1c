package faults

import "errors"

// Reset cuts the connection in the middle of a message.
type Reset struct {
	After int `json:"after,omitempty"` // bytes of the message that still pass
	StreamPlace
}

func reset() Definition {
	return Definition{Name: "reset", Kind: OnMessage, Class: Legal,
		Experience: "The connection is reset after so many bytes of the message: a request arrives in part and is not acted on, an answer arrives in part after it was.",
		Example:    "{fault: reset, at: merchant->provider refund answer, after: 40}",
		Settings: append([]Setting{{Name: "after", Type: CountSetting, Meaning: "bytes of the message, its head included, that still pass (0)"}},
			streamSettings()...),
		New: func() Fault { return &Reset{} }}
}

// Check implements Fault.
func (f *Reset) Check() error {
	if f.After < 0 {
		return errors.New("after is a number of bytes and cannot be negative")
	}
	if f.Link != "" && f.After != 0 {
		return errors.New("after counts the bytes of a message, and link names no message's; give one of the two")
	}
	return f.check()
}

// CheckPlace refuses a link of bytes with an answer.
func (f *Reset) CheckPlace(_ Operation, leg Leg) error { return f.checkLeg(leg) }

// Bite implements MessageFault.
func (f *Reset) Bite(effect *Effect) {
	if f.Link != "" {
		effect.Stream = &StreamEffect{StreamPlace: f.StreamPlace, Harm: StreamReset}
		return
	}
	effect.Cut = &Cut{After: f.After}
}
