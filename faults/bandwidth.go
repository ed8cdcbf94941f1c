package faults

import "errors"

// Bandwidth narrows a link of bytes.
type Bandwidth struct {
	StreamPlace
	BytesPerSecond int `json:"bytesPerSecond,omitempty"` // 2000 if unset
}

const usualBandwidth = 2000

func bandwidth() Definition {
	return Definition{Name: "bandwidth", Kind: OnMessage, Class: Legal, Legs: []Leg{RequestLeg},
		Experience: "While it handles the message, the merchant's database or cache answers a few bytes at a time.",
		Example:    "{fault: bandwidth, at: provider->merchant notify-payment, link: merchant->database, bytesPerSecond: 1000}",
		Settings: append(streamSettings(), Setting{Name: "bytesPerSecond", Type: CountSetting,
			Meaning: "how many bytes pass in a second, each way (2000)"}),
		New: func() Fault { return &Bandwidth{} }}
}

// Check implements Fault.
func (f *Bandwidth) Check() error {
	if f.BytesPerSecond < 0 {
		return errors.New("bytesPerSecond is a number from 1")
	}
	return f.check()
}

// CheckPlace refuses a place that is no link of bytes.
func (f *Bandwidth) CheckPlace(Operation, Leg) error { return f.needsLink() }

// Bite implements MessageFault.
func (f *Bandwidth) Bite(effect *Effect) {
	rate := f.BytesPerSecond
	if rate == 0 {
		rate = usualBandwidth
	}
	effect.Stream = &StreamEffect{StreamPlace: f.StreamPlace, Harm: StreamBandwidth, Rate: rate}
}
