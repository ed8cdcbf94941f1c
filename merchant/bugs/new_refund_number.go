package bugs

import (
	"crypto/rand"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 2, new-refund-number.
//
// Smallest fault: lost answer on a refund of at most half.
// Caught by: no-refund-beyond-capture.
// Cost: the provider tells refunds apart by their number alone; each retry moves
// the money once more, until the capture is used up.
func newRefundNumber() Bug {
	return Bug{
		Number: 2, Name: "new-refund-number",
		Summary: "the retry of an undecided refund goes out under a new refund reference",
		Exposed: "lost answer on a refund of at most half", Invariant: "no-refund-beyond-capture",
		Apply: func(p *merchant.Policy) {
			p.RetryRefundAs = func(payment.RefundReference) payment.RefundReference {
				return payment.RefundReference("R" + rand.Text())
			}
		},
	}
}
