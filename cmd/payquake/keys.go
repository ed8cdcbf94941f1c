package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/setup"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

func keysCommand(flags *global) *cobra.Command {
	var providers []string
	folder := "payquake-keys"
	command := &cobra.Command{
		Use:   "keys",
		Short: "make credentials for a merchant that runs already",
		Long: `keys makes providers' and merchant's keys that outlive a run, writes them into a
folder as files, and prints the variables to start the merchant with: its
credentials at each provider, and how its calls reach the mock ones. They are for
tests only and good for six days. The manifest names the folder with keys:.`,
		Example: "  payquake keys --provider alipay=certificate\n  payquake keys --provider wechatpay,unionpay --output /tmp/keys > merchant.env",
		Args:    arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			wanted, err := wantedProviders(providers)
			if err != nil {
				return usageError{fmt.Errorf("--provider: %w", err)}
			}
			absolute, err := filepath.Abs(folder)
			if err != nil {
				return usageError{err}
			}
			made, err := setup.MakeKeys(absolute, environment.Keys{Wanted: wanted})
			if err != nil {
				return usageError{err}
			}
			variables, err := environment.Variables(made.Providers, made.Authority, made.Front, absolute)
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(command.OutOrStdout(), variables)
			}
			return printVariables(command.OutOrStdout(), variables)
		},
	}
	command.Flags().StringSliceVar(&providers, "provider", []string{"wechatpay", "alipay", "unionpay"}, "whom the merchant takes payments with; NAME=MODE for a mode")
	command.Flags().StringVar(&folder, "output", folder, "the folder to keep them in")
	return command
}

// wantedProviders reads names, each maybe with a mode.
func wantedProviders(names []string) ([]manifest.Provider, error) {
	var wanted []manifest.Provider
	for _, given := range names {
		name, mode, _ := strings.Cut(given, "=")
		provider := manifest.Provider{Name: payment.ProviderName(name), Mode: mode}
		modes, known := manifest.Modes()[provider.Name]
		switch {
		case !known:
			var all []string
			for _, provider := range scenarios.DefaultSystems().Providers {
				all = append(all, string(provider.Name))
			}
			return nil, fmt.Errorf("unknown provider %q; there are %s", name, strings.Join(all, ", "))
		case mode != "" && !slices.Contains(modes, mode):
			return nil, fmt.Errorf("unknown mode %q of %s; there are %s", mode, name, strings.Join(modes, ", "))
		}
		wanted = append(wanted, provider)
	}
	return wanted, nil
}

// printVariables writes lines that a shell takes with "set -a; . FILE".
func printVariables(out io.Writer, variables map[string]string) error {
	names := make([]string, 0, len(variables))
	for name := range variables {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, err := fmt.Fprintf(out, "%s=%s\n", name, shellWord(variables[name])); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(os.Stderr, "start the merchant with these variables, under the names it knows; in its manifest, name the folder with merchant.keys")
	return err
}
