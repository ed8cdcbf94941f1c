package invariants

import (
	"time"

	"github.com/payquake/payquake/journal"
)

func noPhantomPayment() Invariant {
	return Invariant{
		ID: "no-phantom-payment",
		Says: "The merchant never treats an order with a price as paid unless the provider's book had, by then, captured that " +
			"order's own merchant reference into this merchant's account.",
		Clauses: []Clause{
			{Name: "captured-by-then", Says: "an order becomes paid only after one of its own references was captured", Orders: true},
			{Name: "released-after-capture", Says: "goods leave only after that", Orders: true},
		},
		check: checkNoPhantomPayment,
	}
}

// clockSlack is how far apart the clocks of two processes of one machine may
// read the same moment.
const clockSlack = 50 * time.Millisecond

func checkNoPhantomPayment(t *Trial) Judgement {
	var judgement Judgement
	any := false
	for _, order := range t.Orders() {
		first, captured := order.firstOwnCapture()
		paid, was := order.EverPaid()
		any = any || was || len(order.Released) > 0
		var lie *journal.Record
		if was {
			lie = t.saidPaid(order, paid.At)
		}
		if was && (!captured || (!paid.At.IsZero() && paid.At.Add(clockSlack).Before(first.At))) {
			judgement.accuse(lie, breachOf("captured-by-then", order.Total, []journal.Ref{paid.Record, order.Placed},
				"the merchant calls the order paid; the provider had captured none of its references by then"))
		}
		for _, release := range order.Released {
			if !captured || release.At.Add(clockSlack).Before(first.At) {
				if lie == nil {
					lie = t.saidPaid(order, release.At)
				}
				judgement.accuse(lie, breachOf("released-after-capture", order.Total, []journal.Ref{release.Record, order.Placed},
					"the goods were released; the provider had captured none of the order's references by then"))
				break
			}
		}
	}
	if !any {
		judgement.NotApplicable = "no order was treated as paid"
	}
	return judgement
}

// firstOwnCapture is the order's earliest capture. Captures of another order's
// references are not among them; one whose reference the merchant has forgotten
// is, if it was made for this order.
func (o Order) firstOwnCapture() (Capture, bool) {
	if len(o.Captures) == 0 {
		return Capture{}, false
	}
	first := o.Captures[0]
	for _, capture := range o.Captures {
		if capture.At.Before(first.At) {
			first = capture
		}
	}
	return first, true
}
