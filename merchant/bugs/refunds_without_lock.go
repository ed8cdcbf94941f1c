package bugs

import (
	"time"

	"github.com/payquake/payquake/merchant"
)

// Bug 22, refunds-without-lock.
//
// Smallest fault: two-refunds-at-once.
// Caught by: no-refund-beyond-capture.
// Cost: two requests at once are both promised; the provider refuses the second, or a
// second provider does not.
func refundsWithoutLock() Bug {
	return Bug{
		Number: 22, Name: "refunds-without-lock",
		Summary: "what is left to refund is read before the order is locked",
		Exposed: "two-refunds-at-once", Invariant: "no-refund-beyond-capture",
		Apply: func(p *merchant.Policy) {
			p.CheckRefundOutside = func() time.Duration { return 60 * time.Millisecond }
		},
	}
}
