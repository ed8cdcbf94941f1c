package scenarios

import (
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// decide names the pins of a trial that have no name yet and decides which
// are required: those whose place every fault-free observation reaches, and
// that nothing in the trial or around it can keep from firing. A required pin
// that does not fire makes a run inconclusive, so what is doubtful is optional.
func decide(t Trial, disturbed bool, systems Systems) Trial {
	t.Pins = slices.Clone(t.Pins)
	for i := range t.Pins {
		pin := &t.Pins[i]
		if pin.ID == "" {
			pin.ID = pinID(t.ID, i)
		}
		pin.Required = reachOf(t, *pin, systems) == surely && selfReliant(*pin) && (!disturbed || stops(*pin))
		for j, other := range t.Pins {
			if i != j && preempts(t, other, *pin) {
				pin.Required = false
			}
		}
	}
	return t
}

// selfReliant reports whether a pin fires whenever its message comes by. One
// that waits for company or for another message may wait in vain; an answer may
// carry no amount, and one that is a part of the total may be such that the
// change leaves it as it is.
func selfReliant(pin faults.Pin) bool {
	fault, err := pin.Decode()
	if err != nil {
		return false
	}
	if at, is := fault.(interface{ SureToBegin() bool }); is && !at.SureToBegin() {
		return false
	}
	switch f := fault.(type) {
	case *faults.HoldBack:
		return f.Until == ""
	case *faults.Rendezvous:
		return f.Group == ""
	case *faults.Field: // there may be no such field
		return false
	case *faults.StatusFlip: // what an answer says depends on when it was asked for
		return isNotification(pin.At.Operation)
	case *faults.StaleReplay: // the earlier message may be of another payment
		return pin.At.Operation == faults.Query
	case *faults.Amount:
		return pin.At.Leg == faults.RequestLeg && pin.At.Operation != faults.Refund && pin.At.Operation != faults.NotifyRefund
	default:
		return true
	}
}

// stops reports whether the pin interrupts a process, or what others use too: it
// disturbs the batch itself and is not kept from firing by that.
func stops(pin faults.Pin) bool {
	definition, _ := faults.Lookup(pin.Fault)
	if definition.Kind == faults.OnProcess || len(pin.Settings) == 0 { // a link of bytes is always named
		return definition.Kind == faults.OnProcess
	}
	fault, err := pin.Decode()
	return err == nil && streamOf(fault) != ""
}

// harmless reports whether a trial goes on after the fault as if nothing had
// been. Latency is not: beyond the caller's timeout it loses an answer.
func harmless(fault string) bool {
	return slices.Contains([]string{"noop", "duplicate", "barrier", "notify-many", "query-lag", "forged-notification", "foreign-merchant"}, fault)
}

// preempts reports whether another pin may keep this one from firing: it harms,
// and it does so earlier on the trial's way, or at the same message.
func preempts(t Trial, other, pin faults.Pin) bool {
	if harmless(other.Fault) {
		return other.Fault == pin.Fault && other.At != nil && pin.At != nil && *other.At == *pin.At
	}
	return rank(t, other) <= rank(t, pin)
}

// rank is how far along a trial's way a pin acts. Places that may come at any
// time count as early when they harm.
func rank(t Trial, pin faults.Pin) int {
	if pin.Payment != nil {
		switch pin.Fault {
		case "unknown-outcome": // of the pay-type call, or else of the refund
			if t.Method == payment.MethodBarcode {
				return operationRank(faults.PayCode)
			}
			return operationRank(faults.Refund)
		case "decline":
			return operationRank(faults.NotifyPayment) - 3
		case "notify-never", "notify-many":
			return operationRank(faults.NotifyPayment) - 2
		default:
			return operationRank(faults.Query) // late-success and query-lag show when the merchant asks
		}
	}
	found := operationRank(pin.At.Operation)
	if pin.At.Leg == faults.AnswerLeg {
		found++
	}
	return found
}

// operationRank is the usual order of the messages of a trial.
func operationRank(operation faults.Operation) int {
	order := []faults.Operation{faults.Place, faults.Start, faults.Create, faults.ReadOrder, faults.Query, faults.Close,
		faults.ChangeOrder, faults.CancelOrder, faults.ReturnPage, faults.NotifyPayment, faults.ReleaseGoods, faults.AskRefund, faults.Refund, faults.RefundQuery, faults.NotifyRefund}
	switch operation {
	case faults.PayCode:
		operation = faults.Create
	case faults.Reverse:
		operation = faults.Close
	}
	return 10 * slices.Index(order, operation)
}
