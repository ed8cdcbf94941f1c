package faults

import "github.com/payquake/payquake/payment"

// RefundWhilePaying asks for the money back in the moment in which it is paid.
type RefundWhilePaying struct{}

func refundWhilePaying() Definition {
	return Definition{Name: "refund-while-paying", Kind: AsJourney, Class: Legal,
		Experience: "A refund is asked for while the payment is being confirmed; it is refused, or done once.",
		Example:    "{shopper: refund-while-paying}",
		New:        func() Fault { return &RefundWhilePaying{} }}
}

// Check implements Fault.
func (*RefundWhilePaying) Check() error { return nil }

// Walk implements Shopper.
func (*RefundWhilePaying) Walk(journey *Journey, method payment.Method) {
	journey.openCode(method)
	journey.add(confirm(true), Step{Do: StepRefund, Key: 1, Percent: 40, Repeats: 3})
	journey.awaitPaid()
}
