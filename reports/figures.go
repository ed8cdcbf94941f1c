package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
)

// share is a labelled part of a whole, as bars show it.
type share struct {
	Name  string
	Text  string
	From  string // where it begins on a bar that is 100 long
	Width string
	Tone  string
}

// faultShares are the money at fault by invariant, as lengths relative to the
// largest.
func faultShares(v invariants.Verdict) []share {
	var largest int64
	for _, amount := range v.Money.AtFault {
		largest = max(largest, amount.Minor)
	}
	shares := make([]share, 0, len(v.Money.AtFault))
	for _, id := range sortedKeys(v.Money.AtFault) {
		amount := v.Money.AtFault[id]
		width := "0"
		if largest > 0 {
			width = fmt.Sprintf("%.2f", 100*float64(max(amount.Minor, 0))/float64(largest))
		}
		shares = append(shares, share{Name: Clean(id), Text: amount.String(), From: "0", Width: width})
	}
	return shares
}

// attribution says by what messages were given to their trials. Forged ones
// and those of older journals that do not say count as they are written.
func (s *survey) attribution() []share {
	counts := map[journal.Attribution]int{}
	all := 0
	count := func(records []journal.Record) {
		for _, record := range records {
			how := record.Message.Attribution
			if how == "" || record.Trial == "" {
				how = journal.Unattributed
			}
			counts[how]++
			all++
		}
	}
	for _, trial := range s.evidence.Trials {
		if !trial.Rerun { // the verdict's counts leave them out too
			count(trial.Messages)
		}
	}
	count(s.evidence.Unattributed)
	order := []journal.Attribution{journal.ByReference, journal.ByTrace, journal.ByAmount, journal.ByHeader, journal.Unattributed, journal.Afterwards, journal.ByArrival}
	shares, done := make([]share, 0, len(order)), 0
	for i, how := range order {
		if counts[how] == 0 {
			continue
		}
		shares = append(shares, share{Name: string(how), Text: fmt.Sprintf("%d · %s", counts[how], percent(counts[how], all)),
			From: span(done, all), Width: span(counts[how], all), Tone: fmt.Sprintf("part%d", i)})
		done += counts[how]
	}
	return shares
}

// faultLine is what became of the pins of one kind of fault.
type faultLine struct {
	Fault  string
	Fired  int
	Not    int
	Reason string // why the others did not fire, with counts
}

// faultLines accounts for pins by fault, and lists the required ones that did
// not fire: each of those makes the run inconclusive.
func faultLines(account invariants.PinAccount) (lines []faultLine, missing []invariants.NotFired) {
	index := map[string]*faultLine{}
	reasons := map[string]map[string]int{}
	for fault, fired := range account.FiredByFault {
		index[fault] = &faultLine{Fault: Clean(fault), Fired: fired}
	}
	for _, not := range account.NotFired {
		if index[not.Fault] == nil {
			index[not.Fault] = &faultLine{Fault: Clean(not.Fault)}
		}
		if reasons[not.Fault] == nil {
			reasons[not.Fault] = map[string]int{}
		}
		index[not.Fault].Not++
		reasons[not.Fault][string(not.Reason)]++
		if not.Required && len(missing) < 50 {
			missing = append(missing, not)
		}
	}
	for _, fault := range sortedKeys(index) {
		line := index[fault]
		var words []string
		for _, reason := range sortedKeys(reasons[fault]) {
			words = append(words, fmt.Sprintf("%d %s", reasons[fault][reason], Clean(reason)))
		}
		line.Reason = strings.Join(words, ", ")
		lines = append(lines, *line)
	}
	return lines, missing
}

// stripe is one column of the strip that shows the run trial by trial: the
// seismogram under the verdict. Many trials share a column.
type stripe struct {
	X, Y, Width, Height string
	Tone                string
	Trial               faults.Trial // the worst of the column
	Title               string
}

// The strip's size, and how many columns it has at most.
const (
	stripWidth   = 1200.0
	stripHeight  = 64.0
	stripColumns = 240
)

func strip(rows []listed) []stripe {
	counted := slices.DeleteFunc(slices.Clone(rows), func(row listed) bool { return row.Rerun })
	columns := min(stripColumns, len(counted))
	stripes := make([]stripe, 0, columns)
	for i := range columns {
		from, to := i*len(counted)/columns, (i+1)*len(counted)/columns
		stripes = append(stripes, column(counted[from:to], i, columns))
	}
	return stripes
}

// column draws the worst of its trials, as tall as their share in it.
func column(rows []listed, i, columns int) stripe {
	worst, same := rows[0], 0
	for _, row := range rows {
		switch {
		case row.rank() > worst.rank():
			worst, same = row, 1
		case row.rank() == worst.rank():
			same++
		}
	}
	height := 4.0
	if worst.rank() > 0 {
		height = 10 + float64(worst.rank())*8 + 30*float64(same)/float64(len(rows))
	}
	height = min(height, stripHeight)
	pitch := stripWidth / float64(columns)
	width := min(4, max(1.5, pitch*0.5))
	return stripe{X: fmt.Sprintf("%.2f", pitch*(float64(i)+0.5)-width/2), Y: fmt.Sprintf("%.2f", (stripHeight-height)/2),
		Width: fmt.Sprintf("%.2f", width), Height: fmt.Sprintf("%.2f", height), Tone: worst.Outcome, Trial: worst.ID,
		Title: fmt.Sprintf("%s: %s", Clean(string(worst.ID)), worst.Outcome)}
}
