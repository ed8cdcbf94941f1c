package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/postgres"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/merchant/twins"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// engine skips a test where no Docker engine answers, and fails it where one
// is required.
func engine(t *testing.T) {
	t.Helper()
	if payquake(t, "clean").code == 0 {
		return
	}
	if os.Getenv("PAYQUAKE_REQUIRE_TOOLS") == "1" {
		t.Fatal("no Docker engine answers, and PAYQUAKE_REQUIRE_TOOLS is set")
	}
	t.Skip("no Docker engine answers: containers are not tested")
}

// TestSuite_HoldsInContainers is the main job: everything against the correct
// merchant, in containers, with nothing left behind.
func TestSuite_HoldsInContainers(t *testing.T) {
	engine(t)
	result := conclusive(t, t.TempDir(), "run", "suite", "--environment", "docker")
	require.Equal(t, 0, result.code, "%s\n%s", result.out, result.err)
	require.Equal(t, invariants.Held, result.verdict.Outcome)
	require.Equal(t, "docker", result.verdict.Environment)
	require.Equal(t, result.verdict.Pins.Required, result.verdict.Pins.RequiredFired)
	held := map[string]int{} // providers of each scenario
	for _, side := range result.verdict.Sides {
		require.Equal(t, invariants.Held, side.Outcome, "%+v", side)
		held[side.Scenario]++
	}
	require.Len(t, held, 14)
	for scenario, providers := range held {
		require.Equal(t, 3, providers, "%s holds with every provider", scenario)
	}
	require.Empty(t, left(t, result.verdict.Run), "containers and networks of the run")
}

// conclusive runs the program, and once more if the run proved nothing: on a
// machine that is busy with something else a message may not come in time. Two
// such runs are no accident.
func conclusive(t *testing.T, folder string, arguments ...string) ran {
	t.Helper()
	result := payquakeIn(t, folder, arguments...)
	if result.code == 3 {
		t.Logf("inconclusive, running again: %v", result.verdict.Reasons)
		result = payquakeIn(t, folder, arguments...)
	}
	return result
}

// left lists what of a run is still at the engine.
func left(t *testing.T, run string) string {
	t.Helper()
	containers, err := exec.Command("docker", "ps", "-aq", "--filter", "label=payquake.run="+run).Output()
	require.NoError(t, err)
	networks, err := exec.Command("docker", "network", "ls", "-q", "--filter", "label=payquake.run="+run).Output()
	require.NoError(t, err)
	return string(containers) + string(networks)
}

// TestBug_IsFoundByItsScenario: each known mistake is found by the invariant
// it is known for, and by nothing when it is not made.
func TestBug_IsFoundByItsScenario(t *testing.T) {
	for _, bug := range bugs.All() {
		t.Run(bug.Name, func(t *testing.T) {
			t.Parallel()
			arguments := append([]string{"run", "bugs/" + bug.Name, "--environment", "local"}, database(t, "bugs/"+bug.Name)...)
			result := payquake(t, append(slices.Clone(arguments), "--merchant-bug", bug.Name)...)
			require.Equal(t, 1, result.code, "%s\n%s", result.out, result.err)
			promised := slices.IndexFunc(result.verdict.Findings, func(f invariants.Finding) bool {
				return strings.Contains(bug.Invariant, f.Invariant)
			})
			require.GreaterOrEqual(t, promised, 0, "%s promises %s:\n%s", bug.Name, bug.Invariant, result.out)
			for _, provider := range scenarios.DefaultSystems().Providers {
				if why, harmless := bug.Harmless[provider.Name]; harmless {
					require.NotEmpty(t, why)
					continue
				}
				require.True(t, foundThrough(t, result, bug, provider.Name), "%s is not found through %s:\n%s", bug.Name, provider.Name, result.out)
			}
			correct := conclusive(t, t.TempDir(), arguments...)
			require.Equal(t, 0, correct.code, "the correct merchant is accused:\n%s", correct.out)
		})
	}
}

// TestTwin_IsNotAccused: who does the unusual thing and does it right is not called
// wrong, where money comes late, twice and under lost news.
func TestTwin_IsNotAccused(t *testing.T) {
	for _, twin := range twins.All() {
		t.Run(twin.Name, func(t *testing.T) {
			t.Parallel()
			result := payquake(t, "run", "late-and-out-of-order", "--merchant-twin", twin.Name, "--environment", "local")
			require.Empty(t, result.verdict.Findings, "%s\n%s", result.out, result.err)
			require.Positive(t, result.verdict.Counts.Captures)
		})
	}
}

// database are the arguments that give the merchant a database server, for a
// scenario that needs one.
func database(t *testing.T, scenario string) []string {
	t.Helper()
	loaded, err := scenarios.Load(scenario, scenarios.DefaultSystems())
	require.NoError(t, err)
	if _, _, err := loaded.WithoutStreams(); err == nil {
		return nil
	}
	url, stop, err := postgres.Start()
	if errors.Is(err, postgres.ErrNone) && os.Getenv("PAYQUAKE_REQUIRE_TOOLS") != "1" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	return []string{"--merchant-database", url}
}

// TestDatabase_FailsUnderTheCorrectMerchant: a real PostgreSQL is cut off and gone,
// also between a commit and its answer, and no payment is lost.
func TestDatabase_FailsUnderTheCorrectMerchant(t *testing.T) {
	scenario, err := filepath.Abs("testdata/database.yaml")
	require.NoError(t, err)
	result := conclusive(t, t.TempDir(), append([]string{"run", scenario, "--environment", "local"}, database(t, scenario)...)...)
	require.Equal(t, 0, result.code, "%s\n%s", result.out, result.err)
	without := payquake(t, "run", "failing-database", "--environment", "local")
	require.Equal(t, 5, without.code)
	require.Contains(t, without.err, "--merchant-database")
}

// foundThrough reports whether a trial that pays with the provider broke the
// promised invariant.
func foundThrough(t *testing.T, result ran, bug bugs.Bug, provider payment.ProviderName) bool {
	t.Helper()
	plan, err := scenarios.ReadPlan(filepath.Join(result.folder, "plan.json"))
	require.NoError(t, err)
	return slices.ContainsFunc(result.verdict.Findings, func(f invariants.Finding) bool {
		return strings.Contains(bug.Invariant, f.Invariant) && slices.ContainsFunc(f.Trials, func(id faults.Trial) bool {
			trial, _, known := plan.Find(id)
			return known && trial.Provider == provider
		})
	})
}

// TestFinding_FirstLineFindsItAgain runs the first line of a finding as it is
// printed.
func TestFinding_FirstLineFindsItAgain(t *testing.T) {
	folder := t.TempDir()
	result := payquakeIn(t, folder, "run", "bugs/amount-unchecked", "--merchant-bug", "amount-unchecked", "--environment", "local")
	require.Equal(t, 1, result.code)
	line := regexp.MustCompile(`(?m)^\S+ repro \S+ [0-9a-f]{8}$`).FindString(result.out)
	require.NotEmpty(t, line, result.out)
	again := exec.Command("/bin/sh", "-c", line)
	again.Dir = folder
	said, _ := again.CombinedOutput()
	require.Equal(t, 1, again.ProcessState.ExitCode(), "%s", said)
	require.Contains(t, string(said), "no-wrong-amount was violated again, in run 1")
	require.FileExists(t, filepath.Join(result.folder, "incident.en.md"))
}

// TestPlan_FiresTheSamePinsEveryTime: five runs of one plan, or three in containers, fire the
// same required pins; optional ones that did not fire are listed with a reason.
func TestPlan_FiresTheSamePinsEveryTime(t *testing.T) {
	for environment, times := range map[string]int{"local": 5, "docker": 3} {
		t.Run(environment, func(t *testing.T) {
			if environment == "docker" {
				engine(t)
			}
			folder := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(folder, "pins.yaml"), []byte(pinsScenario), 0o644))
			var first []string
			for range times {
				result := conclusive(t, folder, "run", "pins.yaml", "--environment", environment)
				require.Equal(t, 0, result.code, "%s\n%s", result.out, result.err)
				fired := slices.Sorted(slices.Values(result.verdict.Pins.RequiredFiredIDs))
				if first == nil {
					first = fired
					require.Len(t, fired, result.verdict.Pins.Required)
				}
				require.Equal(t, first, fired)
				for _, pin := range result.verdict.Pins.NotFired {
					require.False(t, pin.Required)
					require.NotEmpty(t, pin.Reason)
				}
			}
		})
	}
}

const pinsScenario = `name: pins
about: Faults of several kinds, and one whose message may not come.
load: {trials: 12}
shoppers:
  - {shopper: pay, weight: 2}
  - {shopper: pay-then-refund, refund: partial}
  - {shopper: scan-code}
faults:
  - {fault: lost-answer, at: merchant->provider create#1 answer, trials: 3}
  - {fault: duplicate, at: provider->merchant notify-payment#1 request, trials: 2}
  - {fault: lost-answer, at: merchant->provider refund#1 answer, trials: 1}
  - {fault: lost-answer, at: merchant->provider pay-code#1 answer, trials: 1}
  - {fault: noop, at: merchant->provider query#3 request, trials: 2}
`

// TestKilled_LeavesAFolderAndNothingElse: kill -9 in the middle of a run leaves
// a readable folder, and soon no container, network or process of its own; a
// second payquake beside it is untouched.
func TestKilled_LeavesAFolderAndNothingElse(t *testing.T) {
	for _, environment := range []string{"local", "docker"} {
		t.Run(environment, func(t *testing.T) {
			if environment == "docker" {
				engine(t)
			}
			beside, killed := start(t, environment, "calm"), start(t, environment, "suite")
			killed.awaitTrials(t)
			require.NoError(t, killed.command.Process.Kill())
			_ = killed.command.Wait()

			require.Eventually(t, func() bool { return killed.processes() == "" }, 20*time.Second, 100*time.Millisecond, "processes")
			if environment == "docker" {
				run := killed.run(t)
				require.Eventually(t, func() bool { return left(t, run) == "" }, 30*time.Second, 200*time.Millisecond, "containers and networks")
			}
			checked := payquakeIn(t, killed.folder, "check", "payquake-results/latest")
			require.Equal(t, 3, checked.code, checked.out)
			require.Contains(t, checked.out, "not sealed")

			_ = beside.command.Wait()
			require.Equal(t, 0, beside.command.ProcessState.ExitCode(), "the run beside it: %s", beside.output(t))
		})
	}
}

// TestInterrupted_CleansUpAndReports: Ctrl-C cleans up at once, writes a
// partial report and exits with 130.
func TestInterrupted_CleansUpAndReports(t *testing.T) {
	for _, environment := range []string{"local", "docker"} {
		t.Run(environment, func(t *testing.T) {
			if environment == "docker" {
				engine(t)
			}
			running := start(t, environment, "suite")
			running.awaitTrials(t)
			require.NoError(t, running.command.Process.Signal(syscall.SIGINT))
			_ = running.command.Wait()
			require.Equal(t, 130, running.command.ProcessState.ExitCode(), running.output(t))
			require.FileExists(t, filepath.Join(running.folder, "payquake-results/latest/report.html"))
			require.FileExists(t, filepath.Join(running.folder, "payquake-results/latest/journal.seal"))
			require.Empty(t, running.processes())
			if environment == "docker" {
				require.Empty(t, left(t, running.run(t)))
			}
			checked := payquakeIn(t, running.folder, "check", "payquake-results/latest")
			require.Equal(t, 3, checked.code, checked.out)
			require.Contains(t, checked.out, "stopped")
		})
	}
}

// running is a payquake in the background.
type running struct {
	command *exec.Cmd
	folder  string
}

func start(t *testing.T, environment, scenario string) running {
	t.Helper()
	r := running{folder: t.TempDir()}
	output, err := os.Create(filepath.Join(r.folder, "output"))
	require.NoError(t, err)
	r.command = exec.Command(program(t), "run", scenario, "--environment", environment)
	r.command.Dir, r.command.Stdout, r.command.Stderr = r.folder, output, output
	require.NoError(t, r.command.Start())
	t.Cleanup(func() {
		_ = r.command.Process.Kill()
		_ = r.command.Wait()
		output.Close()
	})
	return r
}

func (r running) journal() string {
	text, _ := os.ReadFile(filepath.Join(r.folder, "payquake-results/latest/journal.jsonl"))
	return string(text)
}

// awaitTrials waits until some payments were made.
func (r running) awaitTrials(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Count(r.journal(), `"kind":"capture"`) > 5 }, 60*time.Second, 50*time.Millisecond)
}

// run is the run's id.
func (r running) run(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`"run":"([^"]+)"`).FindStringSubmatch(r.journal())
	require.NotNil(t, found)
	return found[1]
}

func (r running) output(t *testing.T) string {
	text, err := os.ReadFile(filepath.Join(r.folder, "output"))
	require.NoError(t, err)
	return string(text)
}

// processes lists the merchants of this run that are still alive: their log is
// open in the run's folder.
func (r running) processes() string {
	var alive []string
	links, _ := filepath.Glob("/proc/[0-9]*/fd/1")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err == nil && strings.HasPrefix(target, r.folder) && strings.HasSuffix(target, "merchant.log") {
			alive = append(alive, link)
		}
	}
	return strings.Join(alive, " ")
}
