package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/merchant/twins"
	"github.com/payquake/payquake/scenarios"
)

// listed is one row of a list.
type listed struct {
	Name    string `json:"name"`
	Kind    string `json:"kind,omitempty"`
	About   string `json:"about"`
	Example string `json:"example,omitempty"`
}

func listCommand(flags *global) *cobra.Command {
	lists := map[string]func() ([]listed, error){
		"scenarios": listScenarios, "faults": listFaults, "invariants": listInvariants, "bugs": listBugs, "twins": listTwins,
		"providers": listProviders,
	}
	return &cobra.Command{
		Use:       "list {scenarios|faults|invariants|bugs|twins|providers}",
		Short:     "list scenarios, faults, invariants, the merchant's known bugs and honest twins, or the providers",
		Args:      arguments(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: []string{"scenarios", "faults", "invariants", "bugs", "twins", "providers"},
		RunE: func(command *cobra.Command, given []string) error {
			rows, err := lists[given[0]]()
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(command.OutOrStdout(), rows)
			}
			return printRows(command.OutOrStdout(), rows)
		},
	}
}

func printRows(out io.Writer, rows []listed) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := []string{row.Name, row.Kind, row.About}
		if row.Kind == "" {
			cells = []string{row.Name, row.About}
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

func scenarioNames() []string {
	rows, _ := listScenarios()
	names := make([]string, 0, len(rows))
	for _, row := range rows {
		names = append(names, row.Name)
	}
	return names
}

func listScenarios() ([]listed, error) {
	var rows []listed
	for _, name := range scenarios.List() {
		scenario, err := scenarios.Load(name, scenarios.DefaultSystems())
		if err != nil {
			return nil, fmt.Errorf("read embedded scenario: %w", err)
		}
		rows = append(rows, listed{Name: name, About: scenario.About})
	}
	return rows, nil
}

func listFaults() ([]listed, error) {
	var rows []listed
	for _, definition := range faults.Catalogue() {
		kind := string(definition.Kind)
		if definition.Class != faults.Legal {
			kind += ", " + string(definition.Class)
		}
		rows = append(rows, listed{Name: definition.Name, Kind: kind, About: definition.Experience, Example: definition.Example})
	}
	return rows, nil
}

func listInvariants() ([]listed, error) {
	var rows []listed
	for _, invariant := range invariants.Catalogue() {
		rows = append(rows, listed{Name: invariant.ID, About: invariant.Says})
	}
	return rows, nil
}

func listBugs() ([]listed, error) {
	var rows []listed
	for _, bug := range bugs.All() {
		rows = append(rows, listed{Name: bug.Name, Kind: bug.Invariant, About: bug.Summary})
	}
	return rows, nil
}

func listProviders() ([]listed, error) {
	var rows []listed
	for _, provider := range scenarios.DefaultSystems().Providers {
		methods := make([]string, 0, len(provider.Methods))
		for _, method := range provider.Methods {
			methods = append(methods, string(method))
		}
		about := "pays by " + strings.Join(methods, ", ")
		if provider.Combines {
			about += "; combined orders"
		}
		rows = append(rows, listed{Name: string(provider.Name), About: about})
	}
	return rows, nil
}

func printTrial(out io.Writer, trial scenarios.Trial) {
	fmt.Fprintf(out, "  %-28s %-16s %-10s %-8s %14s\n", trial.ID, trial.Shopper, trial.Provider, trial.Method, trial.Total)
	for _, pin := range trial.Pins {
		place := ""
		switch {
		case pin.At != nil:
			at := *pin.At
			at.Trial = ""
			place = at.String()
		case pin.Payment != nil:
			place = fmt.Sprintf("payment %d at %s", pin.Payment.Nth, pin.Payment.Provider)
		}
		need := "optional"
		if pin.Required {
			need = "required"
		}
		fmt.Fprintf(out, "      %-20s %-52s %-9s %s\n", pin.Fault, place, need, pin.Settings)
	}
}

func listTwins() ([]listed, error) {
	var rows []listed
	for _, twin := range twins.All() {
		rows = append(rows, listed{Name: twin.Name, About: twin.Summary})
	}
	return rows, nil
}
