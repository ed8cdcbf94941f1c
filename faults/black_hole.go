package faults

// BlackHole swallows what is said on a link of bytes.
type BlackHole struct{ StreamPlace }

func blackHole() Definition {
	return Definition{Name: "black-hole", Kind: OnMessage, Class: Legal, Legs: []Leg{RequestLeg},
		Experience: "While it handles the message, the merchant hears nothing from its database or cache; with a commit, that one took hold and nobody says so.",
		Example:    "{fault: black-hole, at: provider->merchant notify-payment, link: merchant->database, commit: 1}",
		Settings:   streamSettings(),
		New:        func() Fault { return &BlackHole{} }}
}

// Check implements Fault.
func (f *BlackHole) Check() error { return f.check() }

// CheckPlace refuses a place that is no link of bytes.
func (f *BlackHole) CheckPlace(Operation, Leg) error { return f.needsLink() }

// Bite implements MessageFault.
func (f *BlackHole) Bite(effect *Effect) {
	effect.Stream = &StreamEffect{StreamPlace: f.StreamPlace, Harm: StreamBlackHole}
}
