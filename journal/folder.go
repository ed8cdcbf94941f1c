package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Folder is the path of a run folder.
type Folder string

// The files of a run folder.
const (
	PlanFile     = "plan.json"
	JournalFile  = "journal.jsonl"
	SealFile     = "journal.seal"
	BodiesFolder = "bodies"
	TracesFile   = "traces.jsonl"
	MerchantFile = "merchant.json"
	VerdictFile  = "verdict.json"
	ReportFile   = "report.html"
	IncidentFile = "incident.en.md"
	JUnitFile    = "junit.xml"
	SummaryFile  = "summary.md"
	ReproFile    = "repro.sh"
	ReproFolder  = "repro"
	LogsFolder   = "logs"
	// Latest is the link, beside the run folders, to the newest of them.
	Latest = "latest"
)

// Path is the path of a file in the folder.
func (f Folder) Path(name ...string) string {
	return filepath.Join(append([]string{string(f)}, name...)...)
}

// Create makes the folder of a run below results, named after scenario, seed
// and time, and points latest to it. A folder of the same second gets a number.
func Create(results, scenario string, seed uint64, at time.Time) (Folder, error) {
	if err := os.MkdirAll(results, 0o755); err != nil {
		return "", fmt.Errorf("create results folder: %w", err)
	}
	name := fmt.Sprintf("%s-%d-%s", scenario, seed, at.UTC().Format("20060102T150405Z"))
	folder := Folder(filepath.Join(results, name))
	for try := 2; ; try++ {
		err := os.Mkdir(string(folder), 0o755)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrExist) || try > 100 {
			return "", fmt.Errorf("create run folder: %w", err)
		}
		folder = Folder(filepath.Join(results, fmt.Sprintf("%s-%d", name, try)))
	}
	for _, sub := range []string{BodiesFolder, LogsFolder} {
		if err := os.Mkdir(folder.Path(sub), 0o755); err != nil {
			return "", fmt.Errorf("create run folder: %w", err)
		}
	}
	return folder, pointLatest(results, filepath.Base(string(folder)))
}

// pointLatest replaces the link in one step, so that it never dangles.
func pointLatest(results, name string) error {
	fresh := filepath.Join(results, fmt.Sprintf(".%s-%d", Latest, os.Getpid()))
	_ = os.Remove(fresh) // left by a killed run of the same process id
	if err := os.Symlink(name, fresh); err != nil {
		return fmt.Errorf("point %s to the run: %w", Latest, err)
	}
	if err := os.Rename(fresh, filepath.Join(results, Latest)); err != nil {
		return fmt.Errorf("point %s to the run: %w", Latest, err)
	}
	return nil
}
