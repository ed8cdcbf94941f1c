package bugs

import (
	"sync"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 23, dedupes-by-message-id.
//
// Smallest fault: notify-many with fresh ids.
// Caught by: no-double-fulfilment.
// Cost: goods leave once for each id under which the provider tells of one payment.
func dedupesByMessageID() Bug {
	return Bug{
		Number: 23, Name: "dedupes-by-message-id",
		Summary: "a repeated notification is known again by its own id, and releases goods under a new one",
		Exposed: "notify-many with fresh ids", Invariant: "no-double-fulfilment",
		Harmless: map[payment.ProviderName]string{"unionpay": "its notifications have no ids of their own"},
		Apply: func(p *merchant.Policy) {
			var mu sync.Mutex
			seen := map[string]bool{"": true}
			p.ReleaseForRepeat = func(orderID, messageID string, first bool) (string, bool) {
				mu.Lock()
				defer mu.Unlock()
				known := seen[messageID]
				seen[messageID] = true
				return "release-" + orderID + "-" + messageID, !known && !first
			}
		},
	}
}
