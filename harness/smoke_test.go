package harness_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness"
	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

type quietProgress struct{ t *testing.T }

func (p quietProgress) Tell(text string)            { p.t.Log(text) }
func (p quietProgress) Trials(b string, n, all int) {}

func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	if d := os.Getenv("SMOKE_DIR"); d != "" {
		dir = d
	}
	program := filepath.Join(t.TempDir(), "payquake")
	cmd := exec.Command("go", "build", "-o", program, "../cmd/payquake")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	folder, err := journal.Create(dir, "smoke", 1, clock.System{}.Now())
	if err != nil {
		t.Fatal(err)
	}
	providers, err := environment.FreshProviders(false)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := roles.NewAuthority(clock.System{}.Now())
	if err != nil {
		t.Fatal(err)
	}
	timers := environment.RunTimers()
	envName := os.Getenv("SMOKE_ENV")
	if envName == "" {
		envName = "local"
	}
	begin := clock.System{}.Now()
	s, err := harness.Open(t.Context(), harness.Setting{Environment: envName, Folder: folder, Progress: quietProgress{t},
		Topology: environment.Topology{Run: fmt.Sprint("smoke-", os.Getpid()), Token: "tok", Providers: providers, Authority: authority, Program: program,
			Logs: folder.Path(journal.LogsFolder), Merchant: environment.MerchantSpec{Traced: true, Timers: timers}},
		Header: journal.Header{Run: "smoke", Scenario: "smoke", Seed: 1, LongestTimer: faults.Duration(timers.Longest())}})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("open", clock.System{}.Now().Sub(begin))
	batch := scenarios.Batch{ID: "b1", InFlight: 64}
	n := 20
	if v := os.Getenv("SMOKE_N"); v != "" {
		fmt.Sscan(v, &n)
	}
	for i := range n {
		kinds := []string{"pay", "pay-then-refund", "scan-code", "two-wallets", "abandon"}
		kind := kinds[i%len(kinds)]
		fault, err := faults.Decode(kind, nil)
		if err != nil {
			t.Fatal(err)
		}
		total := payment.Fen(int64(1000 + 7*i))
		trial := scenarios.Trial{ID: faults.Trial(fmt.Sprintf("smoke-%04d", i)), Scenario: "smoke", Shopper: kind, Provider: "wechatpay",
			Method: payment.MethodCode, Total: total, Lines: []scenarios.Line{{Name: "tea", Quantity: 1, Price: total}}}
		fault.(faults.Shopper).Walk(&trial.Journey, trial.Method)
		batch.Trials = append(batch.Trials, trial)
	}
	begin = clock.System{}.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	if err := s.Observe(ctx, batch); err != nil {
		t.Error(err)
	}
	t.Log("observe", clock.System{}.Now().Sub(begin))
	if err := s.Close(context.Background(), ""); err != nil {
		t.Error(err)
	}
	t.Log(folder, timers.Longest())
}
