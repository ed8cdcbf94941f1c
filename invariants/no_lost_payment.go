package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noLostPayment() Invariant {
	return Invariant{
		ID: "no-lost-payment",
		Says: "At rest, every capture in the provider's book for this merchant is booked as paid on the order it was made for, " +
			"or is returned, or its return is under way, or it was handed over or credited to the shopper's balance.",
		Clauses: []Clause{
			{Name: "booked-or-returned", Says: "a capture is booked on its order, returned, handed over, or credited", Orders: true},
			{Name: "known-order", Says: "a capture belongs to an order that the merchant knows", Books: true},
		},
		check: checkNoLostPayment,
	}
}

func checkNoLostPayment(t *Trial) Judgement {
	judgement, resting := t.atRest()
	captures := t.Captures()
	if len(captures) == 0 && resting {
		return Judgement{NotApplicable: "nothing was captured"}
	}
	if !resting {
		return judgement
	}
	for _, order := range t.Orders() {
		for _, capture := range order.Captures {
			owed := order.owed(capture)
			if owed.Minor <= 0 || t.believes(order, capture) {
				continue
			}
			judgement.accuse(t.saidCaptured(order, capture.Reference), breachOf("booked-or-returned", owed, []journal.Ref{capture.Record, order.Entry},
				"the provider captured %s under reference %s; the merchant's books call the order %q and do not have it",
				capture.Amount, capture.Reference, order.State))
		}
	}
	for _, capture := range t.look().strangers {
		if capture.Kept().Minor > 0 {
			judgement.breach("known-order", capture.Kept(), []journal.Ref{capture.Record},
				"the provider captured %s under reference %s, which belongs to no order of the merchant", capture.Amount, capture.Reference)
		}
	}
	return judgement
}

// believes reports whether the merchant knows of the capture. Where it exports no
// books its order's page is all there is: paid is paid, and of an order that nobody
// could look at nothing is known.
func (t *Trial) believes(order Order, capture Capture) bool {
	if t.evidence.Header.Capabilities.Books {
		return order.booked(capture)
	}
	return order.State == "" || order.paid()
}

func (o Order) paid() bool { return o.State == payment.OrderPaid || o.State == payment.OrderRefunded }

// booked reports whether the merchant has the capture in its books as money
// for this order. A second capture of a paid order that the books show as
// captured is known to the merchant; whether it may keep it is another rule's
// matter.
func (o Order) booked(capture Capture) bool {
	for _, record := range o.Payments {
		state := payment.State(record.Entry.State)
		if record.Entry.MerchantReference == capture.Reference && (state == payment.Captured || state == payment.Returned) {
			return o.paid()
		}
	}
	return false
}
