package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/scenarios"
)

func reproCommand(flags *global) *cobra.Command {
	c := &conducting{global: flags}
	times := 5
	command := &cobra.Command{
		Use:   "repro RUN FINDING",
		Short: "find a finding again",
		Long: `repro takes a finding of a run (its id, as the report prints it), runs its trial
alone against the same merchant, up to --times runs, until the same invariant is
violated, and says how many runs that took. A finding that needs company is
repeated with its whole batch.

Exit code 1 means that it was found again, 0 that it was not, 3 that no run was
conclusive.`,
		Example: "  payquake repro payquake-results/latest 3fa9c1d2",
		Args:    arguments(cobra.ExactArgs(2)),
		RunE: func(command *cobra.Command, given []string) error {
			evidence, err := load(journal.Folder(given[0]))
			if err != nil {
				return err
			}
			finding, err := findingOf(evidence, given[1])
			if err != nil {
				return err
			}
			if err := c.inherit(command, evidence.Header); err != nil {
				return err
			}
			if err := c.check(); err != nil {
				return err
			}
			return c.repeat(command.Context(), command.OutOrStdout(), evidence.Plan, finding, times)
		},
	}
	command.Flags().IntVar(&times, "times", times, "how many runs to try at most")
	c.define(command)
	return command
}

// inherit takes what was not given as a flag from the run that is repeated.
func (c *conducting) inherit(command *cobra.Command, header journal.Header) error {
	switch {
	case command.Flags().Changed("manifest") || command.Flags().Changed("reference"):
	case header.Manifest != "":
		c.path = header.Manifest
	default:
		c.reference = true
	}
	if header.OwnDatabase && c.database == "" {
		return usageError{errors.New("that run's merchant had a database of its own, whose URL is not kept: give it again with --merchant-database")}
	}
	if !command.Flags().Changed("keys") && header.StandardKeys {
		c.keys = "standard"
	}
	if !command.Flags().Changed("environment") && header.Environment != "" {
		c.environment = header.Environment
	}
	if !command.Flags().Changed("merchant-bug") {
		c.bug = header.MerchantBug
	}
	if !command.Flags().Changed("merchant-twin") {
		c.twin = header.MerchantTwin
	}
	if !command.Flags().Changed("merchant-tracing") && !header.MerchantTraced {
		c.tracing = "off"
	}
	return nil
}

// findingOf finds a finding by its id, or the start of it.
func findingOf(evidence *invariants.Evidence, id string) (invariants.Finding, error) {
	var known []string
	for _, finding := range invariants.Judge(evidence).Findings {
		if strings.HasPrefix(finding.ID, id) && id != "" {
			return finding, nil
		}
		known = append(known, finding.ID)
	}
	if len(known) == 0 {
		return invariants.Finding{}, usageError{errors.New("the run has no finding")}
	}
	return invariants.Finding{}, usageError{fmt.Errorf("the run has no finding %q; it has %s", id, strings.Join(known, ", "))}
}

// repeated is what came of repeating a finding.
type repeated struct {
	Finding    string   `json:"finding"`
	Invariant  string   `json:"invariant"`
	Runs       int      `json:"runs"`
	FoundAgain bool     `json:"foundAgain"`
	Conclusive int      `json:"conclusive"` // runs that held or violated something
	Folders    []string `json:"folders"`
}

// repeat runs the finding's trial again and again until the same invariant is
// violated.
func (c *conducting) repeat(ctx context.Context, out io.Writer, plan scenarios.Plan, finding invariants.Finding, times int) error {
	small, err := smallest(plan, finding)
	if err != nil {
		return err
	}
	came := repeated{Finding: finding.ID, Invariant: finding.Invariant}
	quiet := *c
	shown := out
	if c.json { // one document at the end, not one per run
		quiet.global, shown = &global{}, io.Discard
	}
	for came.Runs < times && !came.FoundAgain {
		came.Runs++
		verdict, folder, err := quiet.conduct(ctx, shown, small)
		if err != nil {
			return err
		}
		came.Folders = append(came.Folders, string(folder))
		if verdict.Outcome != invariants.Inconclusive {
			came.Conclusive++
		}
		came.FoundAgain = slices.ContainsFunc(verdict.Findings, func(f invariants.Finding) bool { return f.Invariant == finding.Invariant })
	}
	return c.tell(out, came)
}

func (c *conducting) tell(out io.Writer, came repeated) error {
	code, err := exitHeld, error(nil)
	switch {
	case came.FoundAgain:
		code = exitViolated
	case came.Conclusive == 0:
		code = exitInconclusive
	}
	switch {
	case c.json:
		err = printJSON(out, came)
	case came.FoundAgain:
		_, err = fmt.Fprintf(out, "%s was violated again, in run %d\n", came.Invariant, came.Runs)
	default:
		_, err = fmt.Fprintf(out, "%s was not violated again in %d runs, of which %d were conclusive\n", came.Invariant, came.Runs, came.Conclusive)
	}
	if err != nil {
		return err
	}
	return verdictError{code}
}

// smallest is the plan of the finding's trial alone, or of its batch if the
// trial alone does not show it.
func smallest(plan scenarios.Plan, finding invariants.Finding) (scenarios.Plan, error) {
	_, batch, found := plan.Find(finding.Trial)
	if !found {
		return scenarios.Plan{}, errors.New("the finding's trial is not in the run's plan")
	}
	small := scenarios.Plan{Version: plan.Version, Scenario: "repro-" + finding.ID, Seed: plan.Seed}
	for _, part := range plan.Parts {
		part.Expect = nil // what the whole scenario promised, a part of it need not keep
		small.Parts = append(small.Parts, part)
	}
	if finding.Alone != invariants.NeedsCompany {
		batch = alone(batch, finding.Trial)
	}
	small.Batches = []scenarios.Batch{batch}
	return small, nil
}

func alone(batch scenarios.Batch, trial faults.Trial) scenarios.Batch {
	only := batch
	only.Trials = nil
	for _, candidate := range batch.Trials {
		if candidate.ID == trial {
			only.Trials = append(only.Trials, candidate)
		}
	}
	return only
}
