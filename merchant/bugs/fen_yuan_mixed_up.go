package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 8, fen-yuan-mixed-up.
//
// Smallest fault: none.
// Caught by: no-wrong-amount.
// Cost: goods leave for a hundredth of their price, and nobody notices until the
// statement.
func fenYuanMixedUp() Bug {
	return Bug{
		Number: 8, Name: "fen-yuan-mixed-up",
		Summary: "the provider is asked for as many fen as the order has yuan",
		Exposed: "none", Invariant: "no-wrong-amount",
		Apply: func(p *merchant.Policy) {
			p.Ask = func(due payment.Money) payment.Money {
				return payment.Money{Minor: max(due.Minor/100, 1), Currency: due.Currency}
			}
		},
	}
}
