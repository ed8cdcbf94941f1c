package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 3, timeout-means-failed.
//
// Smallest fault: lost answer of a pay-type call; notify-never.
// Caught by: no-lost-payment.
// Cost: the shopper is charged and sent away without the goods; no query and no
// reversal will ever find it, and pay-type calls have no notification.
func timeoutMeansFailed() Bug {
	return Bug{
		Number: 3, Name: "timeout-means-failed",
		Summary: "an unanswered pay-type call is booked as declined and forgotten",
		Exposed: "lost answer of a pay-type call", Invariant: "no-lost-payment",
		Apply: func(p *merchant.Policy) {
			p.DeclineUndecided = func(m payment.Method) bool { return m == payment.MethodBarcode }
		},
	}
}
