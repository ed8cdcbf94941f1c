package harness_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness"
	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// quiet hears no progress.
type quiet struct{}

func (quiet) Tell(string)             {}
func (quiet) Trials(string, int, int) {}

// program is the payquake binary: the one that make built, or one of our own.
func program(t *testing.T) string {
	if built := os.Getenv("PAYQUAKE_PROGRAM"); built != "" {
		return built
	}
	path := filepath.Join(t.TempDir(), "payquake")
	build := exec.Command("go", "build", "-o", path, "../cmd/payquake")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return path
}

func setting(t *testing.T, scenario string) harness.Setting {
	now := clock.System{}.Now()
	folder, err := journal.Create(t.TempDir(), scenario, 1, now)
	require.NoError(t, err)
	providers, err := environment.FreshProviders(environment.Keys{})
	require.NoError(t, err)
	authority, err := roles.NewAuthority(now)
	require.NoError(t, err)
	timers := environment.RunTimers()
	return harness.Setting{Environment: "local", Folder: folder, Progress: quiet{}, Clock: clock.System{},
		Topology: environment.Topology{Run: filepath.Base(string(folder)), Token: "token", Providers: providers, Authority: authority,
			Program: program(t), Logs: folder.Path(journal.LogsFolder), Merchant: environment.MerchantSpec{Timers: timers}},
		Header: journal.Header{Scenario: scenario, Seed: 1, LongestTimer: faults.Duration(timers.Longest()),
			Capabilities: journal.Capabilities{Books: true, Fulfilment: true, HandOver: true}}}
}

func trialOf(t *testing.T, id string, shopper string, fen int64, pins ...faults.Pin) scenarios.Trial {
	fault, err := faults.Decode(shopper, nil)
	require.NoError(t, err)
	total := payment.Fen(fen)
	trial := scenarios.Trial{ID: faults.Trial(id), Scenario: "test", Shopper: shopper, Provider: "wechatpay", Method: payment.MethodCode,
		Total: total, Lines: []scenarios.Line{{Name: "tea", Quantity: 1, Price: total}}, Pins: pins}
	fault.(faults.Shopper).Walk(&trial.Journey, trial.Method)
	return trial
}

// TestRun_ThreeBooksAgree runs three trials, one of them with its first
// notification lost, against a merchant whose own tracing is off, and judges
// the folder that is left.
func TestRun_ThreeBooksAgree(t *testing.T) {
	at, err := faults.ParseAddress("wechatpay->merchant notify-payment#1 request")
	require.NoError(t, err)
	at.Trial = "test-0002"
	pin := faults.Pin{ID: "test-0002.1", Fault: "lost-request", Trial: "test-0002", At: &at, Required: true, Limit: faults.Duration(faults.DefaultLimit)}
	plan := scenarios.Plan{Version: scenarios.PlanVersion, Scenario: "test", Seed: 1, Parts: []scenarios.Part{{Scenario: "test"}},
		Batches: []scenarios.Batch{{ID: "b1", InFlight: 3, Trials: []scenarios.Trial{
			trialOf(t, "test-0001", "pay-then-refund", 1000), trialOf(t, "test-0002", "pay", 2000, pin), trialOf(t, "test-0003", "abandon", 3000)}}}}
	s := setting(t, "test")
	require.NoError(t, harness.Run(t.Context(), plan, s))

	evidence, err := invariants.Load(s.Folder)
	require.NoError(t, err)
	require.Empty(t, evidence.Damage)
	verdict := invariants.Judge(evidence)
	require.Equal(t, invariants.Held, verdict.Outcome, "%+v", verdict.Reasons)
	require.Equal(t, 2, verdict.Counts.Captures)
	require.Equal(t, []string{"test-0002.1"}, verdict.Pins.RequiredFiredIDs)
	for _, trial := range evidence.Trials {
		requireOneTree(t, trial)
	}
	text, err := os.ReadFile(s.Folder.Path(journal.JournalFile))
	require.NoError(t, err)
	require.NotContains(t, string(text), s.Topology.Token, "no secret of the run is recorded")
	require.NotContains(t, string(text), "PRIVATE KEY")
}

// requireOneTree: one trial, one trace, one root, from shopper to notification.
func requireOneTree(t *testing.T, trial *invariants.Trial) {
	known, services := map[string]bool{}, map[string]bool{}
	roots := 0
	for _, span := range trial.Spans {
		known[span.SpanID] = true
		services[span.Service] = true
	}
	for _, span := range trial.Spans {
		if span.Parent == "" {
			roots++
			continue
		}
		require.True(t, known[span.Parent], "%s: span %s of %s hangs nowhere", trial.ID, span.Name, span.Service)
	}
	require.Equal(t, 1, roots, trial.ID)
	require.Subset(t, keys(services), []string{"payquake-shopper", "payquake-gateway", "wechatpay"})
	require.NotContains(t, keys(services), "merchant", "its tracing is off")
}

func keys(set map[string]bool) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	return names
}

// TestOpen_NothingIsLeftWhenTheMerchantDoesNotComeUp and the error says so.
func TestOpen_NothingIsLeftWhenTheMerchantDoesNotComeUp(t *testing.T) {
	s := setting(t, "test")
	s.Topology.Merchant.Timers.PollEvery = 0 // which the merchant refuses
	_, err := harness.Open(t.Context(), s)
	require.ErrorIs(t, err, environment.ErrNotUp)
	log, err := os.ReadFile(filepath.Join(s.Topology.Logs, "merchant.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "poll_every")
}

// TestAgain_RenamesTheTrialAndItsPins and changes nothing else.
func TestAgain_RenamesTheTrialAndItsPins(t *testing.T) {
	at := faults.Address{Trial: "test-0001", Link: "a->b", Operation: faults.Query, Nth: 1, Leg: faults.AnswerLeg}
	trial := trialOf(t, "test-0001", "pay", 100, faults.Pin{ID: "test-0001.1", Trial: "test-0001", Fault: "noop", At: &at})
	again := harness.Again(trial, 1)
	require.Equal(t, faults.Trial("test-0001~1"), again.ID)
	require.Equal(t, "test-0001~1.1", again.Pins[0].ID)
	require.Equal(t, again.ID, again.Pins[0].At.Trial)
	require.Equal(t, faults.Trial("test-0001"), at.Trial, "the plan's own pin is untouched")
	require.Equal(t, strings.Count(string(trial.ID), "~"), 0)
}

// TestRun_ACrowdLeavesNothing: five hundred trials at a time, among all faults and
// with a process that stops, come to rest; nobody is accused, and when the run is over
// there is nothing of it but its folder.
func TestRun_ACrowdLeavesNothing(t *testing.T) {
	if slowed {
		t.Skip("with the race detector five hundred are too many for the proxies; make test runs it once more without")
	}
	suite, err := scenarios.Load("suite", scenarios.DefaultSystems())
	require.NoError(t, err)
	suite, _, err = suite.WithoutStreams()
	require.NoError(t, err)
	plan, err := scenarios.Compile(suite, scenarios.DefaultSystems(), 1)
	require.NoError(t, err)
	slices.SortStableFunc(plan.Batches, func(a, b scenarios.Batch) int { return len(b.Trials) - len(a.Trials) })
	plan.Batches = plan.Batches[:2] // the crowd, and one that stops something
	crowd := &plan.Batches[0]
	crowd.InFlight = 500
	whole := crowd.Trials
	crowd.Trials = nil
	for i := range 520 { // of every scenario its share
		crowd.Trials = append(crowd.Trials, whole[i*len(whole)/520])
	}

	s := setting(t, "suite")
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	peak := peakOfHeap(t, func() { require.NoError(t, harness.Run(t.Context(), plan, s)) })

	evidence, err := invariants.Load(s.Folder)
	require.NoError(t, err)
	require.Empty(t, evidence.Damage)
	verdict := invariants.Judge(evidence)
	for _, finding := range verdict.Findings {
		t.Errorf("%s/%s in %v: %s", finding.Invariant, finding.Clause, finding.Trials, finding.Reason)
	}
	require.Empty(t, verdict.OurFault)
	require.Equal(t, plan.Count(), verdict.Counts.Begun)
	require.Equal(t, plan.Count(), verdict.Counts.Rested, "%v", verdict.Reasons)

	require.Less(t, peak, uint64(512<<20), "heap of the harness")
	if os.Getenv("PAYQUAKE_PROGRAM") != "" { // or the compiler is among the children
		var children syscall.Rusage
		require.NoError(t, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children))
		require.Less(t, children.Maxrss, int64(512<<10), "KiB of the biggest role")
		t.Logf("heap of the harness %d MiB, biggest role %d MiB", peak>>20, children.Maxrss>>10)
	}
	goroutines++ // that looks at their number
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines }, 10*time.Second, 50*time.Millisecond, "goroutines")
	require.Eventually(t, func() bool { return openFiles(t) <= files }, 10*time.Second, 50*time.Millisecond, "open files")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left, "temporary files")
	running, err := exec.Command("pgrep", "-f", s.Topology.Logs).Output()
	require.Error(t, err, "processes: %s", running)
}

// openFiles counts the files and connections that this process holds open; 0 where
// nobody tells.
func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return len(files)
}

// peakOfHeap is the most that the heap held while f ran, as far as seen.
func peakOfHeap(t *testing.T, f func()) uint64 {
	t.Helper()
	done, seen := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		var stats runtime.MemStats
		for {
			select {
			case <-done:
				seen <- peak
				return
			case <-time.After(200 * time.Millisecond):
				runtime.ReadMemStats(&stats)
				peak = max(peak, stats.HeapInuse)
			}
		}
	}()
	f()
	close(done)
	return <-seen
}
