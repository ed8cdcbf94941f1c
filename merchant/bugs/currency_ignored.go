package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 30, currency-ignored.
//
// Smallest fault: amount with another currency on create, re-signed.
// Caught by: no-wrong-amount.
// Cost: a hundred yen pay for what costs a hundred yuan.
func currencyIgnored() Bug {
	return Bug{
		Number: 30, Name: "currency-ignored",
		Summary: "a capture is compared with what was due by its number alone",
		Exposed: "amount with another currency on create, re-signed", Invariant: "no-wrong-amount",
		Harmless: map[payment.ProviderName]string{"unionpay": "what its notifications say is asked for before it is booked"},
		Apply: func(p *merchant.Policy) {
			p.AmountMatches = func(due, captured payment.Money) bool { return due.Minor == captured.Minor }
		},
	}
}
