package scenarios

import (
	"slices"

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

// course is what a journey amounts to for the messages it causes: at one
// provider, and altogether.
type course struct {
	provider Provider

	places, starts int
	codes, scans   int // payments begun with a code, or by scanning a barcode, before any was paid
	quiet          int // those of the codes that no call to the provider begins
	unsigned       int // those of the codes that an unsigned answer begins
	later          int // payments begun after one was paid, which a merchant that knows refuses
	pays           int // codes that are paid
	open           int // codes begun here that nobody pays
	late           bool
	watches        bool
	refunds        int
	cancels        int
	changes        int
	returns        int
	hasty          bool // a refund is asked for before the payment is known

	begun int // payments that are or may be begun at any provider
	paid  int // of which so many are paid for sure, or by scanning
}

// courseOf reads a journey as one provider sees it. A start after a payment may
// or may not become one: that depends on whether the page knows by then.
func courseOf(t Trial, provider Provider) course {
	c := course{provider: provider}
	type start struct{ here, later, code, paid bool }
	begun := map[int]*start{}
	for _, step := range t.Journey.Steps {
		times := max(step.AtOnce, 1)
		switch step.Do {
		case faults.StepPlace:
			c.places += times
		case faults.StepStart:
			c.starts += times
			if _, again := begun[step.Key]; again {
				continue
			}
			made := &start{here: t.at(step) == provider.Name, later: c.paid > 0 && step.Order == 0, code: step.Method != payment.MethodBarcode}
			begun[step.Key] = made
			c.begin(step, made.here, made.later)
		case faults.StepPay:
			if made := begun[step.Key]; made != nil && !made.later {
				made.paid = true
				c.paid++
				c.pays += one(made.here)
			}
		case faults.StepPayLate:
			c.late, c.watches = true, true
		case faults.StepAwaitPaid:
			c.watches = true
		case faults.StepRefund:
			c.refunds += times
			c.hasty = c.hasty || !c.watches
		case faults.StepCancel:
			c.cancels++
		case faults.StepChange:
			c.changes++
		case faults.StepReturn:
			c.returns++
		}
	}
	for _, made := range begun {
		c.open += one(made.here && made.code && !made.later && !made.paid)
	}
	return c
}

// begin counts a payment that is begun.
func (c *course) begin(step faults.Step, here, later bool) {
	c.begun++
	scan := step.Method == payment.MethodBarcode
	switch {
	case later:
		c.later += one(here)
	case scan:
		c.paid++
		c.scans += one(here)
	default:
		c.codes += one(here)
		c.quiet += one(here && slices.Contains(c.provider.Quiet, step.Method))
		c.unsigned += one(here && slices.Contains(c.provider.Unsigned, step.Method))
	}
}

// at is the provider at which a step of the journey begins a payment.
func (t Trial) at(step faults.Step) payment.ProviderName {
	if step.Elsewhere {
		return t.Other
	}
	return t.Provider
}

// unpaid reports whether the merchant will have to give a payment up here.
func (c course) unpaid() bool { return c.open > 0 }

// several reports whether more than one payment may be captured or begun, so
// that the merchant ends or returns one by itself.
func (c course) several() bool { return c.begun > 1 }

// notified reports whether a payment is surely notified.
func (c course) notified() bool { return c.pays > 0 || (c.scans > 0 && c.provider.NotifiesBarcodes) }

// confirmed reports whether a payment is surely asked about because the
// provider's word needs it. A notification that needs no asking may come first.
func (c course) confirmed() bool {
	return (c.provider.ConfirmsNotifications && c.notified()) ||
		(c.provider.ConfirmsBarcodes && c.scans > 0 && !c.provider.NotifiesBarcodes)
}

// sends is how many messages of an operation the course surely causes; more,
// or any at all, may come if it possibly does.
func (c course) sends(operation faults.Operation) (sure int, possible bool) {
	here := c.codes + c.scans + c.later
	switch operation {
	case faults.Place:
		return c.places, true
	case faults.Start:
		return c.starts, true
	case faults.ReadOrder:
		return one(c.watches), true
	case faults.AskRefund:
		return c.refunds, c.refunds > 0
	case faults.CancelOrder:
		return c.cancels, c.cancels > 0
	case faults.ChangeOrder:
		return c.changes, c.changes > 0
	case faults.ReturnPage:
		return c.returns, c.returns > 0
	case faults.ReleaseGoods:
		return one(c.paid > 0 && c.refunds == 0 && c.cancels == 0), true // a full refund may overtake the goods
	case faults.Create:
		return c.codes - c.quiet, c.codes+c.later > c.quiet
	case faults.PayCode:
		return c.scans, c.scans > 0
	case faults.Query:
		return max(2*one(c.unpaid()), one(c.confirmed())), here > 0 // of the two, one is asked before the close, and one after it
	case faults.Close:
		return one(c.unpaid()), c.codes > 0
	case faults.Reverse:
		return 0, c.scans > 0
	case faults.Refund:
		return one(c.refunds > 0 && c.begun == here && !c.hasty), here > 0 // a second payment or a wrong amount goes back unasked
	case faults.NotifyPayment:
		return one(c.notified()), c.codes+c.later > 0 || c.notified()
	case faults.RefundQuery, faults.NotifyRefund:
		return 0, here > 0
	case faults.Other: // of a service whose calls nobody can foretell
		return 0, true
	default:
		return 0, false
	}
}

// behaviourReach says whether a provider's behaviour towards the trial's
// payments ever shows.
func (c course) behaviourReach(t Trial, name string) reach {
	switch name {
	case "notify-never", "notify-many", "notify-late", "clock-skew":
		return sureIf(c.notified(), c.codes+c.later > 0)
	case "notify-early":
		return sureIf(c.scans > 0 && c.provider.NotifiesBarcodes, false)
	case "notify-out-of-order":
		return sureIf(false, c.notified() && c.refunds > 0) // the merchant may not know in time that it can refund
	case "notify-failure":
		return sureIf(false, slices.Contains(c.provider.TellsFailures, t.Method) && (c.scans > 0 || c.unpaid()))
	case "pending-then-paid", "pending-then-failed":
		return sureIf(c.scans > 0, false)
	case "late-by-hours":
		return sureIf(c.pays > 0, c.later > 0)
	case "close-user-paying":
		return sureIf(false, c.provider.RefusesBusyClose && (c.unpaid() || c.several()))
	case "refund-processing", "refund-fails-after-accept":
		if !c.provider.LateRefunds {
			return never
		}
		return sureIf(c.refunds > 0 && c.pays > 0 && c.begun == 1 && !c.hasty, c.several() || c.cancels > 0 || c.refunds > 0)
	case "promotion", "final-state-word":
		if (name == "promotion" && !c.provider.Promotes) || (name == "final-state-word" && !c.provider.Finishes) {
			return never
		}
		return sureIf(c.pays+c.scans > 0, c.codes+c.later > 0)
	case "decline", "decline-burst":
		return sureIf(c.pays > 0, c.codes+c.scans+c.later > 0)
	case "unknown-outcome":
		return sureIf(c.scans > 0 || (c.refunds > 0 && c.pays > 0 && !c.hasty), c.several() || c.cancels > 0 || c.refunds > 0)
	case "late-success":
		return sureIf(c.unpaid(), c.several() || c.scans > 0 || c.unpaid())
	case "query-lag":
		// A merchant that is never notified has to ask.
		return sureIf(c.pays > 0 && (has(t, "notify-never") || c.confirmed()), true)
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
func reachOf(t Trial, pin faults.Pin, systems Systems) reach {
	if pin.At != nil {
		provider, _ := systems.provider(systems.providerOn(pin.At.Link))
		c := courseOf(t, provider)
		if !systems.crosses(pin.At.Link, pin.At.Operation) || (provider.Name != "" && c.codes+c.scans+c.later == 0) {
			return never
		}
		sure, possible := c.sends(pin.At.Operation)
		if pin.At.Operation == faults.Query && c.pays > 0 && has(t, "notify-never") {
			sure = max(sure, 1) // who is never told has to ask
		}
		if needsContent(pin) && pin.At.Operation == faults.Create && pin.At.Leg == faults.AnswerLeg && c.unsigned == c.codes {
			return never
		}
		if systems.Stranger && ownDoing(pin.At.Operation) {
			sure = 0
		}
		return sureIf(max(pin.At.Nth, 1) <= sure, possible)
	}
	if pin.Payment == nil {
		return never
	}
	provider, _ := systems.provider(payment.ProviderName(pin.Payment.Provider))
	c := courseOf(t, provider)
	found := c.behaviourReach(t, pin.Fault)
	if systems.Stranger && (pin.Fault == "late-success" || pin.Fault == "query-lag") { // they show when it closes or asks
		found = min(found, maybe)
	}
	switch begun := c.codes + c.scans; {
	case provider.Name == "" || begun+c.later == 0 || pin.Payment.Nth > begun+c.later:
		return never
	case pin.Payment.Nth > 1 || begun == 0:
		return min(found, maybe)
	default:
		return found
	}
}

// needsContent reports whether a pin can do nothing to an answer that only sends
// the shopper on.
func needsContent(pin faults.Pin) bool {
	fault, err := pin.Decode()
	if err != nil {
		return false
	}
	_, needsBody := fault.(interface{ NeedsBody() })
	return needsBody || pin.Fault == "signature"
}

// ownDoing reports whether a call is one that a merchant makes by itself, when and
// as often as it sees fit.
func ownDoing(operation faults.Operation) bool {
	return slices.Contains([]faults.Operation{faults.Query, faults.Close, faults.Reverse, faults.RefundQuery}, operation)
}

// reachOfLine is that of the place of a line that is hardest to reach, with
// settings that are legal there.
func reachOfLine(t Trial, line FaultLine, systems Systems) reach {
	t.Pins = nil
	for _, member := range line.members() { // together: one may be what makes another's message certain
		resolved := member.resolved(t.Provider)
		settings := fitting(systems, resolved)
		if len(settings) == 0 {
			return never
		}
		t.Pins = append(t.Pins, pinOf(resolved, settings[0], t))
	}
	least := surely
	for _, pin := range t.Pins {
		least = min(least, reachOf(t, pin, systems))
	}
	return least
}
