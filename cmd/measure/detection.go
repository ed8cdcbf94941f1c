package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/merchant/bugs"
)

// measuring runs the payquake binary.
type measuring struct {
	ctx     context.Context
	program string
}

// ran is how a run of the binary ended.
type ran struct {
	verdict invariants.Verdict
	code    int
	folder  string
}

// run runs a scenario and reads its verdict.
func (m measuring) run(results string, arguments ...string) (ran, error) {
	command := exec.CommandContext(m.ctx, m.program, append([]string{"run", "--json", "--results", results}, arguments...)...)
	var said, complained bytes.Buffer
	command.Stdout, command.Stderr = &said, &complained
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return ran{}, fmt.Errorf("run %s: %w", m.program, err)
	}
	result := ran{code: command.ProcessState.ExitCode(), folder: filepath.Join(results, "latest")}
	if err := json.Unmarshal(said.Bytes(), &result.verdict); err != nil {
		return ran{}, fmt.Errorf("read the verdict (exit %d): %w\n%s", result.code, err, complained.String())
	}
	return result, nil
}

// detection runs a scenario once per known bug, and the printed command of the
// finding once more, and writes the table. It fails if a bug escapes.
func (m measuring) detection(environment, scenario string) error {
	results, err := os.MkdirTemp("", "payquake-detection-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(results)
	var table strings.Builder
	fmt.Fprintf(&table, `# Detection

Each known mistake of `+"`merchant/bugs`"+`, switched on, against `+"`payquake run %s`"+` in the %s
environment with seed 1. *Again* is what the first line of the finding did, run as
printed. Made by `+"`make detection`"+`.

| bug | promised invariant | found | trials with it | also violated | again |
| --- | --- | --- | ---: | --- | --- |
`, scenario, environment)
	rows, err := m.rows(results, environment, scenario)
	if err != nil {
		return err
	}
	escaped := 0
	for i, bug := range bugs.All() {
		row := rows[i]
		if !row.found || row.again == "no" {
			escaped++
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s | %d | %s | %s |\n", bug.Name, bug.Invariant, yes(row.found), row.trials,
			strings.Join(row.others, ", "), row.again)
	}
	if err := os.WriteFile("docs/detection.md", []byte(table.String()), 0o644); err != nil {
		return err
	}
	if escaped > 0 {
		return fmt.Errorf("%d bugs were not found, or not found again", escaped)
	}
	return nil
}

// atOnce is how many runs go on side by side: most of a run is waiting for rest.
const atOnce = 2

// rows runs the scenario once per bug.
func (m measuring) rows(results, environment, scenario string) ([]row, error) {
	rows := make([]row, len(bugs.All()))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, bug := range bugs.All() {
		group.Go(func() error {
			result, err := m.run(filepath.Join(results, bug.Name), scenario, "--environment", environment, "--merchant-bug", bug.Name)
			if err != nil {
				return fmt.Errorf("bug %s: %w", bug.Name, err)
			}
			rows[i] = judgeRow(bug, result)
			rows[i].again = "–"
			if rows[i].found {
				rows[i].again = m.again(rows[i].repeat, filepath.Join(results, bug.Name))
			}
			fmt.Fprintf(os.Stderr, "%s: found %s (exit %d), again: %s\n", bug.Name, yes(rows[i].found), result.code, rows[i].again)
			return nil
		})
	}
	return rows, group.Wait()
}

// row is a line of the table.
type row struct {
	found  bool
	trials int
	others []string
	repeat string
	again  string
}

func judgeRow(bug bugs.Bug, result ran) row {
	var r row
	for _, finding := range result.verdict.Findings {
		if !strings.Contains(bug.Invariant, finding.Invariant) {
			if name := "`" + finding.Invariant + "`"; !slices.Contains(r.others, name) {
				r.others = append(r.others, name)
			}
			continue
		}
		r.trials += len(finding.Trials)
		if r.repeat == "" || finding.Alone == invariants.Confirmed {
			r.repeat = finding.Repeat
		}
	}
	r.found = r.trials > 0 && result.code == 1
	return r
}

// again runs the command as printed; only the folder for results is another.
func (m measuring) again(repeat, results string) string {
	command := exec.CommandContext(m.ctx, "/bin/sh", "-c", repeat+" --results "+filepath.Join(results, "again"))
	said, _ := command.CombinedOutput() // found again is exit code 1
	found := regexp.MustCompile(`was violated again, in run (\d+)`).FindSubmatch(said)
	if found == nil || command.ProcessState.ExitCode() != 1 {
		return "no"
	}
	return "in run " + string(found[1])
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
