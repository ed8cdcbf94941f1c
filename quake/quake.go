// Package quake runs payquake from go test: it opens a session with a merchant,
// runs scenarios against it, and fails the test with a readable finding.
//
//	func TestCheckout(t *testing.T) {
//		session := quake.Open(t, quake.Options{Manifest: "payquake.yaml"})
//		session.Run("lost-answers")
//		session.Verdict().NoFindings(t)
//	}
package quake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payquake/payquake/harness"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/setup"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/reports"
	"github.com/payquake/payquake/scenarios"
)

// Options say what a session is opened with. The zero value is the payquake.yaml
// of the test's folder, in the environment that it can run in.
type Options struct {
	// Manifest is the path of the merchant's description.
	Manifest string
	// Environment is docker, local or auto.
	Environment string
	// Setenv are variables that the merchant is given beside those of its manifest,
	// or instead of them.
	Setenv map[string]string
	// Seed decides what is left to chance; 1 if 0.
	Seed uint64
	// Results is the folder for the run folder; payquake-results in the test's if "".
	Results string
	// WatchFor is how long payments of the test's own traffic are waited for, where
	// the manifest has no driver; ten minutes if 0.
	WatchFor time.Duration
	// Program is the payquake binary. Without it, and without PAYQUAKE_PROGRAM in
	// the environment, the go tool builds one.
	Program string
}

// Session is one warm environment. Its methods end the test when it breaks.
type Session struct {
	t       testing.TB
	options Options
	setting harness.Setting
	harness *harness.Session // nil once closed
	verdict *Verdict
	ran     error
}

// Open starts the providers, the gateway and the merchant. They are stopped when
// the session's verdict is asked for, or else when the test ends.
func Open(t testing.TB, options Options) *Session {
	t.Helper()
	if options.Manifest == "" {
		options.Manifest = manifest.File
	}
	if options.Seed == 0 {
		options.Seed = 1
	}
	if options.Environment == "" {
		options.Environment = "auto"
	}
	if options.Results == "" {
		options.Results = "payquake-results"
	}
	read, err := manifest.Load(options.Manifest, scenarios.DefaultSystems())
	if err != nil {
		t.Fatalf("payquake: %v", err)
	}
	read.Merchant.Environment = append(read.Merchant.Environment, manifest.Literals(options.Setenv)...)
	if options.Program == "" {
		options.Program = os.Getenv("PAYQUAKE_PROGRAM")
	}
	repeat := options.repeat // before it is known where this test has the binary
	if options.Program == "" {
		if options.Program, err = program(t); err != nil {
			t.Fatalf("payquake: %v", err)
		}
	}
	s := &Session{t: t, options: options}
	s.setting, err = setup.Setting(read.Name, options.Seed, setup.Choices{Environment: options.Environment, Results: options.Results,
		Program: options.Program, Manifest: &read, Repeat: repeat})
	if err != nil {
		t.Fatalf("payquake: %v", err)
	}
	s.setting.Progress, s.setting.WatchFor = progress{t}, options.WatchFor
	if s.harness, err = harness.Open(t.Context(), s.setting); err != nil {
		t.Fatalf("payquake: %v", err)
	}
	t.Cleanup(func() { _ = s.close() }) // whoever wants to know asks for the verdict
	return s
}

// repeat is the command that repeats a finding. What the test set beside the
// manifest is set again. A binary that was built for the test is gone by then, so
// the go tool builds it again.
func (o Options) repeat(folder journal.Folder) string {
	words := []string{o.Program}
	set := maps.Clone(o.Setenv)
	if o.Program == "" {
		words = []string{"go", "run", command}
		if set == nil {
			set = map[string]string{}
		}
		set["CGO_ENABLED"] = "0"
	}
	if len(set) > 0 {
		var variables []string
		for _, name := range slices.Sorted(maps.Keys(set)) {
			variables = append(variables, name+"="+set[name])
		}
		words = slices.Concat([]string{"env"}, variables, words)
	}
	return strings.Join(append(words, "repro", string(folder)), " ")
}

// Endpoint is the base URL of a provider's link, for a merchant that is told one.
// It is of use in the local environment.
func (s *Session) Endpoint(provider payment.ProviderName) string {
	s.t.Helper()
	at, err := s.harness.Endpoint(s.t.Context(), provider)
	if err != nil || at == "" {
		s.t.Fatalf("payquake: no endpoint of %s: %v", provider, err)
	}
	return at
}

// Shop is the base URL of the merchant as its shoppers reach it, for a merchant
// without driver: the test's own traffic goes there while a scenario runs.
func (s *Session) Shop() string { return s.harness.Shop() }

// Run runs a scenario: one of the catalogue by its name, or a file by its path.
// What is not possible with the merchant is left out, and said in the test's log.
func (s *Session) Run(scenario string) {
	s.t.Helper()
	read, err := scenarios.Load(scenario, setup.Known(s.setting.Topology.Merchant.Described))
	if err != nil {
		s.t.Fatalf("payquake: %v", err)
	}
	fitting, systems, left, err := setup.Fit(read, s.setting.Topology.Merchant.Described, s.setting.Topology.Merchant.Database)
	for _, why := range left {
		s.t.Log("payquake: left out: " + why)
	}
	if err != nil {
		s.t.Fatalf("payquake: %v", err)
	}
	plan, err := scenarios.Compile(fitting, systems, s.options.Seed)
	if err != nil {
		s.t.Fatalf("payquake: %v", err)
	}
	if err := s.harness.Run(s.t.Context(), plan); err != nil {
		s.ran = err
		s.t.Fatalf("payquake: %v", errors.Join(err, s.close()))
	}
}

// Verdict ends the session and judges what happened in it.
func (s *Session) Verdict() *Verdict {
	s.t.Helper()
	if s.verdict != nil {
		return s.verdict
	}
	closed := s.close()
	judged, err := setup.Judge(s.setting.Folder)
	if err = errors.Join(closed, err); err != nil {
		s.t.Fatalf("payquake: %v", err)
	}
	s.verdict = &Verdict{Verdict: judged, Folder: string(s.setting.Folder)}
	return s.verdict
}

// closeLimit bounds how long closing may take, after the test's own context is
// over too.
const closeLimit = 45 * time.Second

func (s *Session) close() error {
	if s.harness == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	stopped := ""
	if s.ran != nil {
		stopped = s.ran.Error()
	}
	open := s.harness
	s.harness = nil
	return open.Close(ctx, stopped)
}

// Verdict is what a session came to, and where its run folder is.
type Verdict struct {
	invariants.Verdict
	Folder string
}

// NoFindings fails the test with every finding, as the console shows it, and when
// nothing can be concluded.
func (v *Verdict) NoFindings(t testing.TB) {
	t.Helper()
	if v.Outcome != invariants.Held {
		t.Errorf("payquake: %s\n%s", v.Outcome, v.text())
	}
}

// Finds fails the test unless an invariant is violated: for tests of a merchant
// with a known mistake.
func (v *Verdict) Finds(t testing.TB, invariant string) {
	t.Helper()
	for _, finding := range v.Findings {
		if finding.Invariant == invariant {
			return
		}
	}
	t.Errorf("payquake: %s was not violated\n%s", invariant, v.text())
}

func (v *Verdict) text() string {
	var text strings.Builder
	if err := reports.Console(&text, v.Verdict, reports.Style{Width: 100, Folder: journal.Folder(v.Folder)}); err != nil {
		return err.Error()
	}
	return text.String()
}

// progress writes what goes on into the test's log.
type progress struct{ t testing.TB }

// Tell implements harness.Progress.
func (p progress) Tell(text string) { p.t.Log("payquake: " + text) }

// Trials implements harness.Progress.
func (progress) Trials(string, int, int) {}

// command is the payquake command's package.
const command = "github.com/payquake/payquake/cmd/payquake"

// program builds the payquake binary of this very module version, which plays
// every role of a run. The go tool knows whether it is built already.
func program(t testing.TB) (string, error) {
	built := filepath.Join(t.TempDir(), "payquake")
	build := exec.Command("go", "build", "-o", built, command)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the payquake binary (or name one with PAYQUAKE_PROGRAM): %w\n%s", err, said)
	}
	return built, nil
}
