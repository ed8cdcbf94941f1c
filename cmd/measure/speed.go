package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/payquake/payquake/journal"
)

// speed runs the mixed scenario in each environment and prints trials per
// minute: from the first trial's first record to the last trial's rest, and
// from beginning to end with opening and closing.
func (m measuring) speed() error {
	fmt.Println("| environment | trials | opening | observing | trials per minute | verdict | required pins fired |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | --- | ---: |")
	for _, environment := range []string{"local", "docker"} {
		results, err := os.MkdirTemp("", "payquake-speed-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(results)
		result, err := m.run(results, "mixed", "--environment", environment)
		if err != nil {
			fmt.Printf("| %s | – | – | – | – | did not run | – |\n", environment)
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		opening, observing, err := times(journal.Folder(result.folder))
		if err != nil {
			return err
		}
		trials := result.verdict.Counts.Begun
		pins := result.verdict.Pins
		fmt.Printf("| %s | %d | %.1f s | %.1f s | %.0f | %s | %d of %d |\n", environment, trials, opening.Seconds(), observing.Seconds(),
			float64(trials)/observing.Minutes(), result.verdict.Outcome, pins.RequiredFired, pins.Required)
		for _, reason := range result.verdict.Reasons {
			fmt.Fprintln(os.Stderr, environment+": "+reason)
		}
	}
	return nil
}

// times reads from the journal how long opening and observing took.
func times(folder journal.Folder) (opening, observing time.Duration, err error) {
	file, err := os.Open(folder.Path(journal.JournalFile))
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	var started, begun, ended time.Time
	for lines.Scan() {
		var line struct {
			Started time.Time      `json:"started"`
			At      time.Time      `json:"at"`
			Stage   *journal.Stage `json:"stage"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return 0, 0, err
		}
		switch {
		case !line.Started.IsZero():
			started = line.Started
		case line.Stage == nil:
		case line.Stage.Name == journal.BatchBegun && begun.IsZero():
			begun = line.At
		case line.Stage.Name == journal.BatchEnded:
			ended = line.At
		}
	}
	return begun.Sub(started), ended.Sub(begun), lines.Err()
}
