package bugs

import (
	"github.com/payquake/payquake/merchant"
)

// Bug 12, trusts-browser-return.
//
// Smallest fault: return-page without having paid.
// Caught by: no-phantom-payment.
// Cost: whoever knows the address of the return page gets the goods for nothing.
func trustsBrowserReturn() Bug {
	return Bug{
		Number: 12, Name: "trusts-browser-return",
		Summary: "a browser that comes back from the provider has paid",
		Exposed: "return-page without having paid", Invariant: "no-phantom-payment",
		Apply: func(p *merchant.Policy) {
			p.TrustsReturn = func() bool { return true }
		},
	}
}
