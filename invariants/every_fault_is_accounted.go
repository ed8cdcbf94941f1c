package invariants

import (
	"fmt"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

func everyFaultIsAccounted() Invariant {
	return Invariant{
		ID:      "every-fault-is-accounted",
		Says:    "Every pin fired, or is listed with its reason; a required one that did not fire makes the run inconclusive.",
		Ours:    true,
		Clauses: []Clause{{Name: "required", Says: "a required pin fired"}},
		check:   checkEveryFaultIsAccounted,
	}
}

func checkEveryFaultIsAccounted(t *Trial) Judgement {
	if len(t.Planned.Pins) == 0 {
		return Judgement{NotApplicable: "the trial has no pins"}
	}
	for _, fate := range t.Fates() {
		if fate.Pin.Required && fate.Fate != faults.Fired {
			return Judgement{Inconclusive: fmt.Sprintf("required pin %s (%s) did not fire: %s %s", fate.Pin.ID, fate.Pin.Fault, fate.Fate, fate.Detail)}
		}
	}
	return Judgement{}
}

// PinFate is what became of a pin of the plan.
type PinFate struct {
	Pin    faults.Pin  `json:"pin"`
	Fate   faults.Fate `json:"fate"`
	Times  int         `json:"times,omitempty"` // how often it fired
	Detail string      `json:"detail,omitempty"`
}

// Fates says what became of each pin of the trial, in the plan's order. A pin
// of which nobody knows anything was never sent its message; or the trial was
// ended before.
func (t *Trial) Fates() []PinFate {
	fates := make([]PinFate, 0, len(t.Planned.Pins))
	for _, pin := range t.Planned.Pins {
		fate := PinFate{Pin: pin, Fate: faults.NeverSent}
		if !t.Rested && t.BoundPassed == "" {
			fate.Fate = faults.TrialEnded
		}
		for _, record := range t.PinRecords {
			said := record.Pin
			switch {
			case basePin(said.ID) != pin.ID:
			case said.Phase == journal.PinFired:
				fate.Fate = faults.Fired
				fate.Times++
			case said.Phase == journal.PinEnded && said.Fate != "" && fate.Fate != faults.Fired:
				fate.Fate, fate.Detail = said.Fate, said.Detail
			}
		}
		fates = append(fates, fate)
	}
	return fates
}

// basePin is the pin's name in the plan: a rerun's pins carry its mark.
func basePin(id string) string {
	for i := range len(id) {
		if id[i] == '~' {
			for j := i; j < len(id); j++ {
				if id[j] == '.' {
					return id[:i] + id[j:]
				}
			}
		}
	}
	return id
}
