package faults

// NotifyOutOfOrder keeps the notification of a payment back until one of its
// refunds was notified.
type NotifyOutOfOrder struct{}

func notifyOutOfOrder() Definition {
	return Definition{Name: "notify-out-of-order", Kind: OnPayment, Class: Legal,
		Experience: "The notification of a refund comes before that of the payment.",
		Example:    "{fault: notify-out-of-order, payment: provider}",
		New:        func() Fault { return &NotifyOutOfOrder{} }}
}

// Check implements Fault.
func (*NotifyOutOfOrder) Check() error { return nil }

// Bend implements Behaviour.
func (*NotifyOutOfOrder) Bend(conduct *Conduct) { conduct.NotifyBehind = true }
