// Package invariants says what must always be true of a payment system, and
// judges the record of a run by it. Checks are pure functions of the evidence:
// they reach no network, no Docker and no clock, and give the same verdict
// tomorrow, on another machine.
package invariants

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// Evidence is everything a check may see.
type Evidence struct {
	Header journal.Header
	Plan   scenarios.Plan
	Damage []journal.Damage
	// Trials are those of the plan that were begun, and reruns of them, in the
	// order of the plan.
	Trials []*Trial
	// Stopped says why the run ended early; "" if it came to its end.
	Stopped string
	Closed  bool // the run's last record is there
	// Unattributed are the messages that were given to no trial.
	Unattributed []journal.Record
	// RefusedHosts were asked for by somebody and are no part of the run.
	RefusedHosts []string
	// tracesDamaged says why spans may be missing that were made.
	tracesDamaged string
	byID          map[faults.Trial]*Trial
	owners        map[string][]*Trial
	planned       map[faults.Trial]place
	// upAgain is when, in a batch, what a process fault had stopped ran again
	// for the last time.
	upAgain map[*scenarios.Batch]time.Time
}

// place is where the plan has a trial.
type place struct {
	trial    *scenarios.Trial
	batch    *scenarios.Batch
	position int // among all trials
}

// Load reads the evidence of a run folder. It fails if there is no readable
// plan or journal; damage inside is part of the evidence.
func Load(folder journal.Folder) (*Evidence, error) {
	plan, err := scenarios.ReadPlan(folder.Path(journal.PlanFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("load %s: %w: it has no %s", folder, journal.ErrNotAJournal, journal.PlanFile)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", folder, err)
	}
	e := NewEvidence(plan)
	if e.Header, e.Damage, err = journal.Read(folder, func(record journal.Record) error {
		e.Add(record)
		return nil
	}); errors.Is(err, journal.ErrNoJournal) { // killed before anything could be recorded
		e.Damage = append(e.Damage, journal.Damage{What: "there is none: the run ended before it began to record"})
		e.Header = journal.Header{Scenario: plan.Scenario, Seed: plan.Seed}
	} else if err != nil {
		return nil, fmt.Errorf("load %s: %w", folder, err)
	}
	e.adopt()
	if err := journal.ReadSpans(folder, e.AddSpan); err != nil {
		e.tracesDamaged = err.Error()
		e.Damage = append(e.Damage, journal.Damage{What: err.Error()})
	}
	return e, nil
}

// adopt gives messages that belonged to nobody when they came to the trial whose
// payment they were about, once that is known: a merchant that was killed before
// it began a payment asks for it first.
func (e *Evidence) adopt() {
	owners := map[payment.MerchantReference]*Trial{}
	own := func(reference payment.MerchantReference, trial *Trial) {
		if other, known := owners[reference]; known && other != trial {
			trial = nil // told of two, it is nobody's
		}
		if reference != "" {
			owners[reference] = trial
		}
	}
	for _, trial := range e.Trials {
		for _, record := range trial.Messages {
			own(record.Message.Sent.MerchantReference, trial)
		}
		for _, record := range trial.MerchantBook {
			own(record.Entry.MerchantReference, trial)
		}
	}
	e.Unattributed = slices.DeleteFunc(e.Unattributed, func(record journal.Record) bool {
		if e.Header.Capabilities.Watched && record.Message.Link.From() == "shopper" {
			return true // other people's shoppers name no trial, and nothing is judged by what they say
		}
		trial := owners[record.Message.Sent.MerchantReference]
		if trial == nil || record.Message.Attribution != journal.Unattributed {
			return false
		}
		message := *record.Message
		message.Attribution = journal.Afterwards
		record.Trial, record.Message = trial.ID, &message
		trial.Messages = append(trial.Messages, record)
		slices.SortStableFunc(trial.Messages, func(a, b journal.Record) int { return a.At.Compare(b.At) })
		return true
	})
}

// NewEvidence is the evidence of a plan of which nothing is known yet.
func NewEvidence(plan scenarios.Plan) *Evidence {
	e := &Evidence{Plan: plan, byID: map[faults.Trial]*Trial{}, planned: map[faults.Trial]place{},
		upAgain: map[*scenarios.Batch]time.Time{}}
	for b := range plan.Batches {
		batch := &plan.Batches[b]
		for i := range batch.Trials {
			e.planned[batch.Trials[i].ID] = place{trial: &batch.Trials[i], batch: batch, position: len(e.planned)}
		}
	}
	return e
}

// Add takes a record into the evidence.
func (e *Evidence) Add(record journal.Record) {
	if record.Stage != nil {
		e.addStage(record)
	}
	if record.Trial == "" && record.Message != nil {
		e.Unattributed = append(e.Unattributed, record)
	}
	if trial := e.trial(record.Trial); trial != nil {
		trial.add(record)
		if batch := e.planned[trial.ID].batch; batch != nil && runsAgain(record) && record.At.After(e.upAgain[batch]) {
			e.upAgain[batch] = record.At
		}
	}
}

// runsAgain reports whether a record says that a stopped process is up again.
func runsAgain(record journal.Record) bool {
	if record.Pin == nil || record.Pin.Phase != journal.PinHealed {
		return false
	}
	definition, known := faults.Lookup(record.Pin.Fault)
	return known && definition.Kind == faults.OnProcess
}

// addStage takes what is said of the run and not of one of its trials. The
// gateway refuses hosts in the trial "run", since nobody knows who asked.
func (e *Evidence) addStage(record journal.Record) {
	detail := record.Stage.Detail
	switch {
	case record.Stage.Name == journal.Refused:
		if !slices.Contains(e.RefusedHosts, detail) {
			e.RefusedHosts = append(e.RefusedHosts, detail)
		}
	case record.Trial != "":
	case record.Stage.Name == journal.RunClosed:
		e.Closed = true
	case record.Stage.Name == journal.RunStopped:
		e.Stopped = detail
	}
}

// trial finds or begins a trial; nil for what is no trial of the plan.
func (e *Evidence) trial(id faults.Trial) *Trial {
	if known := e.byID[id]; known != nil {
		return known
	}
	base, _, isRerun := strings.Cut(string(id), "~")
	planned, found := e.planned[faults.Trial(base)]
	if !found {
		return nil
	}
	made := &Trial{ID: id, Planned: *planned.trial, Rerun: isRerun, Disturbs: planned.batch.Disturbs,
		evidence: e, position: planned.position}
	e.byID[id] = made
	at, _ := slices.BinarySearchFunc(e.Trials, made, byPlan)
	e.Trials = slices.Insert(e.Trials, at, made)
	return made
}

// byPlan orders trials as the plan does, and reruns behind what they repeat.
func byPlan(a, b *Trial) int {
	return cmp.Or(cmp.Compare(a.position, b.position), strings.Compare(string(a.ID), string(b.ID)))
}

// AddSpan takes a span into the evidence. Spans of unknown traces are none of
// its business; the trace ids of trials come with their records, so spans are
// added after these.
func (e *Evidence) AddSpan(span journal.Span) {
	for _, trial := range e.traceOwners()[span.TraceID] {
		trial.Spans = append(trial.Spans, span)
	}
}

// traceOwners finds trials by trace id, once.
func (e *Evidence) traceOwners() map[string][]*Trial {
	if e.owners == nil {
		e.owners = map[string][]*Trial{}
		for _, trial := range e.Trials {
			e.owners[trial.TraceID] = append(e.owners[trial.TraceID], trial)
		}
	}
	return e.owners
}

// Find returns a trial by its id.
func (e *Evidence) Find(id faults.Trial) (*Trial, bool) {
	trial, found := e.byID[id]
	return trial, found
}

// Unawaited counts the payments that other people's shoppers began when no trial
// waited for one.
func (e *Evidence) Unawaited() int {
	references := map[payment.MerchantReference]bool{}
	for _, record := range e.Unattributed {
		if record.Message.Operation == faults.Create && record.Message.Leg == faults.RequestLeg && e.Header.Capabilities.Watched {
			references[record.Message.Sent.MerchantReference] = true
		}
	}
	return len(references)
}
