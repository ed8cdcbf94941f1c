package bugs

import (
	"github.com/payquake/payquake/merchant"
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
		Apply: func(p *merchant.Policy) {
			p.MovesBack = func() bool { return true }
		},
	}
}
