package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 1, new-reference-while-undecided.
//
// Smallest fault: lost answer of a pay-type call; the shopper's code is scanned again (retry-same).
// Caught by: no-double-charge.
// Cost: the first charge had happened; its reference is overwritten, so nobody
// ever asks about it, and the shopper has paid twice at the till.
func newReferenceWhileUndecided() Bug {
	return Bug{
		Number: 1, Name: "new-reference-while-undecided",
		Summary: "a repeated start of an undecided barcode payment charges again under a new reference",
		Exposed: "lost answer of a pay-type call", Invariant: "no-double-charge",
		Apply: func(p *merchant.Policy) {
			p.ChargeAgain = func(payment.MerchantReference) bool { return true }
		},
	}
}
