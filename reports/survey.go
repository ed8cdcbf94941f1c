package reports

import (
	"cmp"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/payment"
)

// survey is what the documents of one report share. A verdict sums over the
// run and keeps one witness per finding; a suite's JUnit speaks per scenario,
// the page per trial, and reconciliation per order. For these the same checks
// are asked again, once, for all documents.
type survey struct {
	evidence *invariants.Evidence
	verdict  invariants.Verdict
	opinions map[faults.Trial][]opinion
	tallies  map[string]map[string]*tally // by scenario and invariant
	affected []affected
	money    map[string]payment.Money // by finding, over all its trials
}

// opinion is what an invariant said of a trial, unless it held or was not
// applicable.
type opinion struct {
	invariant string
	judgement invariants.Judgement
}

// tally is an invariant's result over one scenario of the run.
type tally struct {
	outcome invariants.Outcome
	reason  string
}

// look asks every invariant about every trial, once.
func look(e *invariants.Evidence, v invariants.Verdict) *survey {
	s := &survey{evidence: e, verdict: v, opinions: map[faults.Trial][]opinion{}, tallies: map[string]map[string]*tally{}}
	for _, invariant := range invariants.Catalogue() {
		for _, trial := range e.Trials {
			s.ask(invariant, trial)
		}
	}
	s.affected = s.impact()
	s.rank()
	return s
}

// rank sums the money of each finding over its trials, and orders findings by
// it, broken safety rules first. The verdict knows the money of one trial per finding; an
// amount that many shoppers lost weighs more than a larger one lost once.
func (s *survey) rank() {
	s.money = map[string]payment.Money{}
	for _, a := range s.affected {
		if sum, err := s.money[a.Finding].Add(a.Money); err == nil {
			s.money[a.Finding] = sum
		}
	}
	s.verdict.Findings = slices.Clone(s.verdict.Findings)
	slices.SortStableFunc(s.verdict.Findings, func(a, b invariants.Finding) int {
		return a.Compare(b, s.moneyOf(a), s.moneyOf(b))
	})
}

// moneyOf is the money of all trials of a finding, as far as it can be added.
func (s *survey) moneyOf(finding invariants.Finding) payment.Money {
	if sum := s.money[finding.ID]; !sum.IsZero() {
		return sum
	}
	return finding.Money
}

// ask keeps an invariant's answer, and takes it into the tally of the trial's
// scenario.
func (s *survey) ask(invariant invariants.Invariant, trial *invariants.Trial) {
	judgement := invariant.Check(trial)
	outcome := judgement.Outcome()
	if outcome == invariants.Violated || outcome == invariants.Inconclusive || len(judgement.Mitigated)+len(judgement.Misled) > 0 {
		s.opinions[trial.ID] = append(s.opinions[trial.ID], opinion{invariant.ID, judgement})
	}
	if trial.Rerun { // a rerun confirms; it is counted nowhere
		return
	}
	sum := s.tally(trial.Planned.Scenario, invariant.ID)
	if worse := invariants.Worse(sum.outcome, outcome); worse != sum.outcome || sum.reason == "" {
		sum.outcome = worse
		sum.reason = judgement.Inconclusive + judgement.NotApplicable // at most one is set
	}
}

func (s *survey) tally(scenario, invariant string) *tally {
	if s.tallies[scenario] == nil {
		s.tallies[scenario] = map[string]*tally{}
	}
	if s.tallies[scenario][invariant] == nil {
		s.tallies[scenario][invariant] = &tally{outcome: invariants.NotApplicable}
	}
	return s.tallies[scenario][invariant]
}

// violated names the invariants that a trial breaks.
func (s *survey) violated(trial faults.Trial) []string {
	var names []string
	for _, said := range s.opinions[trial] {
		if said.judgement.Outcome() == invariants.Violated {
			names = append(names, said.invariant)
		}
	}
	return names
}

// mitigated reports whether the merchant made something good in the trial.
func (s *survey) mitigated(trial faults.Trial) bool {
	return slices.ContainsFunc(s.opinions[trial], func(said opinion) bool {
		return slices.ContainsFunc(said.judgement.Mitigated, func(b invariants.Breach) bool { return !b.Money.IsZero() })
	})
}

// misled reports whether the merchant believed a lie in the trial.
func (s *survey) misled(trial faults.Trial) bool {
	return slices.ContainsFunc(s.opinions[trial], func(said opinion) bool { return len(said.judgement.Misled) > 0 })
}

// unresolved reports whether something about the trial stayed inconclusive.
func (s *survey) unresolved(trial faults.Trial) bool {
	return slices.ContainsFunc(s.opinions[trial], func(said opinion) bool {
		return said.judgement.Outcome() == invariants.Inconclusive
	})
}

// concerned counts the trials that findings are about, each once.
func concerned(findings []invariants.Finding) int {
	trials := map[faults.Trial]bool{}
	for _, finding := range findings {
		for _, trial := range finding.Trials {
			trials[trial] = true
		}
	}
	return len(trials)
}

// byClause makes one line of what is no finding (what the merchant made good by
// itself, or where it was misled) under each clause, with all its trials and their
// money: how it came to that is no news.
func byClause(findings []invariants.Finding) []invariants.Finding {
	var grouped []invariants.Finding
	index := map[string]int{}
	for _, finding := range findings {
		clause := finding.Invariant + "/" + finding.Clause
		at, known := index[clause]
		if !known {
			index[clause] = len(grouped)
			finding.Trials = slices.Clone(finding.Trials)
			grouped = append(grouped, finding)
			continue
		}
		into := &grouped[at]
		into.Trials = append(into.Trials, finding.Trials...)
		if sum, err := into.Money.Add(finding.Money); err == nil {
			into.Money = sum
		}
	}
	return grouped
}

// atFault is the money that is wrong, without guessing exchange rates: amounts
// of a second currency are written beside the first.
func atFault(v invariants.Verdict) string {
	words := make([]string, 0, len(v.Money.Wrong))
	for _, currency := range sortedKeys(v.Money.Wrong) {
		words = append(words, v.Money.Wrong[currency].String())
	}
	return strings.Join(words, " + ")
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
