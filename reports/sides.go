package reports

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/payment"
)

// sideBySide is a verdict by scenario (rows) and provider (columns): the same
// scenario means the same with each, so a row that is not all alike says where
// to look.
type sideBySide struct {
	Providers []payment.ProviderName
	Rows      []sideRow
}

// sideRow is one scenario; a provider that none of its trials pays with has no
// cell.
type sideRow struct {
	Scenario string
	Cells    []*invariants.Side
}

// compare lays a verdict's sides out. One provider alone is no comparison.
func compare(v invariants.Verdict) sideBySide {
	table := sideBySide{Providers: v.Providers()}
	if len(table.Providers) < 2 {
		return sideBySide{}
	}
	index := map[string]int{}
	for i := range v.Sides {
		side := &v.Sides[i]
		at, known := index[side.Scenario]
		if !known {
			at = len(table.Rows)
			index[side.Scenario] = at
			table.Rows = append(table.Rows, sideRow{Scenario: side.Scenario, Cells: make([]*invariants.Side, len(table.Providers))})
		}
		for column, provider := range table.Providers {
			if provider == side.Provider {
				table.Rows[at].Cells[column] = side
			}
		}
	}
	return table
}

// Tone is how a cell looks.
func (r sideRow) Tone(column int) string {
	if side := r.Cells[column]; side != nil && side.Trials > 0 {
		_, tone := outcomeWord(side.Outcome)
		return tone
	}
	return ""
}

// Text is what a cell says: the outcome, and of how many trials.
func (r sideRow) Text(column int) string {
	side := r.Cells[column]
	switch {
	case side == nil:
		return "–"
	case side.Trials == 0: // paid with it second, after another provider
		return counted(side.Captures, "capture")
	}
	word, _ := outcomeWord(side.Outcome)
	text := fmt.Sprintf("%s %d", word, side.Trials)
	if side.Violated > 0 {
		text = fmt.Sprintf("%s %d of %d", word, side.Violated, side.Trials)
	} else if side.Inconclusive > 0 {
		text = fmt.Sprintf("%s %d of %d", word, side.Inconclusive, side.Trials)
	}
	return text
}

// outcomeWord is an outcome in one word, and the tone it is shown in.
func outcomeWord(outcome invariants.Outcome) (word, tone string) {
	switch outcome {
	case invariants.Held, invariants.NotApplicable: // nothing that could be wrong was
		return "held", "held"
	case invariants.Violated:
		return "violated", "violated"
	default:
		return "inconclusive", "inconclusive"
	}
}

// sides writes the comparison for a terminal.
func (p *printer) sides(v invariants.Verdict) {
	table := compare(v)
	if len(table.Rows) == 0 {
		return
	}
	wide := len("providers")
	for _, row := range table.Rows {
		wide = max(wide, 2+len([]rune(Clean(row.Scenario))))
	}
	columns := make([]int, len(table.Providers))
	for i, provider := range table.Providers {
		columns[i] = len(provider)
		for _, row := range table.Rows {
			columns[i] = max(columns[i], len([]rune(row.Text(i))))
		}
	}
	p.blank()
	heading := fmt.Sprintf("%-*s", wide, "providers")
	for i, provider := range table.Providers {
		heading += fmt.Sprintf("  %-*s", columns[i], provider)
	}
	p.line(p.paint(strong, strings.TrimRight(heading, " ")))
	for _, row := range table.Rows {
		line := fmt.Sprintf("%-*s", wide, "  "+Clean(row.Scenario))
		for i := range table.Providers {
			cell := fmt.Sprintf("  %-*s", columns[i], row.Text(i))
			if colour := map[string]string{"violated": bad, "inconclusive": unclear}[row.Tone(i)]; colour != "" {
				cell = p.paint(colour, cell)
			}
			line += cell
		}
		p.line(strings.TrimRight(line, " "))
	}
}

// summarySides writes the comparison as a Markdown table.
func summarySides(text *bytes.Buffer, v invariants.Verdict) {
	table := compare(v)
	if len(table.Rows) == 0 {
		return
	}
	text.WriteString("\n| scenario |")
	for _, provider := range table.Providers {
		fmt.Fprintf(text, " %s |", markdown(string(provider)))
	}
	text.WriteString("\n| --- |" + strings.Repeat(" --- |", len(table.Providers)) + "\n")
	for _, row := range table.Rows {
		fmt.Fprintf(text, "| %s |", markdown(row.Scenario))
		for i := range table.Providers {
			fmt.Fprintf(text, " %s |", row.Text(i))
		}
		text.WriteString("\n")
	}
}
