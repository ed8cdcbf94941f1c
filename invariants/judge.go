package invariants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// Judge judges a run by every invariant. It is a pure function: the same
// evidence gives the same verdict.
func Judge(e *Evidence) Verdict {
	j := &judging{evidence: e, verdict: Verdict{Run: e.Header.Run, Scenario: e.Header.Scenario, Seed: e.Header.Seed,
		Environment: e.Header.Environment, Merchant: e.Header.Merchant, MerchantBug: e.Header.MerchantBug,
		MerchantTwin: e.Header.MerchantTwin, Damage: e.Damage, RefusedHosts: e.RefusedHosts,
		Findings: []Finding{}, Pins: PinAccount{FiredByFault: map[string]int{}, RequiredFiredIDs: []string{}}}}
	j.reruns, j.worst = map[faults.Trial]map[string]bool{}, map[faults.Trial]Outcome{}
	j.wrong = map[wrongKey]map[string]payment.Money{}
	for _, trial := range e.Trials {
		if trial.Rerun {
			j.rerun(trial)
		}
	}
	j.count()
	for _, invariant := range Catalogue() {
		j.invariant(invariant)
	}
	j.sumWrong()
	j.sides()
	j.expectations()
	j.conclude()
	return j.verdict
}

// judging is a verdict in the making.
type judging struct {
	evidence *Evidence
	verdict  Verdict
	reruns   map[faults.Trial]map[string]bool // invariants violated by the reruns of a trial
	worst    map[faults.Trial]Outcome         // of all invariants
	wrong    map[wrongKey]map[string]payment.Money
}

// wrongKey is a trial's money of one currency; what is wrong with it is kept by
// invariant.
type wrongKey struct {
	trial    faults.Trial
	currency payment.Currency
}

func (j *judging) rerun(trial *Trial) {
	base := baseTrial(trial.ID)
	if j.reruns[base] == nil {
		j.reruns[base] = map[string]bool{}
	}
	for _, invariant := range Catalogue() {
		if invariant.Check(trial).Outcome() == Violated {
			j.reruns[base][invariant.ID] = true
		}
	}
}

func baseTrial(id faults.Trial) faults.Trial {
	for i := range len(id) {
		if id[i] == '~' {
			return id[:i]
		}
	}
	return id
}

func (j *judging) count() {
	counts := &j.verdict.Counts
	counts.Planned, counts.Unattributed = j.evidence.Plan.Count(), len(j.evidence.Unattributed)
	counts.Messages, counts.Unawaited = counts.Unattributed, j.evidence.Unawaited()
	for _, trial := range j.evidence.Trials {
		if trial.Rerun {
			continue
		}
		counts.Begun++
		if trial.Rested {
			counts.Rested++
		}
		counts.Messages += len(trial.Messages)
		for _, record := range trial.Postings {
			switch record.Posting.Kind {
			case journal.CapturePosting:
				counts.Captures++
				j.verdict.Money.Captured = plus(j.verdict.Money.Captured, record.Posting.Amount)
			case journal.RefundPosting, journal.ReversePosting:
				counts.Refunds++
				j.verdict.Money.Returned = plus(j.verdict.Money.Returned, record.Posting.Amount)
			case journal.FundingPosting:
			}
		}
		j.pins(trial)
	}
}

func (j *judging) pins(trial *Trial) {
	account := &j.verdict.Pins
	for _, fate := range trial.Fates() {
		fired := fate.Fate == faults.Fired
		if fired {
			account.FiredByFault[fate.Pin.Fault]++
		} else {
			account.NotFired = append(account.NotFired, NotFired{Pin: fate.Pin.ID, Fault: fate.Pin.Fault, Required: fate.Pin.Required,
				Reason: fate.Fate, Detail: fate.Detail})
		}
		switch {
		case fate.Pin.Required:
			account.Required++
			if fired {
				account.RequiredFired++
				account.RequiredFiredIDs = append(account.RequiredFiredIDs, fate.Pin.ID)
			}
		default:
			account.Optional++
			if fired {
				account.OptionalFired++
			}
		}
	}
}

// invariant judges all trials by one invariant and gathers its findings.
func (j *judging) invariant(invariant Invariant) {
	summary := Summary{ID: invariant.ID, Says: invariant.Says, Outcome: NotApplicable, Reason: invariant.absent}
	for _, trial := range j.evidence.Trials {
		if trial.Rerun {
			continue
		}
		judgement := invariant.Check(trial)
		outcome := judgement.Outcome()
		summary.add(outcome, judgement)
		if was, known := j.worst[trial.ID]; known {
			j.worst[trial.ID] = Worse(was, outcome)
		} else {
			j.worst[trial.ID] = outcome
		}
		for _, breach := range judgement.Breaches {
			j.found(invariant, trial, breach)
		}
		for _, breach := range judgement.Misled {
			j.verdict.Misled = append(j.verdict.Misled, j.finding(invariant, trial, breach))
		}
		for _, breach := range judgement.Mitigated {
			if !breach.Money.IsZero() {
				j.verdict.Mitigated = append(j.verdict.Mitigated, j.finding(invariant, trial, breach))
			}
		}
	}
	if summary.Outcome == Held && len(j.evidence.Damage) > 0 {
		summary.Outcome, summary.Reason = Inconclusive, "the evidence is damaged"
	}
	j.verdict.Invariants = append(j.verdict.Invariants, summary)
}

func (s *Summary) add(outcome Outcome, judgement Judgement) {
	switch outcome {
	case Held:
		s.Held++
	case Violated:
		s.Violated++
	case Inconclusive:
		s.Inconclusive++
		s.Reason = judgement.Inconclusive
	case NotApplicable:
		s.NotApplicable++
		if s.Outcome == NotApplicable {
			s.Reason = judgement.NotApplicable
		}
	}
	s.Outcome = Worse(s.Outcome, outcome)
	if s.Outcome == Held || s.Outcome == Violated {
		s.Reason = ""
	}
}

func (j *judging) finding(invariant Invariant, trial *Trial, breach Breach) Finding {
	kinds, path := trial.faultKinds(), trial.path()
	finding := Finding{ID: findingID(invariant.ID, path, kinds), Invariant: invariant.ID, Clause: breach.Clause, Trial: trial.ID,
		Reason: breach.Reason, Money: breach.Money, Faults: kinds, Path: path, Witness: breach.Witness,
		Trials: []faults.Trial{trial.ID}, Alone: NotRerun}
	if again, was := j.reruns[trial.ID]; was {
		finding.Alone = NeedsCompany
		if again[invariant.ID] {
			finding.Alone = Confirmed
		}
	}
	finding.Repeat = j.evidence.Header.Repeat + " " + finding.ID
	return finding
}

// found takes a breach into the findings; those of one identity are one.
func (j *judging) found(invariant Invariant, trial *Trial, breach Breach) {
	finding := j.finding(invariant, trial, breach)
	into := &j.verdict.Findings
	if invariant.Ours {
		into = &j.verdict.OurFault
	} else {
		if j.verdict.Money.AtFault == nil {
			j.verdict.Money.AtFault = map[string]payment.Money{}
		}
		j.verdict.Money.AtFault[invariant.ID] = plus(j.verdict.Money.AtFault[invariant.ID], breach.Money)
		j.isWrong(invariant, trial, breach.Money)
	}
	for i := range *into {
		known := &(*into)[i]
		if known.ID != finding.ID {
			continue
		}
		if !slices.Contains(known.Trials, trial.ID) {
			known.Trials = append(known.Trials, trial.ID)
		}
		if known.Alone == NotRerun && finding.Alone != NotRerun { // the trial that was run again speaks for all
			trials := known.Trials
			*known = finding
			known.Trials = trials
		}
		return
	}
	*into = append(*into, finding)
}

func (j *judging) isWrong(invariant Invariant, trial *Trial, money payment.Money) {
	key := wrongKey{trial.ID, money.Currency}
	if j.wrong[key] == nil {
		j.wrong[key] = map[string]payment.Money{}
	}
	j.wrong[key][invariant.ID] = plus(j.wrong[key][invariant.ID], money)
}

// sumWrong adds up what is wrong, each trial's money once.
func (j *judging) sumWrong() {
	for key, sums := range j.wrong {
		var most payment.Money
		for _, sum := range sums {
			if sum.Minor > most.Minor {
				most = sum
			}
		}
		if most.IsZero() {
			continue
		}
		if j.verdict.Money.Wrong == nil {
			j.verdict.Money.Wrong = map[payment.Currency]payment.Money{}
		}
		j.verdict.Money.Wrong[key.currency] = plus(j.verdict.Money.Wrong[key.currency], most)
	}
}

func (j *judging) expectations() {
	j.verdict.Expectations = []Expected{}
	for _, part := range j.evidence.Plan.Parts {
		for _, expectation := range part.Expect {
			happened := j.happened(part.Scenario, expectation)
			j.verdict.Expectations = append(j.verdict.Expectations, Expected{Scenario: part.Scenario, Expectation: expectation,
				Happened: happened, Met: happened >= expectation.AtLeast})
		}
	}
}

func (j *judging) happened(scenario string, expectation scenarios.Expectation) int {
	count := 0
	for _, trial := range j.evidence.Trials {
		if !trial.Rerun && trial.Planned.Scenario == scenario {
			count += trial.happened(expectation)
		}
	}
	return count
}

func (t *Trial) happened(expectation scenarios.Expectation) int {
	count := 0
	switch expectation.What {
	case scenarios.Captures:
		count = len(t.Captures())
	case scenarios.Refunds:
		for _, record := range t.Postings {
			if record.Posting.Kind == journal.RefundPosting {
				count++
			}
		}
	case scenarios.Notifications:
		for _, record := range t.Messages {
			notifies := record.Message.Operation == faults.NotifyPayment || record.Message.Operation == faults.NotifyRefund
			if notifies && record.Message.Leg == faults.RequestLeg && record.Message.Fate == journal.Passed {
				count++
			}
		}
	case scenarios.FaultFired:
		for _, fate := range t.Fates() {
			if fate.Pin.Fault == expectation.Fault && fate.Fate == faults.Fired {
				count++
			}
		}
	case scenarios.Rests:
		if t.Rested {
			count = 1
		}
	}
	return count
}

// conclude merges everything into the verdict's outcome. Green must be earned:
// a run that did nothing, was cut short, or is damaged holds nothing.
func (j *judging) conclude() {
	v := &j.verdict
	outcome := Held
	reason := func(text string, words ...any) {
		v.Reasons = append(v.Reasons, fmt.Sprintf(text, words...))
		outcome = Worse(outcome, Inconclusive)
	}
	for _, summary := range v.Invariants {
		if summary.Inconclusive > 0 {
			reason("%s is inconclusive in %d trials: %s", summary.ID, summary.Inconclusive, summary.Reason)
		}
		if summary.Outcome == Violated && !isOurs(summary.ID) {
			outcome = Worse(outcome, Violated)
		}
	}
	for _, fault := range v.OurFault {
		reason("payquake broke %s itself, in trial %s: %s", fault.Invariant, fault.Trial, fault.Reason)
	}
	for _, damage := range v.Damage {
		reason("%s", damage)
	}
	if j.evidence.Stopped != "" {
		reason("the run was stopped: %s", j.evidence.Stopped)
	} else if !j.evidence.Closed {
		reason("the run did not come to its end")
	}
	switch watched := j.evidence.Header.Capabilities.Watched; {
	case watched && v.Counts.Planned == 0:
		reason("no payment came while payquake watched: does your traffic buy anything, and is it sent to the merchant of this run?")
	case v.Counts.Begun < v.Counts.Planned || v.Counts.Planned == 0:
		reason("%d of %d planned trials were begun", v.Counts.Begun, v.Counts.Planned)
	}
	for _, expected := range v.Expectations {
		if !expected.Met {
			what := strings.TrimSpace(string(expected.What) + " " + expected.Fault)
			reason("scenario %s expects at least %d × %s; there were %d", expected.Scenario, expected.AtLeast, what, expected.Happened)
		}
	}
	v.Outcome = outcome
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return a.Compare(b, a.Money, b.Money) })
}

func isOurs(id string) bool {
	invariant, _ := Lookup(id)
	return invariant.Ours
}
