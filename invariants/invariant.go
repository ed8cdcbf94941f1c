package invariants

import (
	"fmt"
	"slices"

	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Outcome is what was concluded. The zero value proves nothing.
type Outcome string

// The outcomes. Violated beats inconclusive, which beats held; what is not
// applicable has no say.
const (
	Inconclusive  Outcome = "inconclusive"
	Held          Outcome = "held"
	Violated      Outcome = "violated"
	NotApplicable Outcome = "not-applicable"
)

// Worse merges two outcomes.
func Worse(a, b Outcome) Outcome {
	rank := map[Outcome]int{NotApplicable: 0, Held: 1, Inconclusive: 2, "": 2, Violated: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Invariant is one thing that must always be true.
type Invariant struct {
	ID   string
	Says string // one sentence an accountant would sign
	// Clauses are its parts; every breach names one.
	Clauses []Clause
	// Ours: a breach accuses payquake, not the merchant.
	Ours  bool
	check func(*Trial) Judgement
	// absent says why it is never applicable yet; "" if it is checked.
	absent string
}

// Clause is one part of an invariant.
type Clause struct {
	Name string
	Says string
	// Shown: a breach is shown by records that are there, whatever else may be
	// missing. A breach of any other clause may be a hole in the evidence.
	Shown bool
	// Books: it compares what the merchant's books say of payments and refunds. Of a
	// merchant that does not export them nothing of the kind is known.
	Books bool
	// Orders: it is about orders, as their shoppers and the merchant's pages know
	// them. Where the shoppers were not payquake's nothing of the kind is known.
	Orders bool
}

// Judgement is what one invariant says of one trial. The zero value: held.
type Judgement struct {
	NotApplicable string // why, if it is
	Inconclusive  string // why, if nothing can be said
	Breaches      []Breach
	Mitigated     []Breach // would have been one, but the merchant made it good by itself
	Misled        []Breach // would have been one, but a lie stands behind it that every demanded check agreed with
}

// Breach is one violation with its witness: the smallest set of records that
// shows it.
type Breach struct {
	Clause  string
	Reason  string
	Money   payment.Money
	Witness []journal.Ref
}

// Outcome is the judgement in a word.
func (j Judgement) Outcome() Outcome {
	switch {
	case len(j.Breaches) > 0:
		return Violated
	case j.NotApplicable != "":
		return NotApplicable
	case j.Inconclusive != "":
		return Inconclusive
	default:
		return Held
	}
}

// breach adds a breach. References to records that were never made (the page
// of an order of which the shopper was not told) are left out of the witness.
func (j *Judgement) breach(clause string, money payment.Money, witness []journal.Ref, reason string, words ...any) {
	j.Breaches = append(j.Breaches, breachOf(clause, money, witness, reason, words...))
}

func breachOf(clause string, money payment.Money, witness []journal.Ref, reason string, words ...any) Breach {
	witness = slices.DeleteFunc(witness, func(ref journal.Ref) bool { return ref == journal.Ref{} })
	return Breach{Clause: clause, Money: money, Witness: witness, Reason: fmt.Sprintf(reason, words...)}
}

// Catalogue lists every invariant.
func Catalogue() []Invariant {
	return []Invariant{
		noLostPayment(), noDoubleCharge(), noPhantomPayment(), noWrongAmount(), noRefundBeyondCapture(), noLostRefund(),
		noDoubleFulfilment(), noLostFulfilment(), noStateRegression(), noForgedMessageAccepted(), noUnkeptAcknowledgement(),
		everyValidNotificationIsAcknowledged(), everyPaymentReachesTerminalState(), everyWillingShopperCanPay(),
		everyPaymentIsTraced(), moneyIsConserved(), everyFaultIsAccounted(),
		merchantBalancesAddUp(),
		{ID: "merchant-books-match-statement", Says: "Every statement row is booked, or is a day shift or suspense item inside the holding period, or is reported.",
			absent: "no provider issues statements in this version"},
		{ID: "merchant-reports-discrepancies", Says: "Every injected statement difference is listed once in its class.",
			absent: "no provider issues statements in this version"},
		{ID: "no-personal-data-in-telemetry", Says: "Planted personal data appears in no span, log or message to a party that has no business with it.",
			absent: "no personal data is planted in this version"},
	}
}

// Lookup finds an invariant by id.
func Lookup(id string) (Invariant, bool) {
	for _, invariant := range Catalogue() {
		if invariant.ID == id {
			return invariant, true
		}
	}
	return Invariant{}, false
}

// Check judges one trial by one invariant. What must be known before anything
// can be said is checked here, for all: a check that panics is inconclusive.
func (i Invariant) Check(t *Trial) (judgement Judgement) {
	if i.absent != "" {
		return Judgement{NotApplicable: i.absent}
	}
	defer func() {
		if cause := recover(); cause != nil {
			judgement = Judgement{Inconclusive: fmt.Sprintf("the check panicked: %v", cause)}
		}
	}()
	judgement = i.check(t)
	switch provides := t.evidence.Header.Capabilities; {
	case provides.Watched:
		i.without(&judgement, "its shoppers were not payquake's, and of its orders nothing is known", func(c Clause) bool { return c.Books || c.Orders })
	case !provides.Books:
		i.without(&judgement, "this merchant does not export its books", func(c Clause) bool { return c.Books })
	}
	i.mistrustHoles(t, &judgement)
	if len(judgement.Breaches) > 0 && t.Contradiction != "" && !i.Ours {
		return Judgement{Inconclusive: "its messages cannot be told from another trial's: " + t.Contradiction}
	}
	if judgement.Outcome() == Held {
		judgement.Inconclusive = t.unresolved()
	}
	return judgement
}

// without drops what only evidence could show that there is not. An invariant that
// is about nothing else is not applicable.
func (i Invariant) without(judgement *Judgement, reason string, needs func(Clause) bool) {
	unknowable := func(breach Breach) bool {
		return slices.ContainsFunc(i.Clauses, func(c Clause) bool { return c.Name == breach.Clause && needs(c) })
	}
	judgement.Breaches = slices.DeleteFunc(judgement.Breaches, unknowable)
	judgement.Misled = slices.DeleteFunc(judgement.Misled, unknowable)
	if !slices.ContainsFunc(i.Clauses, func(c Clause) bool { return !needs(c) }) {
		*judgement = Judgement{NotApplicable: reason}
	}
}

// mistrustHoles drops breaches that missing records could explain away: those of
// a damaged journal, and those that a run which ended early did not gather any
// more. Each source is gathered by itself, so goods may have been seen to leave
// when the capture before it was not.
func (i Invariant) mistrustHoles(t *Trial, judgement *Judgement) {
	if len(judgement.Breaches) == 0 || (t.Collected && !t.evidence.holed()) {
		return
	}
	judgement.Breaches = slices.DeleteFunc(judgement.Breaches, func(breach Breach) bool { return !i.isShown(breach.Clause) })
	if len(judgement.Breaches) == 0 {
		judgement.NotApplicable, judgement.Inconclusive = "", "records are missing that could explain what was found"
	}
}

func (i Invariant) isShown(clause string) bool {
	return slices.ContainsFunc(i.Clauses, func(c Clause) bool { return c.Name == clause && c.Shown })
}

// holed reports whether records that were written are missing or damaged.
func (e *Evidence) holed() bool {
	return slices.ContainsFunc(e.Damage, func(d journal.Damage) bool { return d.Hole })
}

// unresolved says why nothing that seems right can be believed of the trial.
func (t *Trial) unresolved() string {
	switch {
	case t.Contradiction != "":
		return "its messages cannot be told from another trial's: " + t.Contradiction
	case !t.Collected:
		return "the trial did not come to its end"
	default:
		return ""
	}
}

// atRest is the judgement to give instead of one that needs the books at rest.
func (t *Trial) atRest() (Judgement, bool) {
	if t.Collected {
		return Judgement{}, true
	}
	return Judgement{Inconclusive: "the trial did not come to its end"}, false
}
