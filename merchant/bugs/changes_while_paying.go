package bugs

import (
	"github.com/payquake/payquake/merchant"
)

// Bug 31, changes-while-paying: not of the catalogue, but of the merchant's guards,
// each of which has a bug.
//
// Smallest fault: change-basket-while-paying.
// Caught by: no-wrong-amount.
// Cost: whoever pays a small basket and fills it afterwards gets a big one for it.
func changesWhilePaying() Bug {
	return Bug{
		Number: 31, Name: "changes-while-paying",
		Summary: "a basket may change although a payment of it was begun",
		Exposed: "change-basket-while-paying", Invariant: "no-wrong-amount",
		Apply: func(p *merchant.Policy) {
			p.ChangesWhilePaying = func() bool { return true }
		},
	}
}
