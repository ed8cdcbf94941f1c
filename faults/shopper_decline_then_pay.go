package faults

import "github.com/payquake/payquake/payment"

// DeclineThenPay leaves the wallet at its password, and pays the same order later: the
// same code, or a fresh barcode.
type DeclineThenPay struct{}

func declineThenPay() Definition {
	return Definition{Name: "decline-then-pay", Kind: AsJourney, Class: Legal,
		Experience: "A payment is begun and not confirmed; the same order is paid at the next try.",
		Example:    "{shopper: decline-then-pay}",
		New:        func() Fault { return &DeclineThenPay{} }}
}

// Check implements Fault.
func (*DeclineThenPay) Check() error { return nil }

// Walk implements Shopper.
func (*DeclineThenPay) Walk(journey *Journey, method payment.Method) {
	journey.place()
	if method == payment.MethodBarcode {
		method = payment.MethodCode
	}
	journey.add(
		Step{Do: StepStart, Key: 1, Method: method},
		Step{Do: StepOpen, Key: 1, Patience: usualPatience},
		Step{Do: StepLeave, Key: 1, Patience: usualPatience},
		Step{Do: StepPay, Key: 1, Patience: usualPatience})
	journey.awaitPaid()
}
