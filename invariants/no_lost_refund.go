package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noLostRefund() Invariant {
	return Invariant{
		ID: "no-lost-refund",
		Says: "Every refund the merchant calls done, and every order it calls refunded, is successful in the provider's book for that " +
			"gross amount; every refund, cancel or reverse that the merchant asked for and that moved money is in its books.",
		Clauses: []Clause{
			{Name: "done-is-done", Says: "a refund that the merchant calls done moved its amount at the provider", Books: true},
			{Name: "refunded-is-refunded", Says: "an order called refunded had all that was captured for it returned", Orders: true},
			{Name: "moved-is-booked", Says: "money that went back is in the merchant's books", Books: true},
		},
		check: checkNoLostRefund,
	}
}

func checkNoLostRefund(t *Trial) Judgement {
	judgement, resting := t.atRest()
	if !resting {
		return judgement
	}
	moved := map[payment.RefundReference]journal.Record{}
	for _, record := range t.Postings {
		if record.Posting.Kind == journal.RefundPosting {
			moved[record.Posting.RefundReference] = record
		}
	}
	booked := map[payment.RefundReference]bool{}
	any := len(moved) > 0
	for _, order := range t.Orders() {
		any = any || len(order.Refunds) > 0 || order.State == payment.OrderRefunded
		for _, record := range order.Refunds {
			entry := record.Entry
			booked[entry.RefundReference] = true
			posting, did := moved[entry.RefundReference]
			if payment.RefundState(entry.State) == payment.RefundDone && (!did || !same(posting.Posting.Amount, entry.Amount)) {
				judgement.accuse(t.saidRefunded(*entry), breachOf("done-is-done", entry.Amount, []journal.Ref{record.Ref()},
					"the merchant calls refund %s of %s done; the provider's book does not have it so", entry.RefundReference, entry.Amount))
			}
		}
		checkRefundedOrder(order, &judgement)
	}
	for _, record := range t.Postings {
		posting := record.Posting
		if posting.Kind == journal.RefundPosting && !booked[posting.RefundReference] {
			judgement.breach("moved-is-booked", posting.Amount, []journal.Ref{record.Ref()},
				"the provider refunded %s under %s, which is not in the merchant's books", posting.Amount, posting.RefundReference)
		}
	}
	if !any {
		judgement.NotApplicable = "nothing was refunded"
	}
	return judgement
}

func checkRefundedOrder(order Order, judgement *Judgement) {
	kept, found := order.mainCapture()
	if !found {
		return
	}
	missing := kept.Kept()
	if order.State == payment.OrderRefunded && missing.Minor > 0 {
		judgement.breach("refunded-is-refunded", missing, []journal.Ref{order.Entry, kept.Record},
			"the merchant calls the order refunded; the provider still holds %s of %s for it", missing, kept.Amount)
	}
	if more(order.Refunded, kept.Returned) && order.State != payment.OrderRefunded {
		judgement.breach("refunded-is-refunded", minus(order.Refunded, kept.Returned), []journal.Ref{order.Entry, kept.Record},
			"the merchant's books say that %s of the order went back; at the provider it was %s", order.Refunded, kept.Returned)
	}
}
