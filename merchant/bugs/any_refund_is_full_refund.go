package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 20, any-refund-is-full-refund.
//
// Smallest fault: partial refund.
// Caught by: no-lost-refund.
// Cost: the books say that all went back; the shopper is still owed the rest of
// what is refunded later, and the order can no longer be refunded.
func anyRefundIsFullRefund() Bug {
	return Bug{
		Number: 20, Name: "any-refund-is-full-refund",
		Summary: "a partial refund makes the order refunded in full in the books",
		Exposed: "partial refund", Invariant: "no-lost-refund",
		Apply: func(p *merchant.Policy) {
			p.CountRefunded = func(_, captured payment.Money) payment.Money { return captured }
		},
	}
}
