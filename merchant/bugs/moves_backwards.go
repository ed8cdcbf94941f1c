package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 18, moves-backwards.
//
// Smallest fault: hold on a stale unpaid query answer.
// Caught by: no-state-regression.
// Cost: the slower of two messages wins; a paid order is unpaid again and its goods
// are sold to somebody else.
func movesBackwards() Bug {
	return Bug{
		Number: 18, Name: "moves-backwards",
		Summary: "a query answer that says unpaid is booked over a payment that is paid",
		Exposed: "hold on a stale unpaid query answer", Invariant: "no-state-regression",
		Harmless: map[payment.ProviderName]string{"unionpay": "a notification is booked only when a query agrees, so that no query is older than what is booked"},
		Apply: func(p *merchant.Policy) {
			p.MovesBack = func() bool { return true }
		},
	}
}
