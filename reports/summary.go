package reports

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/payquake/payquake/invariants"
)

// shownFindings and shownReasons keep a summary short enough to be read on a
// CI job's page; the rest is counted.
const (
	shownFindings = 10
	shownReasons  = 5
)

// summary is for the page of a CI job, where nobody scrolls: the verdict, what
// was found, the money, and how much of the plan was done.
func summary(s *survey) ([]byte, error) {
	var text bytes.Buffer
	v := s.verdict
	word, tone := headline(v)
	mark := map[string]string{"held": "🟢", "violated": "🔴", "inconclusive": "🟡"}[tone]
	fmt.Fprintf(&text, "## %s payquake: %s\n\n%s\n\n", mark, word, markdown(sentenceCase(gist(v))))
	fmt.Fprintf(&text, "Scenario %s, seed %s, %s", code(v.Scenario), code(fmt.Sprint(v.Seed)), markdown(v.Environment))
	if v.Merchant != "" {
		fmt.Fprintf(&text, ", merchant %s", code(v.Merchant))
	}
	if v.MerchantBug != "" {
		fmt.Fprintf(&text, ", merchant bug %s", code(v.MerchantBug))
	}
	if v.MerchantTwin != "" {
		fmt.Fprintf(&text, ", merchant twin %s", code(v.MerchantTwin))
	}
	text.WriteString("\n")
	s.summaryFindings(&text, slices.Concat(v.OurFault, v.Findings))
	summarySides(&text, v)
	summaryMoney(&text, v)
	summaryReasons(&text, v)
	fmt.Fprintf(&text, "\n%d trials planned, %d begun, %d at rest · %d messages, %d given to no trial · pins fired: %d of %d required, %d of %d optional\n",
		v.Counts.Planned, v.Counts.Begun, v.Counts.Rested, v.Counts.Messages, v.Counts.Unattributed,
		v.Pins.RequiredFired, v.Pins.Required, v.Pins.OptionalFired, v.Pins.Optional)
	return text.Bytes(), nil
}

// summaryFindings puts the command into the last column, where a long one
// bends the table least.
func (s *survey) summaryFindings(text *bytes.Buffer, findings []invariants.Finding) {
	if len(findings) == 0 {
		return
	}
	text.WriteString("\n| finding | invariant | money | trials | faults | repeat |\n| --- | --- | ---: | ---: | --- | --- |\n")
	for _, finding := range findings[:min(shownFindings, len(findings))] {
		fmt.Fprintf(text, "| %s | %s | %s | %d | %s | %s |\n", code(finding.ID), markdown(finding.Invariant), s.moneyOf(finding),
			len(finding.Trials), markdown(list(finding.Faults, "none fired")), code(finding.Repeat))
	}
	if more := len(findings) - shownFindings; more > 0 {
		fmt.Fprintf(text, "\n… and %s more in the report.\n", counted(more, "finding"))
	}
}

// summaryMoney shows what the merchant made good by itself beside what is at
// fault: both cost the shopper's trust, only one is a finding.
func summaryMoney(text *bytes.Buffer, v invariants.Verdict) {
	text.WriteString("\n| money | |\n| --- | ---: |\n")
	fmt.Fprintf(text, "| captured | %s |\n| returned | %s |\n", v.Money.Captured, v.Money.Returned)
	for _, id := range sortedKeys(v.Money.AtFault) {
		fmt.Fprintf(text, "| at fault: %s | %s |\n", markdown(id), v.Money.AtFault[id])
	}
	for _, finding := range byClause(v.Mitigated) {
		fmt.Fprintf(text, "| mitigated by the merchant: %s | %s |\n", markdown(finding.Invariant), finding.Money)
	}
	for _, finding := range byClause(v.Misled) {
		fmt.Fprintf(text, "| misled by a signed lie: %s | %s |\n", markdown(finding.Invariant), finding.Money)
	}
}

// summaryReasons names the first few; the report has all of them.
func summaryReasons(text *bytes.Buffer, v invariants.Verdict) {
	why := reasons(v)
	if len(why) == 0 {
		return
	}
	title := "Inconclusive, because"
	if v.Outcome == invariants.Held {
		title = "Worth knowing"
	}
	fmt.Fprintf(text, "\n%s\n\n", title)
	for _, reason := range why[:min(shownReasons, len(why))] {
		fmt.Fprintf(text, "- %s\n", markdown(reason))
	}
	if more := len(why) - shownReasons; more > 0 {
		fmt.Fprintf(text, "- … and %d more\n", more)
	}
}
