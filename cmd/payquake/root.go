package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/payquake/payquake/reports"
)

// global are the flags that every command has.
type global struct {
	json bool
}

// rootCommand is the whole command tree.
func rootCommand() *cobra.Command {
	flags := &global{}
	root := &cobra.Command{
		Use:   "payquake",
		Short: "shake a payment system and prove what became of the money",
		Long: `payquake starts mock payment providers and a merchant, puts a fault-injecting
proxy on every link between them, drives shoppers through the checkout, and
judges from the record whether any payment was lost, double-charged or altered.

Exit codes: 0 held · 1 violated · 3 inconclusive (damaged evidence included)
4 environment or merchant did not come up · 5 wrong flags or configuration
6 internal error · 130/143 stopped by a signal, with a partial report written.`,
		Example: `  payquake run suite                          everything, against the reference merchant
  payquake run lost-answers --seed 7          one scenario, another seed
  payquake run suite --merchant-bug no-query-job
  payquake check payquake-results/latest      judge a run again, anywhere
  payquake list faults                        what can go wrong
  payquake explain lost-answer                one of them`,
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.PersistentFlags().BoolVar(&flags.json, "json", false, "print JSON for programs instead of text for people")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(runCommand(flags), planCommand(flags), checkCommand(flags), reportCommand(flags), reproCommand(flags),
		listCommand(flags), explainCommand(flags), cleanCommand(flags), initCommand(flags), keysCommand(flags), imageCommand(flags),
		doctorCommand(flags), validateCommand(flags), versionCommand(flags), roleCommand())
	root.InitDefaultCompletionCmd()
	return root
}

// arguments makes cobra's check of arguments a usage error with the right
// exit code.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(command *cobra.Command, given []string) error {
		if err := check(command, given); err != nil {
			return usageError{fmt.Errorf("%w\nusage: %s", err, command.UseLine())}
		}
		return nil
	}
}

// printJSON writes a value for programs.
func printJSON(to io.Writer, value any) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// styleFor is how text is written to a file: in colour on a terminal, unless
// NO_COLOR is set to anything.
func styleFor(file *os.File) reports.Style {
	width, _, err := term.GetSize(int(file.Fd()))
	terminal := err == nil
	if !terminal {
		width = 100
	}
	return reports.Style{Colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", Width: width}
}

// isTerminal reports whether text written to the file is read by a person now.
func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// oneOf checks a flag whose value is a word.
func oneOf(flag, value string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return usageError{fmt.Errorf("--%s %q is none of %v", flag, value, words)}
}
