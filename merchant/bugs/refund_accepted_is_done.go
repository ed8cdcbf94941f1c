package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 21, refund-accepted-is-done.
//
// Smallest fault: refund-fails-after-accept.
// Caught by: no-lost-refund.
// Cost: the shopper is told that the money is back; it never comes.
func refundAcceptedIsDone() Bug {
	return Bug{
		Number: 21, Name: "refund-accepted-is-done",
		Summary: "a refund that the provider has accepted is booked as done",
		Exposed: "refund-fails-after-accept", Invariant: "no-lost-refund",
		Harmless: map[payment.ProviderName]string{"alipay": "its refunds are done when they are answered"},
		Apply: func(p *merchant.Policy) {
			p.RefundState = func(reported payment.RefundState) payment.RefundState {
				if reported == payment.RefundProcessing {
					return payment.RefundDone
				}
				return reported
			}
		},
	}
}
