package bugs

import "github.com/payquake/payquake/merchant"

// Bug 14, acknowledges-what-failed.
//
// Smallest fault: a database fault bound to the handler of a notification.
// Caught by: no-unkept-acknowledgement.
// Cost: a payment that was told while the database was away is known to nobody in
// the shop until somebody asks; the provider was told that it is.
func acknowledgesWhatFailed() Bug {
	return Bug{
		Number: 14, Name: "acknowledges-what-failed",
		Summary: "a notification whose booking failed is acknowledged",
		Exposed: "down on merchant->database, bound to the handler", Invariant: "no-unkept-acknowledgement",
		Apply: func(p *merchant.Policy) {
			p.AcknowledgesFailure = func(error) bool { return true }
		},
	}
}
