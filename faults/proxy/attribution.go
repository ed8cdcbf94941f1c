package proxy

import (
	"maps"
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// claim is what speaks for a message's belonging to a trial.
type claim struct {
	link    faults.Link
	facts   journal.Facts
	traceID string       // of the W3C trace context that came with it, if any
	named   faults.Trial // by payquake's own driver or provider, if any
}

// attribute finds the trial of a message, in this order: a reference that is
// bound; the name that payquake's own parties give; the trace context; the
// reserved amount; the trial that waits for a payment of other people's. Trace context never wins against a binding, since query
// jobs and batches carry a stranger's. A message that binds to nothing is
// unattributed, never guessed.
func (r *Register) attribute(c claim) (faults.Trial, journal.Attribution) {
	if c.facts.Operation == faults.Certificates {
		return faults.RunTrial, journal.ByReference
	}
	keys := bindings(c.link, c.facts)
	r.mu.Lock()
	trial, how := r.lookup(c, keys)
	var contradicted faults.Trial
	if trial != "" {
		contradicted = r.bind(trial, keys)
		r.noteBegun(trial, c)
	} else {
		r.unattributed[messageKind{c.link, c.facts.Operation}] = r.clock.Now()
	}
	r.mu.Unlock()
	if contradicted != "" {
		r.contradiction(trial, contradicted, "one message names references of both")
	}
	return trial, how
}

func (r *Register) lookup(c claim, keys []string) (faults.Trial, journal.Attribution) {
	for _, key := range keys {
		if trial, bound := r.byReference[key]; bound {
			return trial, journal.ByReference
		}
	}
	if r.trials[c.named] != nil {
		return c.named, journal.ByHeader
	}
	if trial, known := r.byTrace[c.traceID]; known {
		return trial, journal.ByTrace
	}
	if c.facts.Operation == faults.Create || c.facts.Operation == faults.PayCode {
		if trial, reserved := r.byAmount[c.facts.Amount]; reserved {
			return trial, journal.ByAmount
		}
		if trial, holds := r.turns[turn{providerOf(c.link), c.facts.Amount}]; holds {
			return trial, journal.ByAmount
		}
	}
	if c.facts.Operation == faults.Create {
		if trial, waited := r.arrives(c); waited {
			return trial, journal.ByArrival
		}
	}
	return "", journal.Unattributed
}

// turn is the right to begin a payment of an amount that several trials have, where
// prices are fixed: one trial at a time, so that the amount tells whose it is.
type turn struct {
	provider string
	amount   payment.Money
}

// TakeTurn gives a trial the turn to begin a payment, if nobody else has it. It
// ends once the payment is known, or by EndTurn.
func (r *Register) TakeTurn(trial faults.Trial, provider payment.ProviderName, amount payment.Money) bool {
	wanted := turn{string(provider), amount}
	r.mu.Lock()
	defer r.mu.Unlock()
	if holder, taken := r.turns[wanted]; taken && holder != trial && r.trials[holder] != nil {
		return false
	}
	r.turns[wanted] = trial
	return true
}

// EndTurn gives back the turn that a trial holds, if it does.
func (r *Register) EndTurn(trial faults.Trial) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endTurns(trial)
}

// HoldsTurn reports whether a trial still waits for its payment to be known.
func (r *Register) HoldsTurn(trial faults.Trial) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, holder := range r.turns {
		if holder == trial {
			return true
		}
	}
	return false
}

// endTurns ends the turns of a trial. The register is locked.
func (r *Register) endTurns(trial faults.Trial) {
	maps.DeleteFunc(r.turns, func(_ turn, holder faults.Trial) bool { return holder == trial })
}

// bind ties the references to the trial for good. If one is bound to another
// trial already, that trial is returned.
func (r *Register) bind(trial faults.Trial, keys []string) (other faults.Trial) {
	for _, key := range keys {
		bound, already := r.byReference[key]
		if !already {
			r.byReference[key] = trial
		} else if bound != trial {
			other = bound
		}
	}
	return other
}

// bindAnswer ties what an answer reveals (a code, an order's id, a provider's
// reference) to the trial of its request.
func (r *Register) bindAnswer(link faults.Link, trial faults.Trial, facts journal.Facts) {
	if trial == "" || trial == faults.RunTrial {
		return
	}
	r.mu.Lock()
	other := r.bind(trial, bindings(link, facts))
	r.mu.Unlock()
	if other != "" {
		r.contradiction(trial, other, "an answer names a reference of another trial")
	}
}

// Scan is what the shopper of a trial holds in hand: a code, or what the wallet
// showed on opening one, the reference of the payment.
type Scan struct {
	Trial     faults.Trial              `json:"trial"`
	Provider  payment.ProviderName      `json:"provider"`
	Code      string                    `json:"code,omitempty"`
	Reference payment.MerchantReference `json:"reference,omitempty"`
}

// Scanned proves, or supplies, the binding of a code or a reference. A
// contradiction is recorded for both trials.
func (r *Register) Scanned(scan Scan) {
	trial := scan.Trial
	link := faults.LinkBetween("merchant", string(scan.Provider))
	facts := journal.Facts{Operation: faults.Create, Code: scan.Code, MerchantReference: scan.Reference}
	r.mu.Lock()
	other := r.bind(trial, bindings(link, facts))
	r.noteBegun(trial, claim{link: link, facts: facts})
	r.mu.Unlock()
	if other != "" {
		r.contradiction(trial, other, "the shopper of one scanned the code of the other")
	}
}

func (r *Register) contradiction(one, other faults.Trial, detail string) {
	r.stage(one, journal.Stage{Name: journal.Contradiction, Detail: detail + ": trial " + string(other)})
	r.stage(other, journal.Stage{Name: journal.Contradiction, Detail: detail + ": trial " + string(one)})
}

// noteBegun remembers the payments that a call begins. The register is locked.
func (r *Register) noteBegun(trial faults.Trial, c claim) {
	known := r.trials[trial]
	begins := c.facts.Operation == faults.Create || c.facts.Operation == faults.PayCode
	if known == nil || !begins || c.facts.MerchantReference == "" {
		return
	}
	provider := providerOf(c.link)
	if !slices.Contains(known.payments[provider], c.facts.MerchantReference) {
		if known.payments == nil {
			known.payments = map[string][]payment.MerchantReference{}
		}
		known.payments[provider] = append(known.payments[provider], c.facts.MerchantReference)
		r.endTurns(trial)
	}
}

// otherPayment is the latest payment of the trial at the link's provider that
// is not the given one; "" if there is none.
func (r *Register) otherPayment(trial faults.Trial, link faults.Link, own payment.MerchantReference) payment.MerchantReference {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.trials[trial]
	if known == nil {
		return ""
	}
	for _, other := range slices.Backward(known.payments[providerOf(link)]) {
		if other != own {
			return other
		}
	}
	return ""
}

// providerOf is the end of a link that is not the merchant, or the merchant if
// the other end is a shopper.
func providerOf(link faults.Link) string {
	if link.To() == "merchant" && link.From() != "shopper" {
		return link.From()
	}
	return link.To()
}

// bindings are the keys under which a message's references are bound. A
// provider's references are its own name space, whichever way the link runs.
func bindings(link faults.Link, facts journal.Facts) []string {
	system := providerOf(link)
	var keys []string
	add := func(kind, reference string) {
		if reference != "" {
			keys = append(keys, system+"/"+kind+"/"+reference)
		}
	}
	add("payment", string(facts.MerchantReference))
	add("refund", string(facts.RefundReference))
	add("provider", string(facts.ProviderReference))
	add("code", facts.Code)
	for _, part := range facts.Parts {
		add("payment", string(part.MerchantReference))
		add("provider", string(part.ProviderReference))
		if part.OrderID != "" {
			keys = append(keys, "order/"+part.OrderID)
		}
	}
	if facts.OrderID != "" {
		keys = append(keys, "order/"+facts.OrderID)
	}
	return keys
}
