package scenarios

import (
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// reach says whether a trial comes by a place when nothing goes wrong and the
// merchant makes no mistake. It decides which trials a fault is dealt to and
// which pins are required.
type reach int

const (
	never  reach = iota
	maybe        // by timing, or once something else goes wrong
	surely       // every fault-free observation does
)

// course is what a journey amounts to for the messages it causes.
type course struct {
	places, starts int
	codes, scans   int // payments begun with a code, or by scanning a barcode, before any was paid
	later          int // payments begun after one was paid, which a merchant that knows refuses
	pays           int // codes that are paid
	late           bool
	watches        bool
	refunds        int
}

// courseOf reads a journey. A start after a payment may or may not become one:
// that depends on whether the page knows by then.
func courseOf(journey faults.Journey) course {
	var c course
	begun := map[int]bool{}
	for _, step := range journey.Steps {
		times := max(step.AtOnce, 1)
		switch step.Do {
		case faults.StepPlace:
			c.places += times
		case faults.StepStart:
			c.starts += times
			scan := step.Method == payment.MethodBarcode
			switch {
			case begun[step.Key]:
			case c.pays > 0 || c.scans > 0:
				c.later++
			case scan:
				c.scans++
			default:
				c.codes++
			}
			begun[step.Key] = true
		case faults.StepPay:
			c.pays++
		case faults.StepPayLate:
			c.late, c.watches = true, true
		case faults.StepAwaitPaid:
			c.watches = true
		case faults.StepRefund:
			c.refunds++
		}
	}
	return c
}

// unpaid reports whether the merchant will have to give the payment up.
func (c course) unpaid() bool { return c.pays == 0 && c.scans == 0 }

// several reports whether more than one payment may be captured or begun, so
// that the merchant ends or returns one by itself.
func (c course) several() bool { return c.codes+c.scans+c.later > 1 }

// sends is how many messages of an operation the course surely causes; more,
// or any at all, may come if it possibly does.
func (c course) sends(operation faults.Operation) (sure int, possible bool) {
	switch operation {
	case faults.Place:
		return c.places, true
	case faults.Start:
		return c.starts, true
	case faults.ReadOrder:
		return one(c.watches), true
	case faults.AskRefund:
		return c.refunds, c.refunds > 0
	case faults.Create:
		return c.codes, c.codes > 0
	case faults.PayCode:
		return c.scans, c.scans > 0
	case faults.Query:
		return 2 * one(c.unpaid()), true // asked before the close, and after it
	case faults.Close:
		return one(c.unpaid()), c.codes > 0
	case faults.Reverse:
		return 0, c.scans > 0
	case faults.Refund:
		return one(c.refunds > 0), true // a second payment or a wrong amount goes back unasked
	case faults.NotifyPayment:
		return one(c.pays > 0), c.codes > 0 // a scanned payment is answered, not notified
	case faults.ReleaseGoods:
		return one(!c.unpaid() && c.refunds == 0), true // a full refund may overtake the goods
	case faults.RefundQuery, faults.NotifyRefund:
		return 0, true
	default:
		return 0, false
	}
}

// behaviourReach says whether a provider's behaviour towards the trial's
// payments ever shows.
func (c course) behaviourReach(t Trial, name string) reach {
	switch name {
	case "notify-never", "notify-many":
		return sureIf(c.pays > 0, c.codes > 0)
	case "decline":
		return sureIf(c.pays > 0, true)
	case "unknown-outcome":
		return sureIf(c.scans > 0 || c.refunds > 0, c.several())
	case "late-success":
		return sureIf(c.unpaid(), c.several() || c.scans > 0)
	case "query-lag":
		// A merchant that is never notified has to ask.
		return sureIf(c.pays > 0 && has(t, "notify-never"), true)
	default:
		return maybe
	}
}

// sureIf is the reach of a place that is surely, or else possibly, come by.
func sureIf(sure, possible bool) reach {
	switch {
	case sure:
		return surely
	case possible:
		return maybe
	default:
		return never
	}
}

// one counts a fact.
func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// has reports whether a fault is pinned in the trial.
func has(t Trial, fault string) bool {
	for _, pin := range t.Pins {
		if pin.Fault == fault {
			return true
		}
	}
	return false
}

// reachOf says whether the trial comes by the place of a pin.
func reachOf(t Trial, pin faults.Pin) reach {
	c := courseOf(t.Journey)
	if pin.At != nil {
		sure, possible := c.sends(pin.At.Operation)
		return sureIf(max(pin.At.Nth, 1) <= sure, possible)
	}
	if pin.Payment == nil || pin.Payment.Provider != string(t.Provider) {
		return never
	}
	found := c.behaviourReach(t, pin.Fault)
	switch begun := c.codes + c.scans; {
	case pin.Payment.Nth > begun+c.later:
		return never
	case pin.Payment.Nth > 1:
		return min(found, maybe)
	default:
		return found
	}
}

// reachOfLine is that of the place of a line that is hardest to reach.
func reachOfLine(t Trial, line FaultLine) reach {
	t.Pins = nil
	for _, member := range line.members() {
		t.Pins = append(t.Pins, pinOf(member, turn(member.Settings, 0), t.ID))
	}
	least := surely
	for _, pin := range t.Pins {
		least = min(least, reachOf(t, pin))
	}
	return least
}
