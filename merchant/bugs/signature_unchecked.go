package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 10, signature-unchecked.
//
// Smallest fault: forged-notification for an abandoned order.
// Caught by: no-forged-message-accepted.
// Cost: anyone who learns the shared key, or replays with changes, pays with a
// letter; verification is often switched off for a test and stays off.
func signatureUnchecked() Bug {
	return Bug{
		Number: 10, Name: "signature-unchecked",
		Summary: "notifications are believed although their signature does not verify",
		Exposed: "forged-notification for an abandoned order", Invariant: "no-forged-message-accepted",
		Harmless: map[payment.ProviderName]string{
			"unionpay": "no notification is booked before a query confirms it",
		},
		Apply: func(p *merchant.Policy) {
			p.TrustUnverified = func(error) bool { return true }
		},
	}
}
