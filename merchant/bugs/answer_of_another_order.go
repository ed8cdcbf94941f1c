package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 24, answer-of-another-order.
//
// Smallest fault: cross-wired, with another payment of the same amount open.
// Caught by: no-phantom-payment.
// Cost: a cache or a pooled connection at the provider swaps two answers; the
// shop books what it is told under the number it is told, and goods leave for
// an order that nobody paid.
func answerOfAnotherOrder() Bug {
	return Bug{
		Number: 24, Name: "answer-of-another-order",
		Summary: "what a query answers is booked under the reference in the answer, whichever was asked for",
		Exposed: "cross-wired", Invariant: "no-phantom-payment",
		Apply: func(p *merchant.Policy) {
			p.TakesOtherAnswer = func(payment.MerchantReference, payment.MerchantReference) bool { return true }
		},
	}
}
