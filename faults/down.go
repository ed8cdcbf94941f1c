package faults

// Down takes a link of bytes away.
type Down struct{ StreamPlace }

func down() Definition {
	return Definition{Name: "down", Kind: OnMessage, Class: Legal, Legs: []Leg{RequestLeg},
		Experience: "While it handles the message, the merchant cannot reach its database or cache: connections are cut, and new ones refused.",
		Example:    "{fault: down, at: provider->merchant notify-payment, link: merchant->database}",
		Settings:   streamSettings(),
		New:        func() Fault { return &Down{} }}
}

// Check implements Fault.
func (f *Down) Check() error { return f.check() }

// CheckPlace refuses a place that is no link of bytes.
func (f *Down) CheckPlace(Operation, Leg) error { return f.needsLink() }

// Bite implements MessageFault.
func (f *Down) Bite(effect *Effect) {
	effect.Stream = &StreamEffect{StreamPlace: f.StreamPlace, Harm: StreamDown}
}
