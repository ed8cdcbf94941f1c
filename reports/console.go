package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
)

// Style says how the final text is laid out.
type Style struct {
	Colour bool
	// Width is where lines break; 0 leaves them whole. Commands never break:
	// they are there to be copied.
	Width int
	// Folder is the run folder, whose report is named at the end; "" names none.
	Folder journal.Folder
}

// Console writes the final text of a run for terminals and CI logs. The
// verdict comes first; a finding begins with the command that repeats it.
func Console(w io.Writer, v invariants.Verdict, style Style) error {
	p := &printer{style: style}
	p.verdict(v)
	p.findings("payquake's own fault", v.OurFault)
	p.findings("", v.Findings)
	p.sides(v)
	p.aside("mitigated by the merchant itself", v.Mitigated)
	p.aside("misled: validly signed lies, which every demanded check agreed with", v.Misled)
	p.money(v)
	p.reasons(v)
	p.expectations(v)
	p.counts(v)
	if style.Folder != "" {
		p.blank()
		p.line("report  " + Clean(style.Folder.Path(journal.ReportFile)))
	}
	if _, err := io.WriteString(w, p.text.String()); err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	return nil
}

// printer lays out lines.
type printer struct {
	text  strings.Builder
	style Style
}

// The colours of a terminal, by what they mean.
const (
	good    = "32"
	bad     = "31"
	unclear = "33"
	strong  = "1"
	faint   = "2"
)

func (p *printer) paint(colour, text string) string {
	if !p.style.Colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (p *printer) line(text string) { p.text.WriteString(text + "\n") }
func (p *printer) blank()           { p.text.WriteString("\n") }

// paragraph writes a text from outside, broken at the width.
func (p *printer) paragraph(indent, text string) {
	for _, line := range wrap(Clean(text), p.style.Width-len(indent)) {
		p.line(indent + line)
	}
}

// verdict writes the conclusion, and what was run. The word stands first on
// its line, where logs are searched for it.
func (p *printer) verdict(v invariants.Verdict) {
	word, tone := headline(v)
	colour := map[string]string{"held": good, "violated": bad}[tone]
	if colour == "" {
		colour = unclear
	}
	p.line(p.paint(strong+";"+colour, strings.ToUpper(word)) + "  " + gist(v))
	about := fmt.Sprintf("%s  seed %d  %s", Clean(v.Scenario), v.Seed, Clean(v.Environment))
	if v.Merchant != "" {
		about += "  " + Clean(v.Merchant)
	}
	if v.MerchantBug != "" {
		about += "  merchant bug " + Clean(v.MerchantBug)
	}
	if v.MerchantTwin != "" {
		about += "  merchant twin " + Clean(v.MerchantTwin)
	}
	p.line(p.paint(faint, about))
}

// findings writes each finding with its command first: who reads no further
// can already see it again.
func (p *printer) findings(title string, findings []invariants.Finding) {
	if title != "" && len(findings) > 0 {
		p.blank()
		p.line(p.paint(strong, title))
	}
	for _, finding := range findings {
		p.blank()
		p.line(p.paint(strong, Clean(finding.Repeat)))
		// repro.sh looks for this line.
		p.line(fmt.Sprintf("  finding %s  %s (%s)", Clean(finding.ID), p.paint(bad, Clean(finding.Invariant)), Clean(finding.Clause)))
		p.line(fmt.Sprintf("  %s  in trial %s", finding.Money, company(finding)))
		p.paragraph("  ", finding.Reason)
		p.paragraph("  ", "faults: "+list(finding.Faults, "none fired"))
		p.paragraph("  ", alone(finding))
	}
}

// aside shows what would have been findings, a line for each clause.
func (p *printer) aside(title string, findings []invariants.Finding) {
	if len(findings) == 0 {
		return
	}
	p.blank()
	p.line(p.paint(strong, title))
	for _, finding := range byClause(findings) {
		p.line(fmt.Sprintf("  %s  %s  in trial %s", Clean(finding.Invariant), finding.Money, company(finding)))
	}
}

// money aligns amounts at their right, as ledgers do.
func (p *printer) money(v invariants.Verdict) {
	rows := [][2]string{{"captured", v.Money.Captured.String()}, {"returned", v.Money.Returned.String()}}
	for _, id := range sortedKeys(v.Money.AtFault) {
		rows = append(rows, [2]string{"at fault: " + Clean(id), v.Money.AtFault[id].String()})
	}
	p.blank()
	p.line(p.paint(strong, "money"))
	wide, deep := 0, 0
	for _, row := range rows {
		wide, deep = max(wide, len(row[0])), max(deep, len(row[1]))
	}
	for _, row := range rows {
		p.line(fmt.Sprintf("  %-*s  %*s", wide, row[0], deep, row[1]))
	}
}

// reasons are shown beside findings too: a violated run may be inconclusive in
// everything else, and mending the violation will not make it held.
func (p *printer) reasons(v invariants.Verdict) {
	why := reasons(v)
	if len(why) == 0 {
		return
	}
	title := "inconclusive, because"
	if v.Outcome == invariants.Held { // a host that was asked for in vain does not take a held away
		title = "worth knowing"
	}
	p.blank()
	p.line(p.paint(unclear, title))
	for _, reason := range why {
		p.item(reason)
	}
}

// expectations shows only those that were missed; the page shows all.
func (p *printer) expectations(v invariants.Verdict) {
	title := false
	for _, expected := range v.Expectations {
		if expected.Met {
			continue
		}
		if !title {
			p.blank()
			p.line(p.paint(unclear, "expected, and did not happen"))
			title = true
		}
		p.item(fmt.Sprintf("%s: %s; there were %d", expected.Scenario, expectation(expected), expected.Happened))
	}
}

// item writes one entry of a list, its later lines under its first.
func (p *printer) item(text string) {
	for i, line := range wrap(Clean(text), p.style.Width-4) {
		p.line([]string{"  - ", "    "}[min(i, 1)] + line)
	}
}

// counts say how much of the plan was done: what was not begun proves nothing.
func (p *printer) counts(v invariants.Verdict) {
	c := v.Counts
	p.blank()
	p.line(fmt.Sprintf("trials    %d planned, %d begun, %d at rest", c.Planned, c.Begun, c.Rested))
	p.line(fmt.Sprintf("messages  %d, %d of them given to no trial%s", c.Messages, c.Unattributed, attributed(c)))
	p.line(fmt.Sprintf("payments  %s, %s%s", counted(c.Captures, "capture"), counted(c.Refunds, "refund"), unawaited(c)))
	p.line(fmt.Sprintf("pins      %d of %d required fired, %d of %d optional", v.Pins.RequiredFired, v.Pins.Required,
		v.Pins.OptionalFired, v.Pins.Optional))
}

// wrap breaks a text between words; a word that is too long stays whole.
func wrap(text string, width int) []string {
	if width < 20 { // no width, or none in which anything can be read
		return []string{text}
	}
	var lines []string
	line, length := "", 0
	for _, word := range strings.Fields(text) {
		size := len([]rune(word))
		if line != "" && length+1+size > width {
			lines, line, length = append(lines, line), "", 0
		}
		if line != "" {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+size
	}
	return append(lines, line)
}

// attributed is the share of messages that were given to a trial, where that is
// not all of them.
func attributed(c invariants.Counts) string {
	if c.Unattributed == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.2f %% were)", 100*float64(c.Messages-c.Unattributed)/float64(c.Messages))
}

// unawaited tells of payments that were left unpaid because no trial waited for them.
func unawaited(c invariants.Counts) string {
	if c.Unawaited == 0 {
		return ""
	}
	return fmt.Sprintf("; %d more were begun when no trial waited for one, and not paid", c.Unawaited)
}
