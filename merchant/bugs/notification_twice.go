package bugs

import (
	"crypto/rand"

	"github.com/payquake/payquake/merchant"
)

// Bug 5, notification-twice.
//
// Smallest fault: duplicate.
// Caught by: no-double-fulfilment.
// Cost: providers deliver at least once; goods leave once per delivery.
func notificationTwice() Bug {
	return Bug{
		Number: 5, Name: "notification-twice",
		Summary: "each further notification of a paid payment releases goods under a fresh key",
		Exposed: "duplicate", Invariant: "no-double-fulfilment",
		Apply: func(p *merchant.Policy) {
			p.ReleaseForRepeat = func(orderID, _ string, first bool) (string, bool) {
				if first {
					return "", false
				}
				return "release-" + orderID + "-" + rand.Text(), true
			}
		},
	}
}
