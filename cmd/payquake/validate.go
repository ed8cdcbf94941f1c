package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/setup"
	"github.com/payquake/payquake/scenarios"
)

// validated is what a manifest says, for people and programs.
type validated struct {
	Manifest  string         `json:"manifest"`
	Merchant  string         `json:"merchant"`
	Starts    string         `json:"starts"`
	Providers []string       `json:"providers"`
	Catalogue int            `json:"catalogue,omitempty"` // goods at fixed prices
	Missing   []string       `json:"missing,omitempty"`   // what the driver does not offer
	Suite     map[string]int `json:"suite"`               // trials by scenario
	LeftOut   []string       `json:"leftOut,omitempty"`
}

func validateCommand(flags *global) *cobra.Command {
	var merchant subject
	command := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "check a payquake.yaml and say what it means",
		Long: `validate reads a manifest (./payquake.yaml if none is named), tells everything
that is wrong with it, each with its place, and else what it means: how the
merchant is started, who plays along, and what of the suite it can be put
through. Nothing is started.`,
		Example: "  payquake validate\n  payquake validate ./shop/payquake.yaml --json",
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(command *cobra.Command, given []string) error {
			merchant.path = manifest.File
			if len(given) > 0 {
				merchant.path = given[0]
			}
			if err := merchant.load(); err != nil {
				return err
			}
			said, err := meaningOf(&merchant)
			if err != nil {
				return usageError{err}
			}
			if flags.json {
				return printJSON(command.OutOrStdout(), said)
			}
			return printValidated(command.OutOrStdout(), said)
		},
	}
	return command
}

// meaningOf compiles the suite for a merchant to see what is left of it.
func meaningOf(merchant *subject) (validated, error) {
	described := merchant.described
	said := validated{Manifest: described.Path, Merchant: described.Name, Catalogue: len(described.Goods), Suite: map[string]int{}}
	switch how := described.Merchant; {
	case how.Command != nil && how.AsContainer():
		said.Starts = "the process " + strings.Join(how.Command, " ") + ", or " + containerOf(how)
	case how.Command != nil:
		said.Starts = "the process " + strings.Join(how.Command, " ")
	case how.AsContainer():
		said.Starts = containerOf(how)
	default:
		said.Starts = "nothing: it runs at " + how.URL
	}
	for _, provider := range described.Providers {
		methods := make([]string, len(provider.Methods))
		for i, method := range provider.Methods {
			methods[i] = string(method)
		}
		said.Providers = append(said.Providers, fmt.Sprintf("%s (%s)", provider.Name, strings.Join(methods, ", ")))
	}
	said.Missing = missingOf(described)
	suite, err := scenarios.Load("suite", scenarios.DefaultSystems())
	if err != nil {
		return said, err
	}
	fitting, systems, left, err := setup.Fit(suite, described, "")
	if err != nil {
		return said, err
	}
	said.LeftOut = left
	plan, err := scenarios.Compile(fitting, systems, 1)
	if err != nil {
		return said, err
	}
	for _, batch := range plan.Batches {
		for _, trial := range batch.Trials {
			said.Suite[trial.Scenario]++
		}
	}
	return said, nil
}

// missingOf says what a run does without, and what that means.
func missingOf(described *manifest.Manifest) []string {
	if described.Watched() {
		return []string{"driver: payquake only watches; each new payment of your own traffic becomes the next trial, and of orders and books nothing is known"}
	}
	var missing []string
	if !described.Driver.Refunds() {
		missing = append(missing, "refund: no shopper asks for money back")
	}
	if !described.Driver.ExportsBooks() {
		missing = append(missing, "books: what the merchant believes of payments and refunds is not compared")
	}
	return missing
}

func containerOf(how manifest.Merchant) string {
	if how.Build != nil {
		return "a container built in " + how.Build.Context
	}
	return "a container of " + how.Image
}

func printValidated(out io.Writer, said validated) error {
	fmt.Fprintf(out, "%s describes %s\n", said.Manifest, said.Merchant)
	fmt.Fprintf(out, "  starts     %s\n", said.Starts)
	fmt.Fprintf(out, "  paid with  %s\n", strings.Join(said.Providers, ", "))
	if said.Catalogue > 0 {
		fmt.Fprintf(out, "  sells      %d goods at their own prices; payments of one price begin one after another\n", said.Catalogue)
	}
	for _, missing := range said.Missing {
		fmt.Fprintf(out, "  without    %s\n", missing)
	}
	trials := 0
	for _, count := range said.Suite {
		trials += count
	}
	_, err := fmt.Fprintf(out, "  suite      %d trials of %d scenarios\n", trials, len(said.Suite))
	for _, left := range said.LeftOut {
		fmt.Fprintf(out, "  left out   %s\n", left)
	}
	return err
}
