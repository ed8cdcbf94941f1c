package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/merchant/twins"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// page writes the tables, and says what is not as it must be.
func (d *detection) page() (string, error) {
	var page strings.Builder
	fmt.Fprintf(&page, `# Detection

Each known mistake of `+"`merchant/bugs`"+`, switched on, against `+"`payquake run %s`"+` in the %s
environment, with up to %d seeds. *Seeds* are those with which the bug was found, of those that
were tried. Under each provider stands how many of its trials broke the promised invariant in
these runs; a dash means that the mistake costs nothing there, for the reason below the
table. *First* is the place, in the order of the plan, of the first trial that broke it: the
median over the seeds, and the range. *Again* is what the first line of the finding did, run as
printed, with seed 1. A bug whose own scenario harms a database is given a PostgreSQL. Made by
`+"`make detection`"+`.

`, d.scenario, d.environment, d.seeds)
	if earlier := d.runsOf(func(t tried) bool { return t.Program != d.hash }); len(earlier) > 0 {
		fmt.Fprintf(&page, "Of the %d runs behind this page, %d were made with an earlier build.\n\n", len(d.runsOf(func(tried) bool { return true })), len(earlier))
	}
	escaped := d.bugTable(&page)
	accused := d.rightTable(&page)
	return page.String(), errors.Join(escaped, accused)
}

func (d *detection) bugTable(page *strings.Builder) error {
	var failures []error
	var notes strings.Builder
	page.WriteString("| bug | promised invariant |")
	for _, provider := range scenarios.DefaultSystems().Providers {
		fmt.Fprintf(page, " %s |", provider.Name)
	}
	page.WriteString(" seeds | first | also violated | again |\n| --- | --- |" + strings.Repeat(" ---: |", len(scenarios.DefaultSystems().Providers)) + " --- | ---: | --- | --- |\n")
	for _, bug := range bugs.All() {
		runs := d.runsOf(func(t tried) bool { return t.Bug == bug.Name })
		if len(runs) == 0 {
			fmt.Fprintf(page, "| `%s` | `%s` |%s not measured | | | |\n", bug.Name, bug.Invariant, strings.Repeat(" |", len(scenarios.DefaultSystems().Providers)))
			failures = append(failures, fmt.Errorf("%s was not measured", bug.Name))
			continue
		}
		first := runs[0]
		fmt.Fprintf(page, "| `%s` | `%s` |", bug.Name, bug.Invariant)
		for _, provider := range scenarios.DefaultSystems().Providers {
			why, harmless := bug.Harmless[provider.Name]
			switch found := promised(runs, provider.Name); {
			case found == 0 && harmless:
				page.WriteString(" – |")
				fmt.Fprintf(&notes, "- `%s` with %s: %s.\n", bug.Name, provider.Name, why)
			case found == 0:
				failures = append(failures, fmt.Errorf("%s was not found through %s", bug.Name, provider.Name))
				fallthrough
			default:
				fmt.Fprintf(page, " %d |", found)
			}
		}
		if first.Again == "" || first.Again == "no" {
			failures = append(failures, fmt.Errorf("%s was not found again", bug.Name))
		}
		firsts, missed := firstsOf(runs)
		others := map[string]bool{}
		for _, run := range runs {
			for _, other := range run.Others {
				others[other] = true
			}
		}
		if missed > 0 {
			failures = append(failures, fmt.Errorf("%s was not found with %d seeds", bug.Name, missed))
		}
		fmt.Fprintf(page, " %d of %d | %s | %s | %s |\n", len(runs)-missed, len(runs), firsts, quoted(slices.Sorted(maps.Keys(others))), first.Again)
	}
	if notes.Len() > 0 {
		page.WriteString("\n" + notes.String())
	}
	return errors.Join(failures...)
}

// promised counts the trials of a provider that broke the promised invariant.
func promised(runs []tried, provider payment.ProviderName) int {
	found := 0
	for _, run := range runs {
		found += run.Promised[provider]
	}
	return found
}

// firstsOf says after how many trials a bug was found, and in how many runs it was not.
func firstsOf(runs []tried) (text string, missed int) {
	var places []int
	for _, run := range runs {
		if run.First > 0 {
			places = append(places, run.First)
		}
	}
	slices.Sort(places)
	missed = len(runs) - len(places)
	if len(places) == 0 {
		return "never", missed
	}
	return fmt.Sprintf("%d (%d–%d)", places[len(places)/2], places[0], places[len(places)-1]), missed
}

func quoted(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = "`" + name + "`"
	}
	return strings.Join(all, ", ")
}

// rightTable is about merchants that do nothing wrong.
func (d *detection) rightTable(page *strings.Builder) error {
	page.WriteString(`
## False findings

The correct merchant, with a PostgreSQL that is harmed too, and each honest twin: how many
trials they stood, how many faults came true in them, and how many findings there were.
A run that could not conclude accuses nobody, and is counted with its trials.

| merchant | runs | inconclusive | trials | faults | findings |
| --- | ---: | ---: | ---: | ---: | ---: |
`)
	var failures []error
	row := func(name string, runs []tried) {
		trials, fired, findings, inconclusive := 0, 0, 0, 0
		for _, run := range runs {
			trials += run.Trials
			findings += len(run.Others)
			for _, n := range run.Fired {
				fired += n
			}
			if run.Outcome == invariants.Inconclusive {
				inconclusive++
			}
		}
		if findings > 0 {
			failures = append(failures, fmt.Errorf("the merchant %s is accused %d times", name, findings))
		}
		fmt.Fprintf(page, "| %s | %d | %d | %d | %d | %d |\n", name, len(runs), inconclusive, trials, fired, findings)
	}
	correct := d.runsOf(func(t tried) bool { return t.Bug == "" && t.Twin == "" })
	row("correct", correct)
	for _, twin := range twins.All() {
		row("`"+twin.Name+"`", d.runsOf(func(t tried) bool { return t.Twin == twin.Name }))
	}
	fired := map[string]int{}
	for _, run := range correct {
		for fault, n := range run.Fired {
			fired[fault] += n
		}
	}
	var never []string
	for _, definition := range faults.Catalogue() {
		if definition.Kind != faults.AsJourney && fired[definition.Name] == 0 {
			never = append(never, definition.Name)
		}
	}
	fmt.Fprintf(page, "\nFaults that came true under the correct merchant: %d kinds", len(fired))
	if len(never) > 0 {
		fmt.Fprintf(page, "; never: %s", quoted(never))
	}
	page.WriteString(".\n\n| fault | times |\n| --- | ---: |\n")
	for _, fault := range slices.Sorted(maps.Keys(fired)) {
		fmt.Fprintf(page, "| `%s` | %d |\n", fault, fired[fault])
	}
	return errors.Join(failures...)
}

// runsOf are the runs of this measure that are meant, by seed.
func (d *detection) runsOf(meant func(tried) bool) []tried {
	var runs []tried
	for _, t := range d.done {
		if (d.keep || t.Program == d.hash) && t.Scenario == d.scenario && meant(t) {
			runs = append(runs, t)
		}
	}
	slices.SortFunc(runs, func(a, b tried) int { return int(a.Seed) - int(b.Seed) })
	return runs
}
