package faults

import "github.com/payquake/payquake/payment"

// RefundDoubleClick asks for the same money back twice at once, under one request id.
type RefundDoubleClick struct{}

func refundDoubleClick() Definition {
	return Definition{Name: "refund-double-click", Kind: AsJourney, Class: Legal,
		Experience: "One refund request arrives twice in the same moment, and moves its amount once.",
		Example:    "{shopper: refund-double-click}",
		New:        func() Fault { return &RefundDoubleClick{} }}
}

// Check implements Fault.
func (*RefundDoubleClick) Check() error { return nil }

// Walk implements Shopper.
func (*RefundDoubleClick) Walk(journey *Journey, method payment.Method) {
	(&Pay{}).Walk(journey, method)
	journey.add(Step{Do: StepRefund, Key: 1, Percent: 40, AtOnce: 2, Repeats: 3})
}
