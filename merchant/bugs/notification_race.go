package bugs

import (
	"time"

	"github.com/payquake/payquake/merchant"
)

// Bug 6, notification-race.
//
// Smallest fault: barrier on a duplicate.
// Caught by: no-double-fulfilment.
// Cost: the code looks idempotent and passes its tests; in production two
// deliveries arrive within the same millisecond and both find the order open.
func notificationRace() Bug {
	return Bug{
		Number: 6, Name: "notification-race",
		Summary: "looks whether the payment is booked outside of the transaction that books it",
		Exposed: "barrier on a duplicate", Invariant: "no-double-fulfilment",
		Apply: func(p *merchant.Policy) {
			p.CheckOutside = func() time.Duration { return 30 * time.Millisecond }
		},
	}
}
