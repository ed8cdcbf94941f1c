package reports

import (
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// pin draws what pins did that is not seen on a message: a provider's conduct,
// and processes going down and coming back.
func (d *drawing) pin(record journal.Record) {
	p := record.Pin
	at, process := d.place(p)
	s := step{Kind: mark, From: at, To: at, Label: Clean(p.Fault), Detail: Clean(p.Detail)}
	switch {
	case p.Phase == journal.PinTriggered:
		d.Downs = append(d.Downs, down{Lane: at, From: len(d.Steps), To: -1})
		s.Detail = d.Lanes[at] + " goes down"
	case p.Phase == journal.PinHealed && process:
		s.Detail = d.Lanes[at] + " " + Clean(p.Detail)
		for i := range d.Downs {
			if d.Downs[i].Lane == at && d.Downs[i].To < 0 {
				d.Downs[i].To = len(d.Steps)
			}
		}
	case p.Phase == journal.PinFired && !process && !d.acted[p.ID]:
	default:
		return
	}
	d.add(record, s)
}

// place finds the lane on which a pin acts: the process that it stops, the
// receiver of its message, or the provider whose conduct it bends.
func (d *drawing) place(p *journal.Pin) (lane int, process bool) {
	definition, _ := faults.Lookup(p.Fault)
	process = definition.Kind == faults.OnProcess
	for _, fate := range d.trial.Fates() {
		pin := fate.Pin
		if pin.ID != planned(p.ID) {
			continue
		}
		if process {
			return d.lane(interrupted(pin)), true
		}
		if pin.At != nil {
			return d.lane(pin.At.Link.To()), false
		}
		if pin.Payment != nil {
			return d.lane(pin.Payment.Provider), false
		}
	}
	if process {
		return 1, true
	}
	return d.lane(string(d.trial.Planned.Provider)), false
}

// planned is a pin's name in the plan; a rerun's pins carry its mark, as in
// "t0007~1.2".
func planned(id string) string {
	before, after, marked := strings.Cut(id, "~")
	if _, rest, dotted := strings.Cut(after, "."); marked && dotted {
		return before + "." + rest
	}
	return id
}

// interrupted is the role that a process fault stops.
func interrupted(pin faults.Pin) string {
	fault, err := pin.Decode()
	if err != nil {
		return "merchant"
	}
	if stops, is := fault.(faults.ProcessFault); is && stops.Interrupt().Role != "" {
		return stops.Interrupt().Role
	}
	if pin.At != nil {
		return pin.At.Link.To()
	}
	return "merchant"
}
