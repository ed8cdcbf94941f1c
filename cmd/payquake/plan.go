package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/scenarios"
)

func planCommand(flags *global) *cobra.Command {
	var choice choice
	var merchant subject
	var export string
	command := &cobra.Command{
		Use:   "plan SCENARIO",
		Short: "show what a run would do, without doing it",
		Long: `plan compiles a scenario with a seed and prints every trial with its pins. With
--export it writes one trial as a scenario file of its own, which compiles to
the same trial.`,
		Example: `  payquake plan lost-answers --seed 7
  payquake plan suite --json > plan.json
  payquake plan suite --export lost-answers-0007 > one.yaml`,
		Args: arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenarioNames(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(command *cobra.Command, given []string) error {
			if err := merchant.load(); err != nil {
				return err
			}
			plan, err := choice.compile(given[0], &merchant)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			switch {
			case export != "":
				text, err := scenarios.Export(plan, faults.Trial(export), merchant.systems())
				if err != nil {
					return usageError{err}
				}
				_, err = out.Write(text)
				return err
			case flags.json:
				return printJSON(out, plan)
			}
			for _, batch := range plan.Batches {
				fmt.Fprintf(out, "batch %s: %d trials, %d at a time\n", batch.ID, len(batch.Trials), batch.InFlight)
				for _, trial := range batch.Trials {
					printTrial(out, trial)
				}
			}
			return nil
		},
	}
	choice.define(command)
	merchant.define(command)
	command.Flags().StringVar(&merchant.database, "merchant-database", "", "plan for a reference merchant with a database server at this URL, as run would; it is not called")
	command.Flags().StringVar(&export, "export", "", "write this trial as a scenario file")
	return command
}
