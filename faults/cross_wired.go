package faults

// CrossWired puts another payment's reference in the place of a message's own,
// and signs it again: a provider's answer, or its notification, about the
// wrong payment. It is a lie wherever it is pinned. The other payment is the
// latest one of the same trial at the same provider.
type CrossWired struct{}

func crossWired() Definition {
	return Definition{Name: "cross-wired", Kind: OnMessage, Class: Lie,
		Operations: []Operation{Query, NotifyPayment},
		Experience: "A message about one payment names another one that is under way.",
		Example:    "{fault: cross-wired, at: merchant->provider query answer, lie: true}",
		New:        func() Fault { return &CrossWired{} }}
}

// Check implements Fault.
func (*CrossWired) Check() error { return nil }

// CheckPlace allows what a provider says.
func (*CrossWired) CheckPlace(operation Operation, leg Leg) error {
	return saidByProvider(operation, leg)
}

// ClassOn says that it is a lie everywhere.
func (*CrossWired) ClassOn(Operation, Leg) Class { return Lie }

// Bite implements MessageFault.
func (*CrossWired) Bite(effect *Effect) {
	effect.Edit = &Edit{OtherPayment: true, Signature: SignatureResigned}
}
