package bugs

import (
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 4, no-query-job.
//
// Smallest fault: notify-never.
// Caught by: no-lost-payment.
// Cost: a firewall, a login page or a header-stripping proxy in front of the
// webhook turns every payment of the day into an open order.
func noQueryJob() Bug {
	return Bug{
		Number: 4, Name: "no-query-job",
		Summary: "pending payments are never queried; only a notification ends them",
		Exposed: "notify-never", Invariant: "no-lost-payment",
		Apply: func(p *merchant.Policy) {
			p.AsksByItself = func(payment.Method) bool { return false }
		},
	}
}
