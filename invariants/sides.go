package invariants

import (
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Side is one provider's part in one scenario: what the trials that pay with it
// came to. The same scenario with several providers stands side by side.
type Side struct {
	Scenario string               `json:"scenario"`
	Provider payment.ProviderName `json:"provider"`
	Outcome  Outcome              `json:"outcome"`
	Trials   int                  `json:"trials"`
	// Violated and Inconclusive count trials of which any invariant is so.
	Violated     int `json:"violated,omitempty"`
	Inconclusive int `json:"inconclusive,omitempty"`
	// Captures are those of the provider itself, also for trials that pay with
	// another one first; Fired are the trials' pins that fired.
	Captures int `json:"captures"`
	Fired    int `json:"fired"`
}

// sides tell the outcomes by scenario and provider, in the order of the plan.
func (j *judging) sides() {
	index := map[string]int{}
	side := func(scenario string, provider payment.ProviderName) *Side {
		key := scenario + "\n" + string(provider)
		at, known := index[key]
		if !known {
			at = len(j.verdict.Sides)
			index[key] = at
			j.verdict.Sides = append(j.verdict.Sides, Side{Scenario: scenario, Provider: provider, Outcome: NotApplicable})
		}
		return &j.verdict.Sides[at]
	}
	for _, part := range j.evidence.Plan.Parts {
		for _, provider := range j.providers(part.Scenario) {
			side(part.Scenario, provider)
		}
	}
	for _, trial := range j.evidence.Trials {
		if trial.Rerun {
			continue
		}
		s := side(trial.Planned.Scenario, trial.Planned.Provider)
		outcome := j.worst[trial.ID]
		s.Trials++
		s.Violated += one(outcome == Violated)
		s.Inconclusive += one(outcome == Inconclusive)
		s.Outcome = Worse(s.Outcome, outcome)
		for _, fate := range trial.Fates() {
			s.Fired += one(fate.Fate == faults.Fired)
		}
		for _, record := range trial.Postings {
			if record.Posting.Kind == journal.CapturePosting {
				side(trial.Planned.Scenario, record.Posting.Ledger).Captures++
			}
		}
	}
}

// providers are those that a scenario's trials are planned with, by name.
func (j *judging) providers(scenario string) []payment.ProviderName {
	var names []payment.ProviderName
	for _, batch := range j.evidence.Plan.Batches {
		for _, trial := range batch.Trials {
			if trial.Scenario == scenario && !slices.Contains(names, trial.Provider) {
				names = append(names, trial.Provider)
			}
		}
	}
	slices.Sort(names)
	return names
}

// Providers are the providers that a verdict tells of, by name.
func (v Verdict) Providers() []payment.ProviderName {
	var names []payment.ProviderName
	for _, side := range v.Sides {
		if !slices.Contains(names, side.Provider) {
			names = append(names, side.Provider)
		}
	}
	slices.Sort(names)
	return names
}

// one counts a fact.
func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
