package faults

// Noop does nothing, and is accounted for like any other fault: it proves that
// an address is reached.
type Noop struct{}

func noop() Definition {
	return Definition{Name: "noop", Kind: OnMessage, Class: Legal,
		Experience: "Nothing: the message passes untouched, and the report shows that the pin was reached.",
		Example:    "{fault: noop, at: merchant->provider create#1 request}",
		New:        func() Fault { return &Noop{} }}
}

// Check implements Fault.
func (*Noop) Check() error { return nil }

// Bite implements MessageFault.
func (*Noop) Bite(*Effect) {}
