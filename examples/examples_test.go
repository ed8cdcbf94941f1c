// Package examples_test runs scenarios against the example merchants as they are:
// unchanged, with the providers' hosts in their sources.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/quake"
)

// tool skips a test whose language is not on this machine, and fails it where it
// has to be.
func tool(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("PAYQUAKE_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed, and PAYQUAKE_REQUIRE_TOOLS is set", program)
	}
	t.Skipf("%s is not installed", program)
}

func own(t *testing.T, folder, program string, arguments ...string) {
	t.Helper()
	command := exec.Command(program, arguments...)
	command.Dir = folder
	if said, err := command.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", command, err, said)
	}
}

// TestPython_PlantedMistakeIsFound: the stall pays refunds twice whose answer did
// not come. It sells at fixed prices, by certificate mode.
func TestPython_PlantedMistakeIsFound(t *testing.T) {
	tool(t, "python3")
	tool(t, "openssl")
	own(t, "python", "python3", "-B", "-m", "unittest")
	verdict := shaken(t, "python", "refund-storm")
	verdict.Finds(t, "no-refund-beyond-capture")
	for _, finding := range verdict.Findings {
		if finding.Invariant != "no-refund-beyond-capture" && finding.Invariant != "no-lost-refund" {
			t.Errorf("the stall makes one mistake, and is accused of %s: %s", finding.Invariant, finding.Reason)
		}
	}
	if verdict.Counts.Unattributed > 0 {
		t.Errorf("at fixed prices %d of %d messages were given to no trial", verdict.Counts.Unattributed, verdict.Counts.Messages)
	}
}

// TestNode_Holds: the shop does right whatever happens, crashes included, though
// its runtime knows no proxy.
func TestNode_Holds(t *testing.T) {
	tool(t, "node")
	own(t, "node", "node", "--test")
	verdict := shaken(t, "node", "lost-answers", "crashing-merchant")
	verdict.NoFindings(t)
}

// shaken runs scenarios against an example, and once more if a machine that was
// too busy left it open.
func shaken(t *testing.T, example string, scenarios ...string) *quake.Verdict {
	t.Helper()
	for again := true; ; again = false {
		session := quake.Open(t, quake.Options{Manifest: filepath.Join(example, "payquake.yaml")})
		for _, scenario := range scenarios {
			session.Run(scenario)
		}
		verdict := session.Verdict()
		if verdict.Outcome != invariants.Inconclusive || !again {
			return verdict
		}
		t.Logf("inconclusive, running again: %v", verdict.Reasons)
	}
}
