package bugs

import "github.com/payquake/payquake/merchant"

// Bug 15, closes-without-asking.
//
// Smallest fault: notify-never; paid just before expiry.
// Caught by: no-lost-payment.
// Cost: the close is refused because the shopper has paid; the refusal is read
// as the end, and the money stays with an order that is closed.
func closesWithoutAsking() Bug {
	return Bug{
		Number: 15, Name: "closes-without-asking",
		Summary: "gives up by closing, takes any answer for closed, and ignores what comes later",
		Exposed: "notify-never", Invariant: "no-lost-payment",
		Apply: func(p *merchant.Policy) {
			p.CloseUnasked = func() bool { return true }
			p.BookLate = func() bool { return false }
		},
	}
}
