package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noUnkeptAcknowledgement() Invariant {
	return Invariant{
		ID: "no-unkept-acknowledgement",
		Says: "What the merchant acknowledged it keeps, through kill -9 and restart too, without being told again: redelivery and query " +
			"answers for that trial are held back from the acknowledgement until the order reads paid or the bound passes.",
		Clauses: []Clause{{Name: "kept", Says: "an acknowledged payment reads paid before anybody tells the merchant again"}},
		check:   checkNoUnkeptAcknowledgement,
	}
}

func checkNoUnkeptAcknowledgement(t *Trial) Judgement {
	var judgement Judgement
	var from, until journal.Record
	for _, record := range t.KeptBack {
		if record.Stage.Name == journal.KeptBack && from.Stage == nil {
			from = record
		}
		if record.Stage.Name == journal.LetGo {
			until = record
		}
	}
	switch {
	case from.Stage == nil:
		return Judgement{NotApplicable: "no acknowledgement was put to the test"}
	case until.Stage == nil:
		return Judgement{Inconclusive: "the acknowledgement's test did not come to its end"}
	}
	looked := false
	for _, record := range t.Operations {
		operation := record.Operation
		if operation.Name != journal.ReadOrder || operation.Phase != journal.Done || record.At.Before(from.At) || record.At.After(until.At) {
			continue
		}
		looked = looked || operation.Outcome == journal.OK
		state := payment.OrderState(operation.State)
		if state == payment.OrderPaid || state == payment.OrderRefunded {
			return Judgement{}
		}
	}
	if !looked {
		return Judgement{Inconclusive: "the merchant could not be asked while nothing was told to it again"}
	}
	judgement.breach("kept", t.Planned.Total, []journal.Ref{from.Ref(), until.Ref()},
		"the merchant acknowledged the payment, was restarted, and did not know of it until it was told again")
	return judgement
}
