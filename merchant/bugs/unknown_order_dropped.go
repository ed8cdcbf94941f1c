package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 19, unknown-order-dropped.
//
// Smallest fault: lost answer of a pay-type call with its notification at once.
// Caught by: no-lost-payment.
// Cost: the provider never tells again what it was told is known.
func unknownOrderDropped() Bug {
	return Bug{
		Number: 19, Name: "unknown-order-dropped",
		Summary: "a notification of a payment that the shop has given up, or does not know yet, is acknowledged and dropped",
		Exposed: "lost answer of a pay-type call with its notification at once", Invariant: "no-lost-payment",
		Apply: func(p *merchant.Policy) {
			p.DeclineUndecided = func(m payment.Method) bool { return m == payment.MethodBarcode }
			p.BookLate = func() bool { return false }
		},
	}
}
