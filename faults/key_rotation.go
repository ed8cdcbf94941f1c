package faults

// KeyRotation has the provider sign with a new certificate from the pinned
// message on, its answers and its notifications alike. The new one is published
// before it signs, and the old one stays good.
type KeyRotation struct{}

func keyRotation() Definition {
	return Definition{Name: "key-rotation", Kind: OnProcess, Class: Legal,
		Experience: "From here on the provider signs with a new certificate, which it has published; it stays with it.",
		Example:    "{fault: key-rotation, at: merchant->provider create#1 answer}",
		New:        func() Fault { return &KeyRotation{} }}
}

// Check implements Fault.
func (*KeyRotation) Check() error { return nil }

// Interrupt implements ProcessFault. The role is the provider of the pinned
// message's link; whoever resolves the pin fills it in.
func (*KeyRotation) Interrupt() Interruption {
	return Interruption{Manner: Rotated, Moment: AfterMessage}
}
