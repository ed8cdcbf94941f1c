package faults

import "github.com/payquake/payquake/payment"

// CancelWhilePaying confirms the payment in the wallet and cancels the order at the
// shop in the same moment. Either the order is paid, or the money comes back.
type CancelWhilePaying struct{}

func cancelWhilePaying() Definition {
	return Definition{Name: "cancel-while-paying", Kind: AsJourney, Class: Legal,
		Experience: "An order is cancelled while its payment is being confirmed.",
		Example:    "{shopper: cancel-while-paying}",
		New:        func() Fault { return &CancelWhilePaying{} }}
}

// Check implements Fault.
func (*CancelWhilePaying) Check() error { return nil }

// Walk implements Shopper.
func (*CancelWhilePaying) Walk(journey *Journey, method payment.Method) {
	journey.openCode(method)
	journey.add(confirm(true), Step{Do: StepCancel, Repeats: 3})
}
