package faults

import "github.com/payquake/payquake/payment"

// TwoRefundsAtOnce asks for two different amounts at once, which are together more
// than was paid. One of them must be refused.
type TwoRefundsAtOnce struct{}

func twoRefundsAtOnce() Definition {
	return Definition{Name: "two-refunds-at-once", Kind: AsJourney, Class: Legal,
		Experience: "Two refund requests, together above the payment, arrive in the same moment.",
		Example:    "{shopper: two-refunds-at-once}",
		New:        func() Fault { return &TwoRefundsAtOnce{} }}
}

// Check implements Fault.
func (*TwoRefundsAtOnce) Check() error { return nil }

// Walk implements Shopper.
func (*TwoRefundsAtOnce) Walk(journey *Journey, method payment.Method) {
	(&Pay{}).Walk(journey, method)
	journey.add(
		Step{Do: StepRefund, Key: 1, Percent: 70, Repeats: 3, Meanwhile: true},
		Step{Do: StepRefund, Key: 2, Percent: 60, Repeats: 3})
}
