package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 9, float-yuan.
//
// Smallest fault: none, price sweep.
// Caught by: no-wrong-amount.
// Cost: a fen is missing in every payment whose price has no exact binary form, such
// as 0.29, 1.15 or 19.99.
func floatYuan() Bug {
	return Bug{
		Number: 9, Name: "float-yuan",
		Summary: "amounts go through a float of yuan and are cut",
		Exposed: "none, price sweep", Invariant: "no-wrong-amount",
		Apply: func(p *merchant.Policy) {
			p.Ask = func(due payment.Money) payment.Money {
				return payment.Money{Minor: max(int64(float64(due.Minor)/100*100), 1), Currency: due.Currency}
			}
		},
	}
}
