package bugs

import (
	"github.com/payquake/payquake/merchant"
)

// Bug 16, ignores-late-payment.
//
// Smallest fault: late-success.
// Caught by: no-lost-payment.
// Cost: the shopper who paid at the last moment has no goods, and nobody looks for
// the money.
func ignoresLatePayment() Bug {
	return Bug{
		Number: 16, Name: "ignores-late-payment",
		Summary: "money that comes when the payment was given up is neither booked nor returned",
		Exposed: "late-success", Invariant: "no-lost-payment",
		Apply: func(p *merchant.Policy) {
			p.BookLate = func() bool { return false }
		},
	}
}
