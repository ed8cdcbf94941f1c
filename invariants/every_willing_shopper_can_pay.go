package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func everyWillingShopperCanPay() Invariant {
	return Invariant{
		ID:      "every-willing-shopper-can-pay",
		Says:    "After healing, a shopper who tries again can pay the order or its replacement.",
		Clauses: []Clause{{Name: "canary", Says: "a last payment after healing works", Orders: true}},
		check:   checkEveryWillingShopperCanPay,
	}
}

func checkEveryWillingShopperCanPay(t *Trial) Judgement {
	var judgement Judgement
	for _, record := range t.Operations {
		operation := record.Operation
		if operation.Name != journal.Canary || operation.Phase != journal.Done {
			continue
		}
		if operation.Outcome != journal.OK {
			judgement.breach("canary", t.Total(), []journal.Ref{record.Ref()}, "after healing the shopper still could not pay: %s", operation.Reason)
		}
		return judgement
	}
	for _, order := range t.Orders() {
		if order.State == payment.OrderPaid || order.State == payment.OrderRefunded {
			return judgement
		}
	}
	return Judgement{NotApplicable: "the shopper did not want to pay"}
}
