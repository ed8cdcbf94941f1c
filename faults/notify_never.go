package faults

// NotifyNever loses every delivery of a payment's notifications at the
// provider. Notifications are a hint; the query is the authority.
type NotifyNever struct{}

func notifyNever() Definition {
	return Definition{Name: "notify-never", Kind: OnPayment, Class: Legal,
		Experience: "No notification of this payment or its refunds ever comes.",
		Example:    "{fault: notify-never, payment: provider}",
		New:        func() Fault { return &NotifyNever{} }}
}

// Check implements Fault.
func (*NotifyNever) Check() error { return nil }

// Bend implements Behaviour.
func (*NotifyNever) Bend(conduct *Conduct) { conduct.NotifyNever = true }
