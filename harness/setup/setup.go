// Package setup makes what a session is opened with out of what a person chooses,
// and a verdict with its reports out of what a session leaves. The command line
// and the Go API meet here, so that a run means the same from both.
package setup

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness"
	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/reports"
	"github.com/payquake/payquake/scenarios"
)

// Choices are what a person decides about a run beside its plan.
type Choices struct {
	Environment  string // docker, local or auto
	Results      string // the folder for run folders
	Program      string // the payquake binary, which plays every role
	StandardKeys bool
	// Manifest describes the merchant; nil for the reference merchant, whom Bug,
	// Twin, Database and Traced are about.
	Manifest *manifest.Manifest
	Bug      string
	Twin     string
	Database string
	Traced   bool
	// Repeat is the command that repeats a finding of the run, without the
	// finding.
	Repeat func(journal.Folder) string
}

// ErrNoFolder is wrapped when the run folder cannot be made.
var ErrNoFolder = errors.New("no run folder")

// Setting is everything a session needs, with keys and a name of its own. The run
// folder exists when it returns.
func Setting(scenario string, seed uint64, choices Choices) (harness.Setting, error) {
	now := clock.System{}.Now()
	folder, err := journal.Create(choices.Results, scenario, seed, now)
	if err != nil {
		return harness.Setting{}, fmt.Errorf("%w: %w", ErrNoFolder, err)
	}
	keys, err := keysFor(choices)
	if err != nil {
		return harness.Setting{}, err
	}
	header := journal.Header{Scenario: scenario, Seed: seed, OwnDatabase: choices.Database != "", StandardKeys: choices.StandardKeys,
		Repeat: choices.Repeat(folder)}
	describe(&header, choices.Manifest)
	return harness.Setting{
		Environment: choices.Environment, Folder: folder, Clock: clock.System{}, Header: header,
		Topology: environment.Topology{Run: filepath.Base(string(folder)) + "-" + token(4), Token: token(16), Providers: keys.Providers,
			Authority: keys.Authority, Front: keys.Front, Program: choices.Program, Logs: folder.Path(journal.LogsFolder),
			Merchant: environment.MerchantSpec{Described: choices.Manifest, Bug: choices.Bug, Twin: choices.Twin,
				Traced: choices.Traced && choices.Manifest == nil, Database: choices.Database, Timers: environment.RunTimers()}},
	}, nil
}

// keysFor are fresh keys, or those that a merchant which runs already was given.
func keysFor(choices Choices) (Keys, error) {
	wanted := environment.Keys{Standard: choices.StandardKeys}
	if choices.Manifest != nil {
		wanted.Wanted = choices.Manifest.Providers
		if choices.Manifest.Merchant.Keys != "" {
			return LoadKeys(choices.Manifest.Merchant.Keys)
		}
	}
	providers, err := environment.FreshProviders(wanted)
	if err != nil {
		return Keys{}, err
	}
	authority, err := roles.NewAuthority(clock.System{}.Now())
	return Keys{Providers: providers, Authority: authority}, err
}

// describe completes a run's header with what the merchant provides.
func describe(header *journal.Header, described *manifest.Manifest) {
	if described == nil {
		header.LongestTimer = faults.Duration(environment.RunTimers().Longest())
		header.Capabilities = journal.Capabilities{Books: true, Fulfilment: true, HandOver: true}
		return
	}
	header.Merchant, header.Manifest = described.Name, described.Path
	if absolute, err := filepath.Abs(described.Path); err == nil { // it is read again from anywhere
		header.Manifest = absolute
	}
	header.LongestTimer = faults.Duration(described.Merchant.LongestTimer)
	if described.Watched() {
		header.Capabilities = journal.Capabilities{Watched: true}
		return
	}
	books := described.Driver.Books
	header.Capabilities = journal.Capabilities{Books: described.Driver.ExportsBooks(), HandOver: books != nil && books.HandedOver != nil}
}

// Known are the systems that a scenario for a merchant may name: all, and the
// services of its own.
func Known(described *manifest.Manifest) scenarios.Systems {
	if described == nil {
		return scenarios.DefaultSystems()
	}
	return described.With(scenarios.DefaultSystems())
}

// Fit leaves of a scenario what is possible with a merchant, nil for the reference
// merchant, and says what is not. The systems are those to compile it with. Only
// with a database server is there a link to it.
func Fit(scenario scenarios.Scenario, described *manifest.Manifest, database string) (fitting scenarios.Scenario, systems scenarios.Systems, left []string, err error) {
	systems = scenarios.DefaultSystems()
	if described == nil && database != "" {
		return scenario, systems, nil, nil
	}
	if described == nil {
		systems.Streams = nil
		fitting, left, err = scenario.WithoutStreams()
		return fitting, systems, left, err
	}
	systems = described.Systems(systems)
	fitting, left, err = scenario.Within(systems)
	return fitting, systems, left, err
}

// token is an unguessable word.
func token(bytes int) string {
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // never fails, says its documentation
	return hex.EncodeToString(random)
}

// Judge judges a run folder and writes everything that is derived from it.
func Judge(folder journal.Folder) (invariants.Verdict, error) {
	evidence, err := invariants.Load(folder)
	if err != nil {
		return invariants.Verdict{}, err
	}
	verdict := invariants.Judge(evidence)
	if err := verdict.Write(folder); err != nil {
		return verdict, err
	}
	return verdict, reports.Write(folder, evidence, verdict)
}
