package proxy

import (
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// repeatable is what two messages have in common of which one can stand for the
// other: they say the same kind of thing about the same payment or refund.
type repeatable struct {
	link    faults.Link
	leg     faults.Leg
	kind    faults.Operation
	payment payment.MerchantReference
	refund  payment.RefundReference
}

// earlier is a message as its sender sent it; its other half is nil.
type earlier struct {
	request *Request
	answer  *Answer
}

// nothingEarlier says why a pin could not repeat anything.
const nothingEarlier = "no earlier message of the payment had passed"

// remember keeps a message of the exchange and returns the one that it takes the
// place of, if a pin of the trial may ask for it.
func (x *exchange) remember(leg faults.Leg, message earlier) earlier {
	key := repeatable{x.Link.Link, leg, x.facts.Operation, x.facts.MerchantReference, x.facts.RefundReference}
	if key.kind == faults.NotifyRefund { // a payment's news and its refunds' overtake each other
		key.kind, key.refund = faults.NotifyPayment, ""
	}
	x.Register.mu.Lock()
	defer x.Register.mu.Unlock()
	c := x.Register.trials[x.trial]
	if c == nil || !c.remembers {
		return earlier{}
	}
	before := c.kept[key]
	c.kept[key] = message
	return before
}

// repeatEarlier sends the callee the earlier request once more. Its answer
// reaches nobody.
func (a *legActions) repeatEarlier(p part) {
	if a.earlier.request == nil {
		a.x.Register.miss(p.armed, faults.PreEmpted, nothingEarlier)
		return
	}
	a.fire(p, "an earlier request was sent again")
	alone := &legActions{x: a.x, leg: a.leg, parts: []part{p}}
	copies, _ := a.copies()
	a.x.Register.begin(a.x.trial)
	a.x.serving.Go(func() {
		defer a.x.Register.end(a.x.trial)
		a.x.sendCopy(a.earlier.request, alone, copies+1)
	})
}
