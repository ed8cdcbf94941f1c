package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/harness"
	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/setup"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/merchant/twins"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/reports"
	"github.com/payquake/payquake/scenarios"
)

// conducting are the flags of commands that run something.
type conducting struct {
	*global
	subject
	environment string
	bug         string
	twin        string
	tracing     string
	keys        string
	results     string
	watchFor    time.Duration
}

func (c *conducting) define(command *cobra.Command) {
	flags := command.Flags()
	c.subject.define(command)
	flags.StringVar(&c.environment, "environment", "auto", "where to run: docker, local, or auto (docker when an engine answers)")
	flags.StringVar(&c.bug, "merchant-bug", "", "a known mistake the reference merchant shall make (payquake list bugs)")
	flags.StringVar(&c.twin, "merchant-twin", "", "an unusual but honest way of the reference merchant, which must not be accused (payquake list twins)")
	flags.StringVar(&c.tracing, "merchant-tracing", "on", "whether the merchant sends spans of its own: on or off")
	flags.StringVar(&c.keys, "keys", "fast", "providers' RSA keys: fast (many primes, for tests only) or standard")
	flags.StringVar(&c.database, "merchant-database", "", "postgres:// URL for the merchant, instead of SQLite (local environment only)")
	flags.DurationVar(&c.watchFor, "watch-for", 10*time.Minute, "how long to wait for payments of your own traffic, for a merchant without driver:")
	flags.StringVar(&c.results, "results", "payquake-results", "folder for run folders")
}

func (c *conducting) check() error {
	if err := c.load(); err != nil {
		return err
	}
	if c.described != nil && (c.bug != "" || c.twin != "" || c.database != "") {
		return usageError{fmt.Errorf("--merchant-bug, --merchant-twin and --merchant-database are the reference merchant's; %s describes another (--reference tests the reference merchant)",
			c.described.Path)}
	}
	if c.watchFor <= 0 {
		return usageError{errors.New("--watch-for: this should be a time such as 10m")}
	}
	if c.bug != "" {
		if _, err := bugs.ByName(c.bug); err != nil {
			return usageError{fmt.Errorf("--merchant-bug: %w", err)}
		}
	}
	if c.twin != "" {
		if _, err := twins.ByName(c.twin); err != nil {
			return usageError{fmt.Errorf("--merchant-twin: %w", err)}
		}
	}
	if c.database != "" { // the run's own network has no way out, not even to this machine
		if c.environment == "docker" {
			return usageError{errors.New("--merchant-database cannot be reached from the run's network, which has no way out: use --environment local")}
		}
		if _, err := environment.ParseDatabase(c.database); err != nil {
			return usageError{fmt.Errorf("--merchant-database: %w", err)}
		}
		c.environment = "local"
	}
	return errors.Join(oneOf("environment", c.environment, "auto", "docker", "local"),
		oneOf("merchant-tracing", c.tracing, "on", "off"), oneOf("keys", c.keys, "fast", "standard"))
}

func runCommand(flags *global) *cobra.Command {
	c := &conducting{global: flags}
	var choice choice
	dry := false
	command := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "run a scenario and judge what happened",
		Long: `run compiles a scenario (a name of the catalogue, or a YAML file) with a seed
into a plan, runs the plan, judges the record and writes the reports. What was
found is run again, alone, before it is reported.`,
		Example: `  payquake run suite
  payquake run lost-answers --seed 7 --environment local
  payquake run ./my-scenario.yaml --merchant-bug no-query-job`,
		Args: arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenarioNames(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(command *cobra.Command, given []string) error {
			if err := c.check(); err != nil {
				return err
			}
			plan, err := choice.compile(given[0], &c.subject)
			if err != nil {
				return err
			}
			if dry {
				return c.showDry(command.OutOrStdout(), plan)
			}
			verdict, _, err := c.conduct(command.Context(), command.OutOrStdout(), plan)
			if err != nil {
				return err
			}
			return verdictError{codeOf(verdict)}
		},
	}
	choice.define(command)
	c.define(command)
	command.Flags().BoolVar(&dry, "dry-run", false, "show what would be done and start nothing")
	return command
}

// showDry says what a run of the plan would do.
func (c *conducting) showDry(out io.Writer, plan scenarios.Plan) error {
	merchant := "the reference merchant"
	if c.described != nil {
		merchant = c.described.Name + " (" + c.described.Path + ")"
	}
	pins := map[string]int{}
	for _, batch := range plan.Batches {
		for _, trial := range batch.Trials {
			for _, pin := range trial.Pins {
				pins[pin.Fault]++
			}
		}
	}
	if c.json {
		return printJSON(out, map[string]any{"merchant": merchant, "environment": c.environment, "scenario": plan.Scenario, "seed": plan.Seed,
			"batches": len(plan.Batches), "trials": plan.Count(), "pins": pins})
	}
	fmt.Fprintf(out, "would run %s, seed %d, against %s\nenvironment %s, %d trials in %d batches, nothing was started\n",
		plan.Scenario, plan.Seed, merchant, c.environment, plan.Count(), len(plan.Batches))
	for _, name := range slices.Sorted(maps.Keys(pins)) {
		fmt.Fprintf(out, "  %4d × %s\n", pins[name], name)
	}
	return nil
}

// choice is what decides which plan a scenario becomes.
type choice struct {
	seed      uint64
	providers []string
	narrowed  func() bool // --provider was given, whatever it names
}

func (c *choice) define(command *cobra.Command) {
	command.Flags().Uint64Var(&c.seed, "seed", 1, "the number that decides everything left to chance")
	command.Flags().StringSliceVar(&c.providers, "provider", nil, "pay with these providers only (all)")
	c.narrowed = func() bool { return command.Flags().Changed("provider") }
}

// compile turns a scenario's name or file into a plan for a merchant.
func (c *choice) compile(nameOrPath string, merchant *subject) (scenarios.Plan, error) {
	systems := setup.Known(merchant.described)
	scenario, err := scenarios.Load(nameOrPath, systems)
	if c.narrowed() && len(c.providers) == 0 {
		return scenarios.Plan{}, usageError{errors.New("--provider names nobody; payquake list providers shows who there is")}
	}
	if err == nil && c.narrowed() {
		names := make([]payment.ProviderName, len(c.providers))
		for i, name := range c.providers {
			names[i] = payment.ProviderName(name)
		}
		scenario, err = scenario.Through(systems, names...)
	}
	if err == nil {
		scenario, systems, err = merchant.fit(scenario)
	}
	if err != nil {
		var problems document.Problems
		if errors.As(err, &problems) {
			return scenarios.Plan{}, problems
		}
		return scenarios.Plan{}, usageError{err}
	}
	plan, err := scenarios.Compile(scenario, systems, c.seed)
	if err != nil {
		return scenarios.Plan{}, usageError{err}
	}
	return plan, nil
}

// conduct runs a plan and reports on it. The verdict is shown; an error is
// something else that went wrong.
func (c *conducting) conduct(ctx context.Context, out io.Writer, plan scenarios.Plan) (invariants.Verdict, journal.Folder, error) {
	setting, err := c.setting(plan)
	if err != nil {
		return invariants.Verdict{}, "", err
	}
	progress := reports.NewProgress(os.Stderr, isTerminal(os.Stderr))
	setting.Progress = progress
	progress.Tell("run folder " + string(setting.Folder))
	ran := harness.Run(ctx, plan, setting)
	progress.End()
	verdict, err := setup.Judge(setting.Folder)
	if err != nil {
		return invariants.Verdict{}, setting.Folder, errors.Join(ran, err)
	}
	if err := c.show(out, verdict, setting.Folder); err != nil {
		return verdict, setting.Folder, err
	}
	if ran != nil && verdict.Outcome != invariants.Violated {
		return verdict, setting.Folder, ran
	}
	return verdict, setting.Folder, nil
}

// setting is everything a session needs, with keys and a name of its own.
func (c *conducting) setting(plan scenarios.Plan) (harness.Setting, error) {
	program, err := os.Executable()
	if err != nil {
		return harness.Setting{}, fmt.Errorf("find the payquake binary: %w", err)
	}
	setting, err := setup.Setting(plan.Scenario, plan.Seed, setup.Choices{
		Environment: c.environment, Results: c.results, Program: program, StandardKeys: c.keys == "standard", Manifest: c.described,
		Bug: c.bug, Twin: c.twin, Database: c.database, Traced: c.tracing == "on",
		Repeat: func(folder journal.Folder) string {
			return shellWord(os.Args[0]) + " repro " + shellWord(string(folder))
		},
	})
	if errors.Is(err, setup.ErrNoKeys) || errors.Is(err, setup.ErrOldKeys) {
		err = usageError{fmt.Errorf("%s: merchant.keys: %w", c.described.Path, err)}
	}
	if errors.Is(err, setup.ErrNoFolder) {
		err = usageError{fmt.Errorf("--results: %w", err)}
	}
	setting.WatchFor = c.watchFor
	return setting, err
}

// shellWord quotes a word for a POSIX shell if it needs that.
func shellWord(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:=+,@%") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// show prints a verdict.
func (g *global) show(out io.Writer, verdict invariants.Verdict, folder journal.Folder) error {
	if g.json {
		return printJSON(out, struct {
			invariants.Verdict
			Folder string `json:"folder"`
		}{verdict, string(folder)})
	}
	style := reports.Style{Width: 100}
	if file, is := out.(*os.File); is {
		style = styleFor(file)
	}
	style.Folder = folder
	return reports.Console(out, verdict, style)
}
