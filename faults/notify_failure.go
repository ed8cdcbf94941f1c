package faults

// NotifyFailure tells of a payment that failed, where the provider does that:
// UnionPay of a barcode that was refused, Alipay of an unpaid app or page payment
// that was closed (alipay §7, unionpay §9).
type NotifyFailure struct{}

func notifyFailure() Definition {
	return Definition{Name: "notify-failure", Kind: OnPayment, Class: Legal,
		Experience: "A notification says that the payment failed, or was closed.",
		Example:    "{fault: notify-failure, payment: provider}",
		New:        func() Fault { return &NotifyFailure{} }}
}

// Check implements Fault.
func (*NotifyFailure) Check() error { return nil }

// Bend implements Behaviour.
func (*NotifyFailure) Bend(conduct *Conduct) { conduct.NotifyFailure = true }
