package main

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/scenarios"
)

// The exit codes. 2 is left to Go's panics.
const (
	exitHeld         = 0
	exitViolated     = 1
	exitInconclusive = 3
	exitNotUp        = 4
	exitUsage        = 5
	exitInternal     = 6
	exitInterrupted  = 130
	exitTerminated   = 143
)

// stoppedBy is why a run was cut short: a signal.
type stoppedBy struct{ signal os.Signal }

func (s stoppedBy) Error() string { return "stopped by " + s.signal.String() }

// usageError is a mistake in flags, arguments or configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// verdictError ends a command with the exit code of a verdict that was already
// shown; there is nothing more to say.
type verdictError struct{ code int }

func (verdictError) Error() string { return "see the verdict" }

func isVerdict(err error) bool {
	var verdict verdictError
	return errors.As(err, &verdict)
}

// exitCode says how the program ends. A violation wins over everything else,
// then a signal.
func exitCode(ctx context.Context, err error) int {
	var verdict verdictError
	if errors.As(err, &verdict) && verdict.code == exitViolated {
		return exitViolated
	}
	var signalled stoppedBy
	if errors.As(context.Cause(ctx), &signalled) {
		if signalled.signal == syscall.SIGTERM {
			return exitTerminated
		}
		return exitInterrupted
	}
	var usage usageError
	var problems document.Problems
	switch {
	case err == nil:
		return exitHeld
	case errors.As(err, &verdict):
		return verdict.code
	case errors.As(err, &usage), errors.As(err, &problems):
		return exitUsage
	case errors.Is(err, environment.ErrNotUp), errors.Is(err, environment.ErrNoEngine):
		return exitNotUp
	case errors.Is(err, journal.ErrNotAJournal), errors.Is(err, journal.ErrVersion), errors.Is(err, scenarios.ErrNotAPlan):
		return exitInconclusive
	default:
		return exitInternal
	}
}

// codeOf is the exit code of a verdict.
func codeOf(verdict invariants.Verdict) int {
	switch {
	case verdict.Outcome == invariants.Violated:
		return exitViolated
	case len(verdict.OurFault) > 0:
		return exitInternal
	case verdict.Outcome == invariants.Held:
		return exitHeld
	default:
		return exitInconclusive
	}
}
