package bugs

import (
	"time"

	"github.com/payquake/payquake/merchant"
)

// Bug 13, acknowledges-before-persisting.
//
// Smallest fault: merchant-crash after the acknowledgement.
// Caught by: no-unkept-acknowledgement.
// Cost: the provider never delivers again what was acknowledged; what a restart
// swallows is found by the daily reconciliation, if there is one.
func acknowledgesBeforePersisting() Bug {
	return Bug{
		Number: 13, Name: "acknowledges-before-persisting",
		Summary: "answers 200 first and books the notification from memory 200 ms later",
		Exposed: "merchant-crash after the acknowledgement", Invariant: "no-unkept-acknowledgement",
		Apply: func(p *merchant.Policy) {
			p.AcknowledgeFirst = func() time.Duration { return 200 * time.Millisecond }
		},
	}
}
