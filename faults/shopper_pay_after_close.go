package faults

import (
	"time"

	"github.com/payquake/payquake/payment"
)

// PayAfterClose opens a code, dawdles until the merchant has given the payment
// up, and tries to pay then. Whether the provider still takes the money is its
// own rule; if it does, the merchant must notice.
type PayAfterClose struct{}

func payAfterClose() Definition {
	return Definition{Name: "pay-after-close", Kind: AsJourney, Class: Legal,
		Experience: "The shopper confirms a payment that the merchant believes to be over.",
		Example:    "{shopper: pay-after-close}",
		New:        func() Fault { return &PayAfterClose{} }}
}

// Check implements Fault.
func (*PayAfterClose) Check() error { return nil }

// Walk implements Shopper.
func (*PayAfterClose) Walk(journey *Journey, method payment.Method) {
	journey.openCode(method)
	journey.add(Step{Do: StepPayLate, Key: 1, Patience: Duration(30 * time.Second)})
}
