package faults

import "github.com/payquake/payquake/payment"

// DeclineThenPay leaves the wallet at its password, and pays the same code later.
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
	journey.openCode(method)
	journey.add(Step{Do: StepLeave, Key: 1, Patience: usualPatience}, confirm(false))
	journey.awaitPaid()
}
