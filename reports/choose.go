package reports

import (
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// A page must stay light enough to be opened and mailed, however large the
// run. Trials that show something come first; of the others a sample of each
// kind, and then as many as a page can bear.
const (
	embeddedBytes = 11 << 20
	samplePerKind = 3
	heldTrials    = 600
)

// listed is a trial's row in the page's list.
type listed struct {
	ID       faults.Trial
	Shopper  string
	Method   payment.Method
	Provider payment.ProviderName
	Total    payment.Money
	Faults   []string
	Outcome  string // violated, inconclusive, misled, mitigated or held
	Breaks   []string
	Captured payment.Money
	Kept     payment.Money
	Scenario string
	Rerun    bool
	Drawn    bool
}

// rank orders outcomes, worst last.
func (l listed) rank() int {
	return slices.Index([]string{"held", "mitigated", "misled", "inconclusive", "violated"}, l.Outcome)
}

// Find is what the list's text filter looks at.
func (l listed) Find() string {
	return strings.ToLower(Clean(strings.Join(append(append([]string{string(l.ID), l.Shopper, string(l.Method), string(l.Provider),
		l.Total.Decimal(), l.Outcome, l.Scenario}, l.Faults...), l.Breaks...), " ")))
}

// rows lists every trial that was begun, reruns among them, whether it is
// drawn or not: a list with holes would be taken for the whole.
func (s *survey) rows(chosen []embedded) []listed {
	drawn := map[faults.Trial]bool{}
	for _, detail := range chosen {
		drawn[detail.ID] = true
	}
	rows := make([]listed, 0, len(s.evidence.Trials))
	for _, trial := range s.evidence.Trials {
		row := listed{ID: trial.ID, Shopper: trial.Planned.Shopper, Method: trial.Planned.Method, Provider: trial.Planned.Provider,
			Total: trial.Total(), Faults: firedIn(trial), Outcome: s.outcome(trial.ID), Breaks: s.violated(trial.ID),
			Scenario: trial.Planned.Scenario, Rerun: trial.Rerun, Drawn: drawn[trial.ID]}
		for _, capture := range trial.Captures() {
			if sum, err := row.Captured.Add(capture.Amount); err == nil {
				row.Captured = sum
			}
			if sum, err := row.Kept.Add(capture.Kept()); err == nil {
				row.Kept = sum
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// outcome is the worst that was said of the trial, for its mark in the list.
func (s *survey) outcome(trial faults.Trial) string {
	switch {
	case len(s.violated(trial)) > 0:
		return "violated"
	case s.unresolved(trial):
		return "inconclusive"
	case s.misled(trial):
		return "misled"
	case s.mitigated(trial):
		return "mitigated"
	default:
		return "held"
	}
}

// firedIn names the kinds of faults that fired in a trial.
func firedIn(trial *invariants.Trial) []string {
	var kinds []string
	for _, fate := range trial.Fates() {
		if fate.Fate == faults.Fired && !slices.Contains(kinds, fate.Pin.Fault) {
			kinds = append(kinds, fate.Pin.Fault)
		}
	}
	return kinds
}

// embedded is a trial's picture as it travels in the page.
type embedded struct {
	ID   faults.Trial
	JSON template.JS
}

// detail is what the page's script draws a trial from.
type detail struct {
	ID       faults.Trial `json:"id"`
	About    [][2]string  `json:"about"`
	Findings []proof      `json:"findings,omitempty"`
	sequence
	Books []bookLine  `json:"books"`
	Pins  [][4]string `json:"pins,omitempty"` // id, fault, place, fate
}

// proof is what an invariant said of the trial.
type proof struct {
	Tone      string   `json:"tone"`
	Invariant string   `json:"invariant"`
	Reason    string   `json:"reason"`
	Money     string   `json:"money,omitempty"`
	Cites     []string `json:"cites,omitempty"`
}

// choose picks the trials whose pictures the page carries, best first, until
// it is full, and returns them in the order of the list.
func (s *survey) choose() ([]embedded, error) {
	var chosen []embedded
	room := embeddedBytes
	for _, trial := range s.candidates() {
		text, err := json.Marshal(s.detail(trial))
		if err != nil {
			return nil, fmt.Errorf("encode trial %s: %w", trial.ID, err)
		}
		if len(text) > room {
			continue
		}
		room -= len(text)
		// Marshal writes <, > and & as escapes: no text in it can end the script.
		chosen = append(chosen, embedded{trial.ID, template.JS(text)})
	}
	place := map[faults.Trial]int{}
	for i, trial := range s.evidence.Trials {
		place[trial.ID] = i
	}
	slices.SortFunc(chosen, func(a, b embedded) int { return place[a.ID] - place[b.ID] })
	return chosen, nil
}

// candidates are the trials that findings name first, then all others that are
// violated, then what is inconclusive, misled or mitigated, then the sample.
func (s *survey) candidates() []*invariants.Trial {
	var witnesses []*invariants.Trial
	var ranked [5][]*invariants.Trial // by rank
	named := map[faults.Trial]bool{}
	for _, finding := range slices.Concat(s.verdict.OurFault, s.verdict.Findings) {
		named[finding.Trial] = true
	}
	kinds := map[string]int{}
	var sample, further []*invariants.Trial
	for _, trial := range s.evidence.Trials {
		rank := listed{Outcome: s.outcome(trial.ID)}.rank()
		base, _, _ := strings.Cut(string(trial.ID), "~")
		switch {
		case named[faults.Trial(base)]: // with its reruns
			witnesses = append(witnesses, trial)
		case rank > 0:
			ranked[rank] = append(ranked[rank], trial)
		default:
			kind := trial.Planned.Shopper + "\x00" + strings.Join(firedIn(trial), "\x00")
			if kinds[kind]++; kinds[kind] <= samplePerKind {
				sample = append(sample, trial)
			} else {
				further = append(further, trial)
			}
		}
	}
	held := slices.Concat(sample, further)
	return slices.Concat(witnesses, ranked[4], ranked[3], ranked[2], ranked[1], held[:min(heldTrials, len(held))])
}

// detail gathers what the picture of one trial shows, with all texts cleaned:
// the script that draws it trusts what it is given only to be text.
func (s *survey) detail(trial *invariants.Trial) detail {
	planned := trial.Planned
	d := detail{ID: trial.ID, Books: books(trial)}
	d.About = [][2]string{{"shopper", Clean(planned.Shopper)}, {"pays by", Clean(paysBy(planned))},
		{"total", planned.Total.String()}, {"scenario", Clean(planned.Scenario)}, {"rest", restText(trial)}, {"trace", Clean(trial.TraceID)}}
	var witness []journal.Ref
	for _, said := range s.opinions[trial.ID] {
		judgement := said.judgement
		for _, breach := range judgement.Breaches {
			witness = append(witness, breach.Witness...)
			d.Findings = append(d.Findings, proofOf("violated", said.invariant, breach))
		}
		for _, breach := range judgement.Misled {
			witness = append(witness, breach.Witness...)
			d.Findings = append(d.Findings, proofOf("misled", said.invariant, breach))
		}
		for _, breach := range judgement.Mitigated {
			d.Findings = append(d.Findings, proofOf("mitigated", said.invariant, breach))
		}
		if judgement.Outcome() == invariants.Inconclusive {
			d.inconclusive(said)
		}
	}
	d.sequence = draw(trial, witness)
	for _, fate := range trial.Fates() {
		text := string(fate.Fate)
		if fate.Times > 1 {
			text += fmt.Sprintf(" %d times", fate.Times)
		}
		if fate.Pin.Required && fate.Fate != faults.Fired {
			text += " (required)"
		}
		d.Pins = append(d.Pins, [4]string{Clean(fate.Pin.ID), Clean(fate.Pin.Fault), pinnedAt(fate.Pin),
			strings.TrimSpace(text + " " + Clean(fate.Detail))})
	}
	return d
}

// inconclusive adds why an invariant said nothing. One reason often stops many
// invariants, and is told once.
func (d *detail) inconclusive(said opinion) {
	reason := Clean(said.judgement.Inconclusive)
	for i := range d.Findings {
		if known := &d.Findings[i]; known.Tone == "inconclusive" && known.Reason == reason {
			known.Invariant += ", " + said.invariant
			return
		}
	}
	d.Findings = append(d.Findings, proof{Tone: "inconclusive", Invariant: said.invariant, Reason: reason})
}

// proofOf keeps a breach with the records that prove it.
func proofOf(tone, invariant string, breach invariants.Breach) proof {
	p := proof{Tone: tone, Invariant: invariant, Reason: Clean(breach.Reason), Money: amountText(breach.Money)}
	for _, ref := range breach.Witness {
		if name := refText(ref); name != "" {
			p.Cites = append(p.Cites, name)
		}
	}
	return p
}

// restText says how the trial ended.
func restText(trial *invariants.Trial) string {
	switch {
	case trial.Contradiction != "":
		return "its messages cannot be told apart: " + Clean(trial.Contradiction)
	case trial.Rested:
		return "reached"
	case trial.BoundPassed != "":
		return "not in time: " + Clean(trial.BoundPassed)
	default:
		return "the trial did not come to its end"
	}
}

// paysBy says how a trial pays, and where else.
func paysBy(planned scenarios.Trial) string {
	text := fmt.Sprintf("%s at %s", planned.Method, planned.Provider)
	if planned.Other != "" {
		text += ", then by code at " + string(planned.Other)
	}
	return text
}
