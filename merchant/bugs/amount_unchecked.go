package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 7, amount-unchecked.
//
// Smallest fault: amount on the create request, re-signed.
// Caught by: no-wrong-amount.
// Cost: whoever can change the create request on its way buys at any price.
func amountUnchecked() Bug {
	return Bug{
		Number: 7, Name: "amount-unchecked",
		Summary: "a capture of any amount pays the order",
		Exposed: "amount on the create request, re-signed", Invariant: "no-wrong-amount",
		Apply: func(p *merchant.Policy) {
			p.AmountMatches = func(_, _ payment.Money) bool { return true }
		},
	}
}
