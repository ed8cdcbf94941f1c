package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noLostFulfilment() Invariant {
	return Invariant{
		ID:      "no-lost-fulfilment",
		Says:    "Every order paid and not refunded at rest has had its goods released.",
		Clauses: []Clause{{Name: "released", Says: "a paid order's goods were released"}},
		check:   checkNoLostFulfilment,
	}
}

func checkNoLostFulfilment(t *Trial) Judgement {
	if !t.evidence.Header.Capabilities.Fulfilment {
		return Judgement{NotApplicable: "the merchant tells no fulfilment service"}
	}
	judgement, resting := t.atRest()
	if !resting {
		return judgement
	}
	any := false
	for _, order := range t.Orders() {
		if order.State != payment.OrderPaid || order.refundHandedOver() {
			continue
		}
		any = true
		if len(order.Released) == 0 {
			judgement.breach("released", order.Total, []journal.Ref{order.Entry}, "the order is paid, and its goods were never released")
		}
	}
	if !any {
		judgement.NotApplicable = "no order is paid at rest"
	}
	return judgement
}

// refundHandedOver reports whether people are to decide about a refund of the
// order, and so about its goods.
func (o Order) refundHandedOver() bool {
	for _, record := range o.Refunds {
		if payment.RefundState(record.Entry.State) == payment.RefundHandedOver {
			return true
		}
	}
	return false
}
