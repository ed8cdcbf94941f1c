package bugs

import "github.com/payquake/payquake/merchant"

// Bug 17, keeps-second-payment.
//
// Smallest fault: two-wallets.
// Caught by: no-double-charge.
// Cost: the shopper opened the code twice and two wallets paid; the second
// payment is noted and kept until the shopper complains.
func keepsSecondPayment() Bug {
	return Bug{
		Number: 17, Name: "keeps-second-payment",
		Summary: "a second capture of an order is booked but not given back",
		Exposed: "two-wallets", Invariant: "no-double-charge",
		Apply: func(p *merchant.Policy) {
			p.ReturnSecond = func() bool { return false }
		},
	}
}
