package faults

// NotifyEarly lets the notification of a pay-type call overtake the call's answer.
type NotifyEarly struct{}

func notifyEarly() Definition {
	return Definition{Name: "notify-early", Kind: OnPayment, Class: Legal,
		Experience: "The notification of a payment comes before the answer to the call that made it.",
		Example:    "{fault: notify-early, payment: provider}",
		New:        func() Fault { return &NotifyEarly{} }}
}

// Check implements Fault.
func (*NotifyEarly) Check() error { return nil }

// Bend implements Behaviour.
func (*NotifyEarly) Bend(conduct *Conduct) { conduct.NotifyEarly = true }
