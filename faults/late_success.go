package faults

// LateSuccess lets the shopper's money arrive in the instant before the
// merchant gives the payment up: the close (or reverse) meets a paid payment. With
// a provider that has no close it arrives at the end of the payment's time.
type LateSuccess struct{}

func lateSuccess() Definition {
	return Definition{Name: "late-success", Kind: OnPayment, Class: Legal,
		Experience: "The payment succeeds just before the merchant's close, which is refused because it is paid, or at the end of its time where there is no close.",
		Example:    "{fault: late-success, payment: provider}",
		New:        func() Fault { return &LateSuccess{} }}
}

// Check implements Fault.
func (*LateSuccess) Check() error { return nil }

// Bend implements Behaviour.
func (*LateSuccess) Bend(conduct *Conduct) { conduct.CaptureBeforeClose = true }
