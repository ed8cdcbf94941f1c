package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/scenarios"
)

// explained is what there is to say of one name. Fields that do not concern it are
// empty.
type explained struct {
	Name     string             `json:"name"`
	What     string             `json:"what"` // "a fault of a message", say
	About    string             `json:"about"`
	Means    string             `json:"means,omitempty"` // of a class, for the verdict
	Legs     []faults.Leg       `json:"legs,omitempty"`
	At       []faults.Operation `json:"operations,omitempty"`
	Settings []told             `json:"settings,omitempty"`
	Clauses  []told             `json:"clauses,omitempty"`
	Example  string             `json:"example,omitempty"`
	Try      string             `json:"try,omitempty"` // a command
	See      []string           `json:"see,omitempty"`
}

// told is a name with what it means.
type told struct {
	Name  string `json:"name"`
	Means string `json:"means"`
}

func explainCommand(flags *global) *cobra.Command {
	return &cobra.Command{
		Use:   "explain {FAULT|INVARIANT|BUG}",
		Short: "explain a fault, an invariant or a known bug",
		Long: `explain says of a fault what the merchant goes through, where it may act and which
settings it takes; of an invariant what it says, clause by clause, and which known
mistakes break it; of a mistake what it costs and the smallest scenario that shows
it.`,
		Example: "  payquake explain lost-answer\n  payquake explain no-double-charge\n  payquake explain timeout-means-failed",
		Args:    arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return explicable(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(command *cobra.Command, given []string) error {
			said, known := explain(given[0])
			if !known {
				return usageError{unknownName(given[0])}
			}
			if flags.json {
				return printJSON(command.OutOrStdout(), said)
			}
			return said.print(command.OutOrStdout())
		},
	}
}

// explicable are all names that can be explained.
func explicable() []string {
	var names []string
	for _, definition := range faults.Catalogue() {
		names = append(names, definition.Name)
	}
	for _, invariant := range invariants.Catalogue() {
		names = append(names, invariant.ID)
	}
	for _, bug := range bugs.All() {
		names = append(names, bug.Name)
	}
	return names
}

func unknownName(name string) error {
	if nearest := document.Nearest(name, explicable()); nearest != "" {
		return fmt.Errorf("%q is no fault, invariant or bug; did you mean %q?", name, nearest)
	}
	return fmt.Errorf("%q is no fault, invariant or bug; payquake list faults, list invariants and list bugs name them all", name)
}

// explain finds a name among faults, invariants and bugs, whose names differ.
func explain(name string) (explained, bool) {
	if definition, known := faults.Lookup(name); known {
		return explainFault(definition), true
	}
	if invariant, known := invariants.Lookup(name); known {
		return explainInvariant(invariant), true
	}
	for _, bug := range bugs.All() {
		if bug.Name == name {
			return explainBug(bug), true
		}
	}
	return explained{}, false
}

func explainFault(d faults.Definition) explained {
	what := map[faults.Kind]string{faults.OnMessage: "a fault of a message", faults.OnPayment: "a provider's conduct towards a payment",
		faults.OnProcess: "a fault of a process", faults.AsJourney: "a shopper"}
	means := map[faults.Class]string{
		faults.Lie: "a lie: a validly signed message that its sender's book contradicts. Ask for it with lie: true; a merchant whose every check " +
			"agrees with it is not violated.",
		faults.Forged: "a forgery: it has no valid signature of its sender, and a merchant must not believe it.",
	}
	said := explained{Name: d.Name, What: what[d.Kind], About: d.Experience, Means: means[d.Class], Legs: d.Legs, At: d.Operations, Example: d.Example}
	for _, setting := range d.Settings {
		meaning := setting.Meaning
		if len(setting.Words) > 0 {
			meaning += ": " + strings.Join(setting.Words, ", ")
		}
		said.Settings = append(said.Settings, told{setting.Name, meaning})
	}
	for _, bug := range bugs.All() {
		if strings.Contains(bug.Exposed, d.Name) {
			said.See = append(said.See, bug.Name)
		}
	}
	return said
}

func explainInvariant(i invariants.Invariant) explained {
	said := explained{Name: i.ID, What: "an invariant", About: i.Says}
	if i.Ours {
		said.Means = "it is about payquake itself: a breach accuses payquake, never the merchant."
	}
	for _, clause := range i.Clauses {
		said.Clauses = append(said.Clauses, told{clause.Name, clause.Says})
	}
	for _, bug := range bugs.All() {
		if bug.Invariant == i.ID {
			said.See = append(said.See, bug.Name)
		}
	}
	return said
}

func explainBug(b bugs.Bug) explained {
	said := explained{Name: b.Name, What: fmt.Sprintf("known mistake %d", b.Number), About: b.Summary,
		Means: "smallest fault: " + b.Exposed + ".", See: []string{b.Invariant}}
	if slices.Contains(scenarios.List(), "bugs/"+b.Name) {
		said.Try = "payquake run bugs/" + b.Name + " --merchant-bug " + b.Name
	}
	return said
}

func (e explained) print(out io.Writer) error {
	fmt.Fprintf(out, "%s: %s\n\n  %s\n", e.Name, e.What, e.About)
	if e.Means != "" {
		fmt.Fprintf(out, "  %s\n", e.Means)
	}
	if len(e.Legs) > 0 {
		fmt.Fprintf(out, "\nleg         %s\n", words(e.Legs))
	}
	if len(e.At) > 0 {
		fmt.Fprintf(out, "operations  %s\n", words(e.At))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		title string
		rows  []told
	}{{"settings", e.Settings}, {"clauses", e.Clauses}} {
		if len(part.rows) > 0 {
			fmt.Fprintf(table, "\n%s\n", part.title)
		}
		for _, row := range part.rows {
			fmt.Fprintf(table, "  %s\t%s\n", row.Name, row.Means)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, line := range []struct{ title, text string }{{"example", e.Example}, {"try", e.Try}, {"see", strings.Join(e.See, ", ")}} {
		if line.text != "" {
			fmt.Fprintf(out, "\n%s  %s\n", line.title, line.text)
		}
	}
	return nil
}

// words joins names of one kind.
func words[Word ~string](names []Word) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}
