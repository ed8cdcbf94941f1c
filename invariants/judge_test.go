package invariants_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// TestWorse: violated beats inconclusive, which beats held; what is not
// applicable has no say, and the zero value proves nothing.
func TestWorse(t *testing.T) {
	var zero invariants.Outcome
	ascending := []invariants.Outcome{invariants.NotApplicable, invariants.Held, invariants.Inconclusive, invariants.Violated}
	for i, better := range ascending {
		for _, worse := range ascending[i:] {
			require.Equal(t, worse, invariants.Worse(better, worse))
			require.Equal(t, worse, invariants.Worse(worse, better))
		}
	}
	require.Equal(t, zero, invariants.Worse(zero, invariants.Held), "nothing known beats held")
	require.Equal(t, invariants.Violated, invariants.Worse(zero, invariants.Violated))
	require.NotEqual(t, invariants.Held, invariants.Judge(invariants.NewEvidence(scenarios.Plan{})).Outcome, "no evidence holds nothing")
}

// TestJudge_GreenMustBeEarned: whatever is missing from a run makes it
// inconclusive, with the reason, although no rule is broken.
func TestJudge_GreenMustBeEarned(t *testing.T) {
	unfired := pin("t1.1", "lost-answer", true)
	expects := func(what scenarios.Happening, fault string, atLeast int) *story {
		return paidRun().with(func(s *story) {
			s.plan.Parts[0].Expect = []scenarios.Expectation{{What: what, Fault: fault, AtLeast: atLeast}}
		}).ends()
	}
	for reason, run := range map[string]*story{
		"the run did not come to its end":                               paidRun().stage(journal.Rested, "").collected(),
		"the run was stopped: interrupt":                                stopped(),
		"1 of 2 planned trials were begun":                              twoPlanned(),
		"scenario story expects at least 2 × captures; there were 1":    expects(scenarios.Captures, "", 2),
		"scenario story expects at least 1 × refunds; there were 0":     expects(scenarios.Refunds, "", 1),
		"scenario story expects at least 2 × notifications; there were": expects(scenarios.Notifications, "", 2),
		"scenario story expects at least 1 × fired noop; there were 0":  expects(scenarios.FaultFired, "noop", 1),
		"scenario story expects at least 2 × rests; there were 1":       expects(scenarios.Rests, "", 2),
		"required pin t1.1 (lost-answer) did not fire: never-sent": run(unfired).placed("o1", 1000).
			marks(payment.OrderClosed).ended(unfired, faults.NeverSent).ends(),
	} {
		v := invariants.Judge(run.evidence())
		require.Equal(t, invariants.Inconclusive, v.Outcome, reason)
		require.Contains(t, strings.Join(v.Reasons, "\n"), reason)
		require.Empty(t, v.Findings)
	}
	for _, what := range []scenarios.Happening{scenarios.Captures, scenarios.Notifications, scenarios.Rests} {
		require.Equal(t, invariants.Held, invariants.Judge(expects(what, "", 1).evidence()).Outcome, what)
	}
}

func stopped() *story {
	s := paidRun().stage(journal.Rested, "").collected()
	s.trial = ""
	s.stage(journal.RunStopped, "interrupt")
	s.trial = "t1"
	return s
}

func twoPlanned() *story {
	return paidRun().with(func(s *story) {
		other := *s.planned()
		other.ID = "t2"
		s.plan.Batches[0].Trials = append(s.plan.Batches[0].Trials, other)
	}).ends()
}

// TestJudge_ViolatedBeatsInconclusive: a run that was cut short can still show
// that something is wrong.
func TestJudge_ViolatedBeatsInconclusive(t *testing.T) {
	e := run().placed("o1", 1000).captured("p1", 1000).marks(payment.OrderClosed).stage(journal.Rested, "").collected().evidence()
	e.Damage = []journal.Damage{{Line: 3, What: "the line is cut off"}}
	v := invariants.Judge(e)
	require.Equal(t, invariants.Violated, v.Outcome)
	require.Contains(t, v.Reasons, "journal.jsonl:3: the line is cut off")
	require.Contains(t, v.Reasons, "the run did not come to its end")
}

// TestJudge_DamageNeverHolds: neither the run nor any invariant holds on
// evidence that is not whole.
func TestJudge_DamageNeverHolds(t *testing.T) {
	e := paidRun().ends().evidence()
	e.Damage = []journal.Damage{{What: "it is not sealed: the run did not come to its end"}}
	v := invariants.Judge(e)
	require.Equal(t, invariants.Inconclusive, v.Outcome)
	for _, summary := range v.Invariants {
		require.NotEqual(t, invariants.Held, summary.Outcome, summary.ID)
	}
}

// TestJudge_OurFault: where payquake's own ledger does not add up, nothing is
// said against the merchant, and nothing for it.
func TestJudge_OurFault(t *testing.T) {
	v := invariants.Judge(paidRun().posts(journal.FundingPosting, "", "", journal.Posting{Amount: payment.Fen(1)}).ends().evidence())
	require.Empty(t, v.Findings)
	require.Len(t, v.OurFault, 1)
	require.Equal(t, "money-is-conserved", v.OurFault[0].Invariant)
	require.Equal(t, invariants.Inconclusive, v.Outcome)
	require.Empty(t, v.Money.AtFault)
}

// TestJudge_RequiredPins: every pin is accounted for; a required one must have
// fired, an optional one need not.
func TestJudge_RequiredPins(t *testing.T) {
	required, optional, silent := pin("t1.1", "lost-answer", true), pin("t1.2", "latency", false), pin("t1.3", "noop", false)
	begin := func() *story { return run(required, optional, silent).placed("o1", 1000).marks(payment.OrderClosed) }
	v := invariants.Judge(begin().fired(required).fired(required).ended(required, faults.NeverSent).ended(optional, faults.PreEmpted).ends().evidence())
	require.Equal(t, invariants.Held, v.Outcome)
	require.Equal(t, invariants.PinAccount{Required: 1, RequiredFired: 1, Optional: 2, RequiredFiredIDs: []string{"t1.1"},
		FiredByFault: map[string]int{"lost-answer": 1},
		NotFired:     []invariants.NotFired{{Pin: "t1.2", Fault: "latency", Reason: faults.PreEmpted}, {Pin: "t1.3", Fault: "noop", Reason: faults.NeverSent}}}, v.Pins)

	for fate, run := range map[faults.Fate]*story{
		faults.TimeLimit:  begin().ended(required, faults.TimeLimit).ends(),
		faults.NeverSent:  begin().ends(),
		faults.TrialEnded: begin().collected().closed(), // it never came to rest
	} {
		v := invariants.Judge(run.evidence())
		require.Equal(t, invariants.Inconclusive, v.Outcome, fate)
		require.Equal(t, fate, v.Pins.NotFired[0].Reason)
		require.True(t, v.Pins.NotFired[0].Required)
	}
}

// TestJudge_FindingIDs: a finding is the same wherever its rule is broken on
// the same way through the same kinds of faults, whatever the references,
// amounts and times; anything else is another finding.
func TestJudge_FindingIDs(t *testing.T) {
	lostAnswer, lateAnswer := pin("t1.1", "lost-answer", false), pin("t1.1", "latency", false)
	lost := func(ref payment.MerchantReference, minor int64, p faults.Pin) *story {
		return run(p).placed("o-"+string(ref), minor).fired(p).captured(ref, minor).marks(payment.OrderClosed)
	}
	id := func(run *story) string { return invariants.Judge(run.ends().evidence()).Findings[0].ID }
	first := id(lost("p1", 1000, lostAnswer))
	require.Regexp(t, `^[0-9a-f]{8}$`, first)
	require.Equal(t, first, id(lost("another", 77, lostAnswer).later(time.Hour)))
	renamed := lostAnswer
	renamed.ID = "t1.9"
	require.Equal(t, first, id(lost("p1", 1000, renamed)))

	seen := map[string]string{first: "the first"}
	for name, run := range map[string]*story{
		"another fault":   lost("p1", 1000, lateAnswer),
		"another shopper": lost("p1", 1000, lostAnswer).with(func(s *story) { s.planned().Shopper = "pay-again" }),
		"another method":  lost("p1", 1000, lostAnswer).with(func(s *story) { s.planned().Method = payment.MethodBarcode }),
		"another place":   lost("p1", 1000, lostAnswer).with(func(s *story) { s.planned().Pins[0].At = &faults.Address{Link: "a->b", Nth: 2} }),
		"another rule":    run(lostAnswer).placed("o1", 1000).fired(lostAnswer).books("p1", payment.Captured, 0).marks(payment.OrderPaid),
		"nothing fired":   run(lostAnswer).placed("o1", 1000).captured("p1", 1000).marks(payment.OrderClosed),
	} {
		found := id(run)
		require.Empty(t, seen[found], "%s has the id of %s", name, seen[found])
		seen[found] = name
	}
}

// TestJudge_SameFindingInManyTrials is one finding that names them all; its
// witness is that of the first in the plan's order, whoever's records came first.
func TestJudge_SameFindingInManyTrials(t *testing.T) {
	second := lostRun("t2", 700)
	first := lostRun("t1", 300)
	second.plan.Batches[0].Trials = append(first.plan.Batches[0].Trials, second.plan.Batches[0].Trials...)
	second.records, second.spans = append(second.records, first.records...), append(second.spans, first.spans...)
	v := invariants.Judge(second.evidence())
	require.Len(t, v.Findings, 1)
	require.Equal(t, []faults.Trial{"t1", "t2"}, v.Findings[0].Trials)
	require.Equal(t, faults.Trial("t1"), v.Findings[0].Trial)
	require.Equal(t, payment.Fen(300), v.Findings[0].Money)
	require.Equal(t, payment.Fen(1000), v.Money.AtFault["no-lost-payment"], "at fault is the sum")
	require.Equal(t, map[payment.Currency]payment.Money{payment.CNY: payment.Fen(1000)}, v.Money.Wrong)
	require.Equal(t, 2, v.Counts.Begun)
}

// What several invariants say of one trial's money is wrong once.
func TestJudge_WrongCountsATrialsMoneyOnce(t *testing.T) {
	s := run().opens().placed("o1", 1000).captured("p1", 1000).captured("p2", 1000).books("p1", payment.Captured, 1000).marks(payment.OrderPaid).ends()
	v := invariants.Judge(s.evidence())
	require.Equal(t, payment.Fen(1000), v.Money.AtFault["no-lost-payment"])
	require.Equal(t, payment.Fen(1000), v.Money.AtFault["no-double-charge"])
	require.Equal(t, map[payment.Currency]payment.Money{payment.CNY: payment.Fen(1000)}, v.Money.Wrong)
}

// A trial whose own faults are healed may still meet a merchant that another
// trial's fault has killed: silence is then no refusal. It is one afterwards.
func TestJudge_KilledByAnotherTrialsFault(t *testing.T) {
	const id = "every-valid-notification-is-acknowledged"
	crash := faults.Pin{ID: "t2.1", Trial: "t2", Fault: "merchant-crash"}
	told := func(tell func(*story)) *story {
		s := run().with(func(s *story) {
			other := *s.planned()
			other.ID, other.Pins = "t2", []faults.Pin{crash}
			s.plan.Batches[0].Trials = append(s.plan.Batches[0].Trials, other)
		}).placed("o1", 1000).captured("p1", 1000).healed()
		tell(s)
		return s.books("p1", payment.Captured, 1000).marks(payment.OrderPaid).released("k1").ends()
	}
	upAgain := func(s *story) {
		s.trial = "t2"
		s.add(journal.Harness, journal.Record{Pin: &journal.Pin{ID: crash.ID, Fault: crash.Fault, Phase: journal.PinHealed}})
		s.trial = "t1"
	}
	silent := func(s *story) { s.notified("p1", 1000, 0) }
	require.Equal(t, invariants.Held, told(func(s *story) { silent(s); upAgain(s) }).judged(t, id).Outcome())
	require.Equal(t, invariants.Violated, told(func(s *story) { upAgain(s); silent(s) }).judged(t, id).Outcome())
	require.Equal(t, invariants.Violated, told(func(s *story) { silent(s); upAgain(s); silent(s) }).judged(t, id).Outcome())
}

// lostRun is the story of a payment lost by some trial.
func lostRun(id faults.Trial, minor int64) *story {
	s := run()
	s.planned().ID, s.planned().Total = id, payment.Fen(minor)
	s.trial, s.records, s.spans = id, nil, nil
	return s.opens().placed("o-"+string(id), minor).captured(payment.MerchantReference("p-"+string(id)), minor).marks(payment.OrderClosed).ends()
}

// TestJudge_Reruns: a finding's trial that was run again alone confirms the
// finding, or shows that it needs company. Reruns are counted nowhere else.
func TestJudge_Reruns(t *testing.T) {
	for alone, state := range map[invariants.Alone]payment.OrderState{
		invariants.Confirmed: payment.OrderClosed, invariants.NeedsCompany: payment.OrderPaid} {
		s := run().placed("o1", 1000).captured("p1", 1000).marks(payment.OrderClosed).ends()
		s.believe, s.trial = nil, "t1~1"
		s.opens().placed("o2", 1000).captured("p2", 1000).books("p2", payment.Captured, 1000).marks(state).released("k2").ends()
		v := invariants.Judge(s.evidence())
		require.Len(t, v.Findings, 1)
		require.Equal(t, alone, v.Findings[0].Alone)
		require.Equal(t, 1, v.Counts.Begun)
		require.Equal(t, 1, v.Counts.Captures)
	}
}

// TestJudge_Twice: the same evidence gives the same verdict, also where several
// records break the same clause.
func TestJudge_Twice(t *testing.T) {
	several := paidRun()
	for _, refund := range []payment.RefundReference{"r1", "r2", "r3", "r4", "r5"} {
		several.asksRefund("q-"+string(refund), 10).refunded(refund, "p1", 10)
	}
	stories := []*story{several.ends(), refundedRun().ends()}
	for _, b := range broken() {
		stories = append(stories, b.run)
	}
	for _, run := range stories {
		e := run.evidence()
		first := invariants.Judge(e)
		for range 5 {
			require.Equal(t, first, invariants.Judge(e))
			require.Equal(t, first, invariants.Judge(run.evidence()))
		}
	}
	v := invariants.Judge(several.evidence())
	require.Len(t, v.Findings, 1)
	require.Contains(t, v.Findings[0].Reason, "under r1,", "the first of them is told")
}

// TestEvidence_RefusedHosts: a host that is no part of the run was asked for by
// somebody, in no trial's name.
func TestEvidence_RefusedHosts(t *testing.T) {
	s := paidRun()
	for _, by := range []faults.Trial{faults.RunTrial, "t1", ""} {
		s.trial = by
		s.stage(journal.Refused, "api.example.com")
		s.stage(journal.Refused, "pay.example.com")
	}
	s.trial = "t1"
	v := invariants.Judge(s.ends().evidence())
	require.Equal(t, []string{"api.example.com", "pay.example.com"}, v.RefusedHosts)
	require.Equal(t, invariants.Held, v.Outcome)
}

// TestEvidence_Unattributed: messages of no trial are counted, and those of the
// trial "run" (certificates) are nobody's.
func TestEvidence_Unattributed(t *testing.T) {
	s := paidRun()
	before := invariants.Judge(s.evidence()).Counts.Messages
	s.trial = ""
	s.message(notification("unknown", 5))
	s.trial = faults.RunTrial
	s.message(notification("unknown", 5))
	s.trial = "t1"
	counts := invariants.Judge(s.ends().evidence()).Counts
	require.Equal(t, 1, counts.Unattributed)
	require.Equal(t, before+1, counts.Messages)
}

// TestLoad_AdoptsWhatIsKnownLater: a killed merchant asks for a payment of which
// nobody has heard. Once its reference is known, from another message or from its
// books, the question is the trial's; what stays unknown, or is told of two
// trials, is nobody's.
func TestLoad_AdoptsWhatIsKnownLater(t *testing.T) {
	s := paidRun()
	asks := func(reference payment.MerchantReference) {
		s.trial = ""
		s.add(journal.Gateway, journal.Record{Message: &journal.Message{ID: "query-" + string(reference), Link: "merchant->wechatpay",
			Operation: faults.Query, Leg: faults.RequestLeg, Fate: journal.Passed, Attribution: journal.Unattributed,
			Sent: journal.Facts{Operation: faults.Query, MerchantReference: reference, Signature: journal.SignatureValid}}})
		s.trial = "t1"
	}
	asks("p1")
	asks("p9")
	folder := journal.Folder(t.TempDir())
	s.ends().save(t, folder)
	e, err := invariants.Load(folder)
	require.NoError(t, err)
	require.Len(t, e.Unattributed, 1)
	trial, _ := e.Find("t1")
	adopted := 0
	for _, record := range trial.Messages {
		if record.Message.Attribution == journal.Afterwards {
			adopted++
			require.Equal(t, payment.MerchantReference("p1"), record.Message.Sent.MerchantReference)
		}
	}
	require.Equal(t, 1, adopted)
	v := invariants.Judge(e)
	require.Equal(t, invariants.Held, v.Outcome, v.Reasons)
	require.Equal(t, 1, v.Counts.Unattributed)
}

// TestTrial_UntoldOrder: an order whose shopper was never told of it is known
// by its key, with the total that was confirmed and the call that asked for it.
func TestTrial_UntoldOrder(t *testing.T) {
	trial, _ := run().placedUntold("o1", 700).captured("p1", 700).books("p1", payment.Captured, 700).marks(payment.OrderPaid).
		released("k1").ends().evidence().Find("t1")
	require.Len(t, trial.Orders(), 1)
	order := trial.Orders()[0]
	require.Equal(t, payment.Fen(700), order.Total)
	require.Equal(t, journal.Ref{Source: journal.Harness, Number: 2}, order.Placed)
	for _, invariant := range invariants.Catalogue() {
		require.Empty(t, invariant.Check(trial).Breaches, invariant.ID)
	}
}

// TestTrial_Canary: the replacement of an order is an order of its own. What is
// paid for it is its own, even if the merchant forgets the reference, and does
// not make the first order look paid.
func TestTrial_Canary(t *testing.T) {
	begin := func(first payment.OrderState) *story {
		return run().placed("o1", 1000).books("p1", payment.Captured, 1000).marks(first).later(time.Second).placed("o2", 1000).captured("p2", 1000)
	}
	forgotten, _ := begin(payment.OrderClosed).marks(payment.OrderClosed).ends().evidence().Find("t1")
	require.Empty(t, forgotten.Orders()[0].Captures)
	require.Equal(t, payment.MerchantReference("p2"), forgotten.Orders()[1].Captures[0].Reference)

	phantom := begin(payment.OrderPaid).books("p2", payment.Captured, 1000).marks(payment.OrderPaid).released("k2").ends()
	breaches := phantom.judged(t, "no-phantom-payment").Breaches
	require.Len(t, breaches, 1, "the first order was paid by nobody")
	require.Equal(t, "captured-by-then", breaches[0].Clause)

	late := run().placed("o1", 1000).captured("p1", 1000).marks(payment.OrderClosed).later(time.Second).placed("o2", 1000).marks(payment.OrderClosed).ends()
	trial, _ := late.evidence().Find("t1")
	require.Len(t, trial.Orders()[0].Captures, 1, "a forgotten payment is for the order that was there when it was made")
}

// TestTrial_ForgottenReference: a capture whose reference the merchant has
// forgotten is still the order's own: nothing is phantom about it, but lost it is.
func TestTrial_ForgottenReference(t *testing.T) {
	s := run().placed("o1", 1000).captured("p1", 1000).marks(payment.OrderPaid).released("k1").ends()
	require.Equal(t, invariants.Held, s.judged(t, "no-phantom-payment").Outcome())
	require.Equal(t, invariants.Violated, s.judged(t, "no-lost-payment").Outcome())
}

// TestTrial_Records: all records of a trial, in the order of their time.
func TestTrial_Records(t *testing.T) {
	s := refundedRun().ends()
	trial, _ := s.evidence().Find("t1")
	records := trial.Records()
	require.True(t, slices.IsSortedFunc(records, func(a, b journal.Record) int { return a.At.Compare(b.At) }))
	require.Len(t, records, len(s.records)-4, "all but healed, rested, collected and the run's own end")
}

// TestJudge_SidesByProvider: a trial counts for the provider that it pays with
// first, its captures for the provider that made them, and the worst of all
// invariants is its side's outcome.
func TestJudge_SidesByProvider(t *testing.T) {
	fired := pin("t1.1", "noop", true)
	held := paidRun(fired).fired(fired).ended(fired, faults.Fired).ends().evidence()
	provider := held.Trials[0].Planned.Provider
	require.Equal(t, []invariants.Side{{Scenario: "story", Provider: provider, Outcome: invariants.Held, Trials: 1, Captures: 1, Fired: 1}},
		invariants.Judge(held).Sides)
	require.Equal(t, []payment.ProviderName{provider}, invariants.Judge(held).Providers())

	missing := paidRun(fired).ended(fired, faults.NeverSent).ends().evidence()
	side := invariants.Judge(missing).Sides[0]
	require.Equal(t, []any{invariants.Inconclusive, 1, 0}, []any{side.Outcome, side.Inconclusive, side.Fired})

	lost := paidRun().with(func(s *story) { s.forgets() }).ends().evidence()
	require.Equal(t, invariants.Judge(lost).Outcome, invariants.Judge(lost).Sides[0].Outcome)
}

// TestJudge_Watched: of a merchant whose shoppers were not payquake's no order is
// known. It is judged by what crossed the links and by the provider's book alone,
// at the amount that it asked for.
func TestJudge_Watched(t *testing.T) {
	watched := func(minor int64, status int) *story {
		return run().with(func(s *story) { s.header.Capabilities = journal.Capabilities{Watched: true} }).
			created("p1", minor).captured("p1", minor).healed().notified("p1", minor, status).forgets()
	}
	right := invariants.Judge(watched(777, 200).ends().evidence())
	require.Equal(t, invariants.Held, right.Outcome)
	for _, summary := range right.Invariants {
		if summary.ID == "no-lost-payment" || summary.ID == "no-double-charge" {
			require.Equal(t, invariants.NotApplicable, summary.Outcome)
			require.Contains(t, summary.Reason, "its shoppers were not payquake's")
		}
	}
	wrong := invariants.Judge(watched(777, 500).ends().evidence())
	require.Equal(t, "every-valid-notification-is-acknowledged", wrong.Findings[0].Invariant)
	require.Equal(t, payment.Fen(777), wrong.Findings[0].Money)
	beyond := watched(777, 200).refunded("r1", "p1", 777).refunded("r2", "p1", 1).forgets().ends()
	require.Equal(t, invariants.Violated, beyond.judged(t, "no-refund-beyond-capture").Outcome())
}

// TestJudge_WatchedButNothingCame: a run in which nobody bought proves nothing,
// and says what to look for.
func TestJudge_WatchedButNothingCame(t *testing.T) {
	s := run().with(func(s *story) {
		s.header.Capabilities, s.plan.Batches = journal.Capabilities{Watched: true}, nil
	}).closed()
	verdict := invariants.Judge(s.evidence())
	require.Equal(t, invariants.Inconclusive, verdict.Outcome)
	require.Contains(t, verdict.Reasons[0], "no payment came")
}
