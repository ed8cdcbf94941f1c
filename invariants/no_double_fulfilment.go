package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noDoubleFulfilment() Invariant {
	return Invariant{
		ID: "no-double-fulfilment",
		Says: "Goods leave at most once per order (calls with one idempotency key count once), and never after the merchant itself " +
			"recorded a full refund or cancellation.",
		Clauses: []Clause{
			{Name: "once", Says: "the fulfilment service is told at most one idempotency key per order", Shown: true},
			{Name: "not-after-refund", Says: "nothing is released after the order was refunded or closed"},
		},
		check: checkNoDoubleFulfilment,
	}
}

func checkNoDoubleFulfilment(t *Trial) Judgement {
	var judgement Judgement
	if !t.evidence.Header.Capabilities.Fulfilment {
		return Judgement{NotApplicable: "the merchant tells no fulfilment service"}
	}
	any := false
	for _, order := range t.Orders() {
		any = any || len(order.Released) > 0
		keys := map[string]journal.Ref{}
		var witness []journal.Ref
		for _, release := range order.Released {
			if _, known := keys[release.Key]; !known {
				keys[release.Key] = release.Record
				witness = append(witness, release.Record)
			}
			if over, is := order.over(); is && release.At.After(over.At.Add(clockSlack)) {
				judgement.breach("not-after-refund", order.Total, []journal.Ref{over.Record, release.Record},
					"the goods were released after the order was %s", over.State)
			}
		}
		if len(keys) > 1 {
			judgement.breach("once", order.Total, witness, "the goods of one order were released %d times", len(keys))
		}
	}
	if !any {
		judgement.NotApplicable = "nothing was released"
	}
	return judgement
}

// over is the first moment at which the order was refunded or closed.
func (o Order) over() (Move, bool) {
	for _, move := range o.Moves {
		if move.State == payment.OrderRefunded || move.State == payment.OrderClosed {
			return move, true
		}
	}
	return Move{}, false
}
