package bugs

import (
	"time"

	"github.com/payquake/payquake/merchant"
)

// Bug 26, two-transactions.
//
// Smallest fault: merchant-crash after the nth commit.
// Caught by: no-lost-fulfilment.
// Cost: a crash in between leaves paid orders whose goods nobody sends.
func twoTransactions() Bug {
	return Bug{
		Number: 26, Name: "two-transactions",
		Summary: "a payment is booked in one transaction, and its goods are let go in another, later",
		Exposed: "merchant-crash after the nth commit", Invariant: "no-lost-fulfilment",
		Apply: func(p *merchant.Policy) {
			p.CommitTwice = func() time.Duration { return 400 * time.Millisecond }
		},
	}
}
