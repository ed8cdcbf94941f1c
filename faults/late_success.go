package faults

// LateSuccess lets the shopper's money arrive in the instant before the
// merchant gives the payment up: the close (or reverse) meets a paid payment.
type LateSuccess struct{}

func lateSuccess() Definition {
	return Definition{Name: "late-success", Kind: OnPayment, Class: Legal,
		Experience: "The payment succeeds just before the close arrives; the close is refused because it is paid.",
		Example:    "{fault: late-success, payment: provider}",
		New:        func() Fault { return &LateSuccess{} }}
}

// Check implements Fault.
func (*LateSuccess) Check() error { return nil }

// Bend implements Behaviour.
func (*LateSuccess) Bend(conduct *Conduct) { conduct.CaptureBeforeClose = true }
