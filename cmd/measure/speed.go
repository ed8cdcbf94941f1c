package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/payquake/payquake/journal"
)

// speed runs the mixed scenario in each environment, with every provider and
// with one, and prints trials per minute, waiting for rest and collecting
// included.
func (m measuring) speed() error {
	fmt.Println("| environment | providers | trials | observing | trials per minute | verdict | required pins fired |")
	fmt.Println("| --- | --- | ---: | ---: | ---: | --- | ---: |")
	for _, environment := range []string{"local", "docker"} {
		for _, only := range []string{"", "wechatpay"} {
			if err := m.speedOf(environment, only); err != nil {
				return err
			}
		}
	}
	return nil
}

// speedOf runs the scenario once and prints its row; without a provider named,
// all take their turns. A run that fails has a row that says so.
func (m measuring) speedOf(environment, only string) error {
	results, err := os.MkdirTemp("", "payquake-speed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(results)
	who, arguments := "all", []string{"mixed", "--environment", environment}
	if only != "" {
		who, arguments = only, append(arguments, "--provider", only)
	}
	result, err := m.run(results, arguments...)
	if err != nil {
		fmt.Printf("| %s | %s | – | – | – | did not run | – |\n", environment, who)
		fmt.Fprintln(os.Stderr, err)
		return nil
	}
	observing, err := observed(journal.Folder(result.folder))
	if err != nil {
		return err
	}
	trials, pins := result.verdict.Counts.Begun, result.verdict.Pins
	fmt.Printf("| %s | %s | %d | %.1f s | %.0f | %s | %d of %d |\n", environment, who, trials, observing.Seconds(),
		float64(trials)/observing.Minutes(), result.verdict.Outcome, pins.RequiredFired, pins.Required)
	for _, reason := range result.verdict.Reasons {
		fmt.Fprintln(os.Stderr, environment+", "+who+": "+reason)
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
