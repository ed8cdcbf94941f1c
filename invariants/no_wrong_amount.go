package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noWrongAmount() Invariant {
	return Invariant{
		ID: "no-wrong-amount",
		Says: "An order is treated as paid only if the gross capture equals, in amount and currency, the total the shopper " +
			"confirmed for that payment, and exactly this is booked.",
		Clauses: []Clause{
			{Name: "capture-equals-total", Says: "a paid order has a capture of exactly its total", Orders: true},
			{Name: "booked-equals-capture", Says: "what is booked is what was captured", Shown: true, Books: true},
		},
		check: checkNoWrongAmount,
	}
}

func checkNoWrongAmount(t *Trial) Judgement {
	var judgement Judgement
	any := false
	for _, order := range t.Orders() {
		paid, was := order.EverPaid()
		if was && len(order.Captures) > 0 {
			any = true
			if wrong, is := order.paidWrongly(); is {
				judgement.accuse(t.saidPaid(order, paid.At), breachOf("capture-equals-total", distance(wrong.Amount, order.Total), []journal.Ref{wrong.Record, order.Placed, paid.Record},
					"the order is for %s; it was treated as paid on a capture of %s", order.Total, wrong.Amount))
			}
		}
		for _, record := range order.Payments {
			entry := record.Entry
			capture, found := order.captureOf(entry.MerchantReference)
			booked := payment.State(entry.State) == payment.Captured || payment.State(entry.State) == payment.Returned
			any = any || (booked && found)
			if booked && found && !same(entry.Amount, capture.Amount) {
				judgement.accuse(t.saidCaptured(order, capture.Reference), breachOf("booked-equals-capture", distance(entry.Amount, capture.Amount), []journal.Ref{capture.Record, record.Ref()},
					"the provider captured %s, the merchant booked %s", capture.Amount, entry.Amount))
			}
		}
	}
	if !any {
		judgement.NotApplicable = "nothing was booked on a capture"
	}
	return judgement
}

// paidWrongly finds the capture on which an order was treated as paid although
// none of its captures is of the right amount.
func (o Order) paidWrongly() (Capture, bool) {
	for _, capture := range o.Captures {
		if same(capture.Amount, o.Total) {
			return Capture{}, false
		}
	}
	return o.Captures[0], true
}

func (o Order) captureOf(reference payment.MerchantReference) (Capture, bool) {
	for _, capture := range o.Captures {
		if capture.Reference == reference {
			return capture, true
		}
	}
	return Capture{}, false
}

func distance(a, b payment.Money) payment.Money {
	difference := minus(a, b)
	if difference.Minor < 0 {
		return difference.Neg()
	}
	return difference
}
