package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/scenarios"
)

// Run conducts a plan from its first batch to the sealed journal:
//
//	open → observe each batch → rerun what was found, alone → close
//
// What it leaves is the run folder; the caller judges it and writes the
// reports from there, as anybody can later. An error means that the run is not
// complete, for a reason outside the merchant's bookkeeping; the folder then
// holds what was recorded until then.
func Run(ctx context.Context, plan scenarios.Plan, setting Setting) error {
	if err := plan.Write(setting.Folder.Path(journal.PlanFile)); err != nil {
		return err
	}
	session, err := Open(ctx, setting)
	if err != nil {
		return err
	}
	err = session.Run(ctx, plan)
	stopped := ""
	if err != nil {
		stopped = err.Error()
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	return errors.Join(err, session.Close(closing, stopped))
}

// closeLimit bounds how long closing a session may take.
const closeLimit = 45 * time.Second

// ErrRunAlready is wrapped with a trial that a session has run before.
var ErrRunAlready = errors.New("this session has run it already")

// Run runs a plan in the session: it observes each batch, and runs again, alone,
// what is found. A session may run several plans that share no trial; the run
// folder's plan is all of them.
func (s *Session) Run(ctx context.Context, plan scenarios.Plan) error {
	own, err := s.adopt(plan)
	if err != nil {
		return err
	}
	for i, batch := range own.Batches {
		if s.overlooks() {
			if err := s.leaveOut(batch.IDs()); err != nil {
				return err
			}
			continue
		}
		s.setting.Progress.Tell(fmt.Sprintf("batch %d of %d: %d trials", i+1, len(own.Batches), len(batch.Trials)))
		if err := s.Observe(ctx, batch); err != nil {
			return err
		}
	}
	return s.rerunFindings(ctx, own)
}

// adopt adds a plan to what the session is about, its batches under names of their
// own.
func (s *Session) adopt(plan scenarios.Plan) (scenarios.Plan, error) {
	own := plan
	own.Batches = slices.Clone(plan.Batches)
	for i := range own.Batches {
		for _, trial := range own.Batches[i].Trials {
			if _, _, known := s.plan.Find(trial.ID); known {
				return own, fmt.Errorf("trial %s: %w", trial.ID, ErrRunAlready)
			}
		}
		if earlier := len(s.plan.Batches); earlier > 0 {
			own.Batches[i].ID = fmt.Sprintf("b%d", earlier+i+1)
		}
	}
	whole := own
	if len(s.plan.Batches) > 0 {
		whole = s.plan
		whole.Parts = slices.Concat(s.plan.Parts, own.Parts)
		whole.Batches = slices.Concat(s.plan.Batches, own.Batches)
	}
	s.plan = whole
	return own, whole.Write(s.setting.Folder.Path(journal.PlanFile))
}

// mostReruns bounds how many findings are run again: a merchant that is wrong
// everywhere does not need to be told so a hundred times.
const mostReruns = 4

// rerunFindings runs one trial of each violated invariant again, alone in the
// same session, before anything is reported: a finding that needs company says
// so.
func (s *Session) rerunFindings(ctx context.Context, plan scenarios.Plan) error {
	if s.watch != nil { // other people's shoppers do not buy the same again
		return nil
	}
	if err := s.writer.Flush(); err != nil {
		return err
	}
	evidence, err := invariants.Load(s.setting.Folder)
	if err != nil {
		return fmt.Errorf("look for findings: %w", err)
	}
	for _, finding := range worthRerunning(invariants.Judge(evidence)) {
		trial, _, found := plan.Find(finding.Trial)
		if !found {
			continue
		}
		s.setting.Progress.Tell(fmt.Sprintf("running trial %s again, alone: %s", trial.ID, finding.Invariant))
		again := Again(trial, 1)
		if err := s.Observe(ctx, scenarios.Batch{ID: "again-" + string(trial.ID), InFlight: 1, Trials: []scenarios.Trial{again}}); err != nil {
			return err
		}
	}
	return nil
}

// worthRerunning picks findings so that each violated invariant is shown by
// one of the trials, as far as the bound allows.
func worthRerunning(verdict invariants.Verdict) []invariants.Finding {
	shown := map[string]bool{}
	var picked []invariants.Finding
	for _, finding := range verdict.Findings {
		if shown[finding.Invariant] || len(picked) >= mostReruns {
			continue
		}
		picked = append(picked, finding)
		for _, other := range verdict.Findings {
			if other.Trial == finding.Trial {
				shown[other.Invariant] = true
			}
		}
	}
	return picked
}

// Again is the same trial under a name that says it is the nth repetition.
func Again(trial scenarios.Trial, nth int) scenarios.Trial {
	name := faults.Trial(fmt.Sprintf("%s~%d", trial.ID, nth))
	again := trial
	again.ID = name
	again.Pins = make([]faults.Pin, len(trial.Pins))
	for i, pin := range trial.Pins {
		pin.ID = string(name) + strings.TrimPrefix(pin.ID, string(trial.ID))
		pin.Trial = name
		if pin.At != nil {
			at := *pin.At
			at.Trial = name
			pin.At = &at
		}
		again.Pins[i] = pin
	}
	return again
}
