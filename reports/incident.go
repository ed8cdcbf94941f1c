package reports

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/payquake/payquake/invariants"
)

// shownOrders bounds the lists of an incident report; the rest is counted.
const shownOrders = 100

// incident is the document for people. There is none without findings.
func incident(s *survey) ([]byte, error) {
	if len(s.verdict.Findings) == 0 {
		return nil, nil
	}
	lead := s.smallest()
	trial, known := s.evidence.Find(lead.Trial)
	var text bytes.Buffer
	s.incidentHead(&text, lead)
	s.incidentImpact(&text)
	if known {
		incidentTimeline(&text, trial, lead)
		incidentCause(&text, trial, lead)
	}
	s.incidentRepeat(&text, lead)
	if known {
		incidentBooks(&text, trial)
	}
	s.incidentActions(&text)
	s.incidentQuestions(&text)
	return text.Bytes(), nil
}

// smallest is, among the findings of the invariant that costs most, the one
// that is easiest to read: confirmed alone, with the fewest pins and records.
func (s *survey) smallest() invariants.Finding {
	first := s.verdict.Findings[0]
	best := first
	for _, finding := range s.verdict.Findings[1:] {
		if finding.Invariant == first.Invariant && s.size(finding) < s.size(best) {
			best = finding
		}
	}
	return best
}

// size measures how much there is to read. A pin weighs more than any record:
// each is one more suspect. What was not confirmed alone comes last.
func (s *survey) size(finding invariants.Finding) int {
	trial, known := s.evidence.Find(finding.Trial)
	if !known {
		return 1 << 30
	}
	size := 1000*len(trial.Planned.Pins) + len(trial.Records())
	if finding.Alone != invariants.Confirmed {
		size += 1 << 20
	}
	return size
}

// incidentHead says first that nothing of this is real. The document will be
// copied into trackers, where the folder it came from is not seen.
func (s *survey) incidentHead(text *bytes.Buffer, lead invariants.Finding) {
	v := s.verdict
	fmt.Fprintf(text, "# Incident report: %s (SIMULATED)\n\n", markdown(lead.Invariant))
	text.WriteString("> **Simulated.** This happened in a payquake run against mock providers. No real money moved and no real shopper was\n" +
		"> charged. Orders, references and amounts below exist in that run only.\n\n")
	fmt.Fprintf(text, "| | |\n| --- | --- |\n| run | %s |\n| scenario | %s, seed %s |\n| environment | %s |\n", code(v.Run), code(v.Scenario),
		code(fmt.Sprint(v.Seed)), markdown(v.Environment))
	if v.Merchant != "" {
		fmt.Fprintf(text, "| merchant | %s |\n", code(v.Merchant))
	}
	if v.MerchantBug != "" {
		fmt.Fprintf(text, "| merchant bug switched on | %s |\n", code(v.MerchantBug))
	}
	if v.MerchantTwin != "" {
		fmt.Fprintf(text, "| honest twin switched on | %s |\n", code(v.MerchantTwin))
	}
	fmt.Fprintf(text, "| verdict | %s: %s |\n", markdown(string(v.Outcome)), markdown(gist(v)))
	text.WriteString("\n## Summary\n\n")
	fmt.Fprintf(text, "In trial %s, %s.\n", code(string(lead.Trial)), markdown(strings.TrimSuffix(lead.Reason, ".")))
	if invariant, known := invariants.Lookup(lead.Invariant); known {
		fmt.Fprintf(text, "\nThe rule that this breaks, %s: %s\n", code(lead.Invariant), markdown(invariant.Says))
	}
}

// incidentImpact counts orders, not trials: a trial may hold several, and an
// order is what has to be mended.
func (s *survey) incidentImpact(text *bytes.Buffer) {
	text.WriteString("\n## Impact\n\n| finding | invariant | orders | money at fault | trials |\n| --- | --- | ---: | ---: | ---: |\n")
	orders := map[string]map[string]bool{}
	for _, a := range s.affected {
		if orders[a.Finding] == nil {
			orders[a.Finding] = map[string]bool{}
		}
		orders[a.Finding][string(a.Trial)+"/"+a.Order] = true
	}
	for _, finding := range s.verdict.Findings {
		fmt.Fprintf(text, "| %s | %s | %d | %s | %d |\n", code(finding.ID), markdown(finding.Invariant), len(orders[finding.ID]),
			s.moneyOf(finding), len(finding.Trials))
	}
	fmt.Fprintf(text, "\nIn the whole run %s were captured and %s returned.", s.verdict.Money.Captured, s.verdict.Money.Returned)
	if sum := atFault(s.verdict); sum != "" {
		fmt.Fprintf(text, " At fault: **%s**. An order that breaks several rules counts under each of them above, and once here.", sum)
	}
	text.WriteString("\n")
}

// incidentTimeline tells one trial from its first record to the merchant's
// books at rest. Every row cites its record, so that each can be checked.
func incidentTimeline(text *bytes.Buffer, trial *invariants.Trial, lead invariants.Finding) {
	drawn := draw(trial, lead.Witness)
	fmt.Fprintf(text, "\n## Timeline of trial %s\n\nTimes count from the trial's first record. Records are cited as source/number of %s; "+
		"◆ marks those that prove the finding.\n\n", code(string(trial.ID)), code("journal.jsonl"))
	text.WriteString("| time | what happened | record |\n| ---: | --- | --- |\n")
	hidden := 0
	for _, s := range drawn.Steps {
		if s.Quiet && !s.Witness {
			hidden++
			continue
		}
		proof := ""
		if s.Witness {
			proof = "◆ "
		}
		fmt.Fprintf(text, "| +%s | %s%s | %s |\n", s.At, proof, markdown(sentence(drawn.Lanes, s)), code(s.Ref))
	}
	for _, record := range trial.MerchantBook {
		for _, ref := range lead.Witness {
			if ref == record.Ref() {
				entry := record.Entry
				fmt.Fprintf(text, "| at rest | ◆ %s | %s |\n", markdown(strings.TrimSpace(fmt.Sprintf("the merchant's books: %s %s is %s %s", entry.Kind,
					cmp.Or(string(entry.RefundReference), string(entry.MerchantReference), entry.OrderID), cmp.Or(entry.State, "there"),
					amountText(entry.Amount)))), code(refText(record.Ref())))
			}
		}
	}
	if hidden > 0 {
		fmt.Fprintf(text, "\n%s at a page that showed nothing new left out.\n", counted(hidden, "look"))
	}
}

// sentence writes a step in words.
func sentence(lanes []string, s step) string {
	words := strings.TrimSpace(s.Label + " " + s.Detail)
	if s.Kind == arrow || s.Kind == wallet {
		words = fmt.Sprintf("%s → %s: %s", lanes[s.From], lanes[s.To], words)
	} else {
		words = lanes[s.From] + ": " + words
	}
	if s.Edit != "" {
		words += "; changed on the way: " + s.Edit
	}
	if s.Copy > 0 {
		words += fmt.Sprintf("; copy %d", s.Copy)
	}
	if s.Fate != "" {
		words += "; " + s.Fate
	}
	if len(s.Faults) > 0 {
		words += " [" + strings.Join(s.Faults, ", ") + "]"
	}
	return words
}

// incidentCause lists the pins of the witness trial. It is the smallest cause
// that this run knows, which is not to say that there is no smaller one.
func incidentCause(text *bytes.Buffer, trial *invariants.Trial, lead invariants.Finding) {
	text.WriteString("\n## Smallest known cause\n\n")
	fmt.Fprintf(text, "Shopper %s paying by %s at %s", code(trial.Planned.Shopper), code(string(trial.Planned.Method)), code(string(trial.Planned.Provider)))
	fates := trial.Fates()
	if len(fates) == 0 {
		text.WriteString(", with no fault pinned to the trial.\n")
	} else {
		text.WriteString(", with these faults:\n\n| fault | where | fate |\n| --- | --- | --- |\n")
		for _, fate := range fates {
			fmt.Fprintf(text, "| %s | %s | %s |\n", code(fate.Pin.Fault), markdown(pinnedAt(fate.Pin)), markdown(string(fate.Fate)))
		}
	}
	fmt.Fprintf(text, "\nRun by itself: %s.\n", markdown(alone(lead)))
}

func (s *survey) incidentRepeat(text *bytes.Buffer, lead invariants.Finding) {
	text.WriteString("\n## How to repeat it\n\n" + block("sh", lead.Repeat))
	fmt.Fprintf(text, "\n%s repeats every finding and verifies that the same one is seen.\n", code("./repro.sh"))
}

// incidentBooks sets the two books side by side, as the page does.
func incidentBooks(text *bytes.Buffer, trial *invariants.Trial) {
	text.WriteString("\n## What each book says\n\n| | | merchant | provider | |\n| --- | --- | --- | --- | --- |\n")
	for _, line := range books(trial) {
		differs := ""
		if line.Differs {
			differs = "**differs**"
		}
		fmt.Fprintf(text, "| %s | %s | %s | %s | %s |\n", line.What, code(line.Name), markdown(cmp.Or(line.Merchant, "—")),
			markdown(cmp.Or(line.Provider, "—")), differs)
	}
}

// incidentActions is the part that an accountant would work from: per order,
// what to ask the provider and what to do then.
func (s *survey) incidentActions(text *bytes.Buffer) {
	text.WriteString("\n## Reconciliation\n\nWhat people would do if this were real, per affected order.\n\n")
	text.WriteString("| trial | order | money | action | records |\n| --- | --- | ---: | --- | --- |\n")
	all := s.affected
	for _, a := range all[:min(shownOrders, len(all))] {
		var refs []string
		for _, ref := range a.Witness {
			if name := refText(ref); name != "" {
				refs = append(refs, code(name))
			}
		}
		fmt.Fprintf(text, "| %s | %s | %s | %s | %s |\n", code(string(a.Trial)), code(cmp.Or(a.Order, "none")), a.Money, a.todo(), strings.Join(refs, " "))
	}
	if more := len(all) - shownOrders; more > 0 {
		fmt.Fprintf(text, "\n… and %d more; %s lists their trials.\n", more, code("report.html"))
	}
}

// incidentQuestions lists what the run could not settle, and findings of which
// it is not known whether they need the company of other trials.
func (s *survey) incidentQuestions(text *bytes.Buffer) {
	text.WriteString("\n## Open questions\n\n")
	why := reasons(s.verdict)
	open := len(why)
	for _, reason := range why {
		fmt.Fprintf(text, "- %s\n", markdown(reason))
	}
	for _, finding := range s.verdict.Findings {
		if finding.Alone != invariants.Confirmed {
			open++
			fmt.Fprintf(text, "- %s (%s): %s\n", code(finding.ID), markdown(finding.Invariant), markdown(alone(finding)))
		}
	}
	if open == 0 {
		text.WriteString("None: nothing in this run stayed inconclusive, and every finding was confirmed alone.\n")
	}
}
