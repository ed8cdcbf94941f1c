package invariants

import (
	"time"

	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noUnkeptAcknowledgement() Invariant {
	return Invariant{
		ID: "no-unkept-acknowledgement",
		Says: "What the merchant acknowledged it keeps, through kill -9 and restart too, without being told again: redelivery and query " +
			"answers for that trial are held back from the acknowledgement until the order reads paid or the bound passes.",
		Clauses: []Clause{{Name: "kept", Says: "an acknowledged payment reads paid before anybody tells the merchant again", Orders: true}},
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
	// What the page said before the process was down, it may have said from memory.
	down := t.killedAt(from.At)
	looked, begun := false, map[string]bool{}
	for _, record := range t.Operations {
		operation := record.Operation
		if operation.Name != journal.ReadOrder || record.At.Before(down) || record.At.After(until.At) {
			continue
		}
		if operation.Phase == journal.Intent {
			begun[operation.ID] = true
			continue
		}
		if !begun[operation.ID] {
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
	judgement.breach("kept", t.Total(), []journal.Ref{from.Ref(), until.Ref()},
		"the merchant acknowledged the payment, and did not know of it until it was told again")
	return judgement
}

// killedAt is when the process was down after the acknowledgement; the
// acknowledgement itself, if no record says so.
func (t *Trial) killedAt(acknowledged time.Time) time.Time {
	for _, record := range t.PinRecords {
		if record.Pin.Phase == journal.PinFired && record.Pin.Fault == "merchant-crash" && !record.At.Before(acknowledged) {
			return record.At
		}
	}
	return acknowledged
}
