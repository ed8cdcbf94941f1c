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
// minute, waiting for rest and collecting included.
func (m measuring) speed() error {
	fmt.Println("| environment | trials | observing | trials per minute | verdict | required pins fired |")
	fmt.Println("| --- | ---: | ---: | ---: | --- | ---: |")
	for _, environment := range []string{"local", "docker"} {
		results, err := os.MkdirTemp("", "payquake-speed-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(results)
		result, err := m.run(results, "mixed", "--environment", environment)
		if err != nil {
			fmt.Printf("| %s | – | – | – | did not run | – |\n", environment)
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		observing, err := observed(journal.Folder(result.folder))
		if err != nil {
			return err
		}
		trials := result.verdict.Counts.Begun
		pins := result.verdict.Pins
		fmt.Printf("| %s | %d | %.1f s | %.0f | %s | %d of %d |\n", environment, trials, observing.Seconds(),
			float64(trials)/observing.Minutes(), result.verdict.Outcome, pins.RequiredFired, pins.Required)
		for _, reason := range result.verdict.Reasons {
			fmt.Fprintln(os.Stderr, environment+": "+reason)
		}
	}
	return nil
}

// observed reads from the journal how long it took from the first batch's
// beginning to the last one's end.
func observed(folder journal.Folder) (time.Duration, error) {
	file, err := os.Open(folder.Path(journal.JournalFile))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	var begun, ended time.Time
	for lines.Scan() {
		var line struct {
			At    time.Time      `json:"at"`
			Stage *journal.Stage `json:"stage"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return 0, err
		}
		switch {
		case line.Stage == nil:
		case line.Stage.Name == journal.BatchBegun && begun.IsZero():
			begun = line.At
		case line.Stage.Name == journal.BatchEnded:
			ended = line.At
		}
	}
	return ended.Sub(begun), lines.Err()
}
