package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/reports"
)

func checkCommand(flags *global) *cobra.Command {
	return &cobra.Command{
		Use:   "check RUN",
		Short: "judge a run again, from its folder alone",
		Long: `check reads a run folder and judges it: no Docker, no network, nothing but the
record. A journal that was cut or edited is reported with the place of the
damage and is never called held.`,
		Example: "  payquake check payquake-results/latest",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(command *cobra.Command, given []string) error {
			folder := journal.Folder(given[0])
			evidence, err := load(folder)
			if err != nil {
				return err
			}
			verdict := invariants.Judge(evidence)
			if err := flags.show(command.OutOrStdout(), verdict, folder); err != nil {
				return err
			}
			return verdictError{codeOf(verdict)}
		},
	}
}

func reportCommand(flags *global) *cobra.Command {
	return &cobra.Command{
		Use:     "report RUN",
		Short:   "write a run's verdict and reports again",
		Long:    "report judges a run folder and writes verdict.json, report.html, junit.xml, summary.md and the incident report anew.",
		Example: "  payquake report payquake-results/latest",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(command *cobra.Command, given []string) error {
			folder := journal.Folder(given[0])
			evidence, err := load(folder)
			if err != nil {
				return err
			}
			verdict := invariants.Judge(evidence)
			if err := verdict.Write(folder); err != nil {
				return err
			}
			if err := reports.Write(folder, evidence, verdict); err != nil {
				return err
			}
			if flags.json {
				return printJSON(command.OutOrStdout(), map[string]string{"report": folder.Path(journal.ReportFile)})
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), folder.Path(journal.ReportFile))
			return err
		},
	}
}

// load reads a run folder. A folder that does not exist is a wrong argument,
// not damaged evidence.
func load(folder journal.Folder) (*invariants.Evidence, error) {
	if _, err := os.Stat(string(folder)); err != nil {
		return nil, usageError{fmt.Errorf("run folder: %w", err)}
	}
	return invariants.Load(folder)
}
