package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/postgres"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/merchant/twins"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

const (
	// correctTrials and twinTrials are how many trials the correct merchant and
	// each honest twin must stand without a finding.
	correctTrials, twinTrials = 10_000, 1_000
	// runsPerCore is how many runs go on side by side: most of a run is waiting for rest.
	runsPerCore = 2
	// detectionPage is what detection writes, and detectionLog what it remembers: a
	// measure that was interrupted goes on where it was.
	detectionPage, detectionLog = "docs/detection.md", "bin/detection.jsonl"
)

// trying is one run that detection makes: a merchant and a seed.
type trying struct {
	Program  string `json:"program"` // the binary's hash: another binary is another measure
	Scenario string `json:"scenario"`
	Bug      string `json:"bug,omitempty"`
	Twin     string `json:"twin,omitempty"`
	Seed     uint64 `json:"seed"`
}

// tried is what came of it.
type tried struct {
	trying
	Outcome invariants.Outcome `json:"outcome"`
	Trials  int                `json:"trials"`
	// Promised are the trials that broke the invariant which the bug's page names.
	Promised map[payment.ProviderName]int `json:"promised,omitempty"`
	// First is the place in the plan of the first of them, from 1.
	First int `json:"first,omitempty"`
	// Others are the other invariants that were broken.
	Others []string `json:"others,omitempty"`
	// Again is what the first line of the finding did, run as printed.
	Again string `json:"again,omitempty"`
	// Fired counts the pins that fired, by fault.
	Fired   map[string]int `json:"fired"`
	Reasons []string       `json:"reasons,omitempty"`
}

// detection runs a scenario against every known bug with several seeds, and against
// the correct merchant and its honest twins for as many trials as they must stand.
type detection struct {
	measuring
	environment, scenario string
	seeds                 int
	keep                  bool   // what earlier builds showed is not measured again
	results               string // a folder for the runs, which are not kept
	database              string // a PostgreSQL, for what needs one
	hash                  string // of the binary

	mutex sync.Mutex
	done  []tried
	log   *os.File
}

// detect makes the table. It fails if a bug escapes through a provider with which
// it does harm, or a right merchant is accused.
func (m measuring) detect(environment, scenario string, seeds int, keep bool) (err error) {
	results, err := os.MkdirTemp("", "payquake-detection-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(results)
	server, stop, err := postgres.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	d := &detection{measuring: m, environment: environment, scenario: scenario, seeds: seeds, keep: keep, results: results, database: server}
	if err := d.remember(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.log.Close()) }()
	wanted, err := d.wanted()
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(runsPerCore * runtime.NumCPU())
	for _, t := range wanted {
		if m.ctx.Err() != nil { // interrupted: the page has what was measured
			break
		}
		group.Go(func() error { return d.try(t) })
	}
	if err := group.Wait(); err != nil && m.ctx.Err() == nil {
		return err
	}
	page, failures := d.page()
	if err := os.WriteFile(detectionPage, []byte(page), 0o644); err != nil {
		return err
	}
	return failures
}

// remember reads what an earlier measure of the same binary found out.
func (d *detection) remember() error {
	text, err := os.ReadFile(detectionLog)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for lines.Scan() {
		var t tried
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return fmt.Errorf("%s: %w; delete it to begin again", detectionLog, err)
		}
		d.done = append(d.done, t)
	}
	d.log, err = os.OpenFile(detectionLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return err
}

// wanted are the runs to make: what every reader asks first comes first.
func (d *detection) wanted() ([]trying, error) {
	program, err := os.ReadFile(d.program)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(program)
	d.hash = hex.EncodeToString(hash[:8])
	base := trying{Program: d.hash, Scenario: d.scenario}
	suite, err := scenarios.Load(d.scenario, scenarios.DefaultSystems())
	if err != nil {
		return nil, err
	}
	plan, err := scenarios.Compile(suite, scenarios.DefaultSystems(), 1)
	if err != nil {
		return nil, err
	}
	var all []trying
	add := func(bug, twin string, seed int) {
		t := base
		t.Bug, t.Twin, t.Seed = bug, twin, uint64(seed)
		all = append(all, t)
	}
	for seed := range d.seeds {
		for _, bug := range bugs.All() {
			add(bug.Name, "", seed+1)
		}
		if seed > 0 {
			continue
		}
		for _, twin := range twins.All() {
			for more := range (twinTrials + plan.Count() - 1) / plan.Count() {
				add("", twin.Name, more+1)
			}
		}
		for more := range (correctTrials + plan.Count() - 1) / plan.Count() {
			add("", "", more+1)
		}
	}
	return slices.DeleteFunc(all, func(t trying) bool { return d.known(t) != nil }), nil
}

func (d *detection) known(t trying) *tried {
	at := slices.IndexFunc(d.done, func(known tried) bool {
		if d.keep {
			known.Program = t.Program
		}
		return known.trying == t
	})
	if at < 0 {
		return nil
	}
	return &d.done[at]
}

// try makes one run, and writes down what came of it.
func (d *detection) try(t trying) error {
	name := strings.Trim(t.Bug+t.Twin, "-")
	if name == "" {
		name = "correct"
	}
	folder := filepath.Join(d.results, fmt.Sprintf("%s-%d", name, t.Seed))
	defer os.RemoveAll(folder)
	arguments := []string{t.Scenario, "--environment", d.environment, "--seed", fmt.Sprint(t.Seed)}
	if t.Bug != "" {
		arguments = append(arguments, "--merchant-bug", t.Bug)
	}
	if t.Twin != "" {
		arguments = append(arguments, "--merchant-twin", t.Twin)
	}
	needsDatabase, err := d.needsDatabase(t)
	if err != nil {
		return err
	}
	if needsDatabase {
		arguments = append(arguments, "--merchant-database", d.database)
	}
	result, err := d.run(folder, arguments...)
	if err != nil {
		return fmt.Errorf("%s, seed %d: %w", name, t.Seed, err)
	}
	came := tried{trying: t, Outcome: result.verdict.Outcome, Trials: result.verdict.Counts.Begun, Fired: result.verdict.Pins.FiredByFault, Reasons: result.verdict.Reasons}
	if t.Bug != "" {
		err = d.judge(&came, result, needsDatabase)
	} else {
		for _, finding := range result.verdict.Findings {
			came.Others = append(came.Others, finding.Invariant+" in "+string(finding.Trials[0]))
		}
	}
	if err != nil {
		return fmt.Errorf("%s, seed %d: %w", name, t.Seed, err)
	}
	fmt.Fprintf(os.Stderr, "%s, seed %d: %s; first %d of %d, again: %s\n", name, t.Seed, came.Outcome, came.First, came.Trials, came.Again)
	line, err := json.Marshal(came)
	if err != nil {
		return err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.done = append(d.done, came)
	_, err = d.log.Write(append(line, '\n'))
	return err
}

// needsDatabase reports whether a run is to have a PostgreSQL: of a bug whose own
// scenario harms one, and of the correct merchant, to whom everything is done.
func (d *detection) needsDatabase(t trying) (bool, error) {
	if t.Bug == "" {
		return t.Twin == "", nil
	}
	own, err := scenarios.Load("bugs/"+t.Bug, scenarios.DefaultSystems())
	if err != nil {
		return false, err
	}
	_, _, needs := own.WithoutStreams()
	return needs != nil, nil
}

// judge finds the promised invariant in a verdict and, with the first seed, runs the
// finding again.
func (d *detection) judge(came *tried, result ran, database bool) error {
	bug, err := bugs.ByName(came.Bug)
	if err != nil {
		return err
	}
	plan, err := scenarios.ReadPlan(journal.Folder(result.folder).Path(journal.PlanFile))
	if err != nil {
		return err
	}
	came.Promised = map[payment.ProviderName]int{}
	repeat, others := "", map[string]bool{}
	for _, finding := range result.verdict.Findings {
		if !strings.Contains(bug.Invariant, finding.Invariant) {
			others[finding.Invariant] = true
			continue
		}
		for _, id := range finding.Trials {
			if trial, _, known := plan.Find(id); known {
				came.Promised[trial.Provider]++
				if at := placeOf(plan, id); came.First == 0 || at < came.First {
					came.First = at
				}
			}
		}
		if repeat == "" || finding.Alone == invariants.Confirmed {
			repeat = finding.Repeat
		}
	}
	came.Others = slices.Sorted(maps.Keys(others))
	if came.Seed == 1 && repeat != "" {
		came.Again = d.again(repeat, filepath.Dir(result.folder), database)
	}
	return nil
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
func (d *detection) again(repeat, results string, database bool) string {
	if database {
		repeat += " --merchant-database '" + d.database + "'"
	}
	command := exec.CommandContext(d.ctx, "/bin/sh", "-c", repeat+" --results "+filepath.Join(results, "again"))
	said, _ := command.CombinedOutput() // found again is exit code 1
	found := regexp.MustCompile(`was violated again, in run (\d+)`).FindSubmatch(said)
	if found == nil || command.ProcessState.ExitCode() != 1 {
		return "no"
	}
	return "in run " + string(found[1])
}
