package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/payquake/payquake/invariants"
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
