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

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/postgres"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
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
// finding once more, and writes the table. It fails if a bug escapes through a
// provider with which it does harm.
func (m measuring) detection(environment, scenario string) error {
	results, err := os.MkdirTemp("", "payquake-detection-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(results)
	names := scenarios.DefaultSystems().Providers
	var table strings.Builder
	fmt.Fprintf(&table, `# Detection

Each known mistake of `+"`merchant/bugs`"+`, switched on, against `+"`payquake run %s`"+` in the %s
environment with seed 1. Under each provider stands how many of its trials broke the
promised invariant; a dash means that the mistake costs nothing there, for the reason below
the table. *First* is the place of the first such trial in the order in which the plan has
them, of all. *Again* is what the first line of the finding did, run as printed. A bug
whose own scenario harms a database is given a PostgreSQL. Made by `+"`make detection`"+`.

| bug | promised invariant |`, scenario, environment)
	for _, provider := range names {
		fmt.Fprintf(&table, " %s |", provider.Name)
	}
	table.WriteString(" first | also violated | again |\n| --- | --- |" + strings.Repeat(" ---: |", len(names)) + " ---: | --- | --- |\n")
	rows, err := m.rows(results, environment, scenario)
	if err != nil {
		return err
	}
	escaped := 0
	var notes strings.Builder
	for i, bug := range bugs.All() {
		fmt.Fprintf(&table, "| `%s` | `%s` |", bug.Name, bug.Invariant)
		for _, provider := range names {
			why, harmless := bug.Harmless[provider.Name]
			found := rows[i].trials[provider.Name]
			switch {
			case found == 0 && harmless:
				table.WriteString(" – |")
				fmt.Fprintf(&notes, "- `%s` with %s: %s.\n", bug.Name, provider.Name, why)
			default:
				fmt.Fprintf(&table, " %d |", found)
				escaped += one(found == 0)
			}
		}
		fmt.Fprintf(&table, " %d of %d | %s | %s |\n", rows[i].first, rows[i].all, strings.Join(rows[i].others, ", "), rows[i].again)
		escaped += one(rows[i].again == "no" || !rows[i].found)
	}
	if notes.Len() > 0 {
		table.WriteString("\n" + notes.String())
	}
	if err := os.WriteFile("docs/detection.md", []byte(table.String()), 0o644); err != nil {
		return err
	}
	if escaped > 0 {
		return fmt.Errorf("%d times a bug was not found with a provider, or not found again", escaped)
	}
	return nil
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// atOnce is how many runs go on side by side: most of a run is waiting for rest.
const atOnce = 2

// rows runs the scenario once per bug.
func (m measuring) rows(results, environment, scenario string) (_ []row, err error) {
	rows := make([]row, len(bugs.All()))
	server, stop, err := postgres.Start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, bug := range bugs.All() {
		group.Go(func() error {
			arguments := []string{scenario, "--environment", environment, "--merchant-bug", bug.Name}
			own, err := scenarios.Load("bugs/"+bug.Name, scenarios.DefaultSystems())
			if err != nil {
				return fmt.Errorf("bug %s: %w", bug.Name, err)
			}
			database := ""
			if _, _, needs := own.WithoutStreams(); needs != nil {
				database = " --merchant-database '" + server + "'"
				arguments = append(arguments, "--merchant-database", server)
			}
			result, err := m.run(filepath.Join(results, bug.Name), arguments...)
			if err != nil {
				return fmt.Errorf("bug %s: %w", bug.Name, err)
			}
			if rows[i], err = judgeRow(bug, result); err != nil {
				return fmt.Errorf("bug %s: %w", bug.Name, err)
			}
			rows[i].again = "–"
			if rows[i].found {
				rows[i].again = m.again(rows[i].repeat, filepath.Join(results, bug.Name), database)
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
	trials map[payment.ProviderName]int // with the promised finding
	first  int                          // place of the first of them in the plan, from 1
	all    int
	others []string
	repeat string
	again  string
}

func judgeRow(bug bugs.Bug, result ran) (row, error) {
	r := row{trials: map[payment.ProviderName]int{}}
	plan, err := scenarios.ReadPlan(journal.Folder(result.folder).Path(journal.PlanFile))
	if err != nil {
		return r, err
	}
	r.all = plan.Count()
	for _, finding := range result.verdict.Findings {
		if !strings.Contains(bug.Invariant, finding.Invariant) {
			if name := "`" + finding.Invariant + "`"; !slices.Contains(r.others, name) {
				r.others = append(r.others, name)
			}
			continue
		}
		for _, id := range finding.Trials {
			if trial, _, known := plan.Find(id); known {
				r.trials[trial.Provider]++
				r.found = result.code == 1
				if at := placeOf(plan, id); r.first == 0 || at < r.first {
					r.first = at
				}
			}
		}
		if r.repeat == "" || finding.Alone == invariants.Confirmed {
			r.repeat = finding.Repeat
		}
	}
	return r, nil
}

// placeOf is how many trials of a plan come up to one, itself included.
func placeOf(plan scenarios.Plan, id faults.Trial) int {
	at := 0
	for _, batch := range plan.Batches {
		for _, trial := range batch.Trials {
			at++
			if trial.ID == id {
				return at
			}
		}
	}
	return at
}

// again runs the command as printed; only the folder for results is another.
func (m measuring) again(repeat, results, database string) string {
	command := exec.CommandContext(m.ctx, "/bin/sh", "-c", repeat+" --results "+filepath.Join(results, "again")+database)
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
