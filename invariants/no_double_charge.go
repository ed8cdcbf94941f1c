package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noDoubleCharge() Invariant {
	return Invariant{
		ID: "no-double-charge",
		Says: "At rest, no order keeps more than one capture: captures over all providers, gross of coupons, minus refunds done, " +
			"under way, handed over or credited to the shopper's balance, do not exceed what was due.",
		Clauses: []Clause{{Name: "one-capture-kept", Says: "of several captures of an order, the merchant keeps at most what was due", Orders: true}},
		check:   checkNoDoubleCharge,
	}
}

func checkNoDoubleCharge(t *Trial) Judgement {
	judgement, resting := t.atRest()
	if !resting {
		return judgement
	}
	any := false
	for _, order := range t.Orders() {
		any = any || len(order.Captures) > 0
		if len(order.Captures) < 2 {
			continue
		}
		var kept payment.Money
		var witness []journal.Ref
		keeping := 0
		for _, capture := range order.Captures {
			if owed := order.owed(capture); owed.Minor > 0 {
				kept = plus(kept, owed)
				keeping++
			}
			witness = append(witness, capture.Record)
		}
		extra := minus(kept, order.Total)
		switch {
		case keeping > 1 && extra.Minor > 0:
			judgement.breach("one-capture-kept", extra, append(witness, order.Placed),
				"the order is for %s, and %d captures of it keep %s", order.Total, keeping, kept)
		case keeping < len(order.Captures):
			judgement.Mitigated = append(judgement.Mitigated, Breach{Clause: "one-capture-kept", Witness: witness,
				Money: order.Captures[len(order.Captures)-1].Amount, Reason: "the order was paid more than once, and the merchant does not keep the rest for itself"})
		}
	}
	if !any {
		judgement.NotApplicable = "nothing was captured"
	}
	return judgement
}
