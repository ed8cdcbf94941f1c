package faults

// UnknownOutcome lets the provider answer a pay-type call with a system error
// although the money was taken.
type UnknownOutcome struct{}

func unknownOutcome() Definition {
	return Definition{Name: "unknown-outcome", Kind: OnPayment, Class: Legal,
		Experience: "The provider answers \"system error\" to a call that it carried out; every later query tells the truth.",
		Example:    "{fault: unknown-outcome, payment: provider}",
		New:        func() Fault { return &UnknownOutcome{} }}
}

// Check implements Fault.
func (*UnknownOutcome) Check() error { return nil }

// Bend implements Behaviour.
func (*UnknownOutcome) Bend(conduct *Conduct) { conduct.UnknownOutcome = true }
