package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noStateRegression() Invariant {
	return Invariant{
		ID:   "no-state-regression",
		Says: "An order once paid is never again unpaid, closed or failed, except by a return in the provider's book.",
		Clauses: []Clause{
			{Name: "history", Says: "the books never move an order back from paid", Shown: true, Books: true},
			{Name: "page", Says: "an order's page never says unpaid after it said paid", Shown: true, Orders: true},
		},
		check: checkNoStateRegression,
	}
}

func checkNoStateRegression(t *Trial) Judgement {
	var judgement Judgement
	any := false
	for _, order := range t.Orders() {
		paid, was := Move{}, false
		for _, move := range order.Moves {
			switch {
			case move.State == payment.OrderPaid:
				paid, was, any = move, true, true
			case was && move.State != payment.OrderRefunded:
				judgement.breach("history", order.Total, []journal.Ref{paid.Record, move.Record}, "the order went from paid to %s", move.State)
			}
		}
	}
	seen, pages := checkPages(t)
	judgement.Breaches = append(judgement.Breaches, pages...)
	if !any && !seen {
		judgement.NotApplicable = "no order was paid"
	}
	return judgement
}

// checkPages compares readings of an order's page: one that began after
// another had ended must not be behind it.
func checkPages(t *Trial) (seen bool, breaches []Breach) {
	begun := map[string]journal.Record{}
	paidAt := map[string]journal.Record{} // by order: the first reading that said paid
	for _, record := range t.Operations {
		operation := record.Operation
		if operation.Name != journal.ReadOrder {
			continue
		}
		if operation.Phase == journal.Intent {
			begun[operation.ID] = record
			continue
		}
		state := payment.OrderState(operation.State)
		before, was := paidAt[operation.OrderID]
		switch {
		case state == payment.OrderPaid || state == payment.OrderRefunded:
			seen = true
			if !was {
				paidAt[operation.OrderID] = record
			}
		case was && (state == payment.OrderOpen || state == payment.OrderClosed) && begun[operation.ID].At.After(before.At):
			breaches = append(breaches, Breach{Clause: "page", Witness: []journal.Ref{before.Ref(), record.Ref()},
				Reason: "the page said paid, and later " + string(state)})
		}
	}
	return seen, breaches
}
