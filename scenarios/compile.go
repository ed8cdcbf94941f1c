package scenarios

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

const (
	// maxBatch bounds how many trials run in one batch.
	maxBatch = 1000
	// company is how many trials without a fault run beside one that stops a
	// process: they show what the stop does to payments it was not aimed at.
	company = 6
)

// Compile makes the plan of a scenario: everything that is left to chance is
// drawn here, from the seed alone. The same scenario, systems and seed give
// the same bytes. What is wrong with the scenario is told as Problems.
func Compile(s Scenario, systems Systems, seed uint64) (Plan, error) {
	if err := s.Check(systems); err != nil {
		return Plan{}, err
	}
	plan := Plan{Version: PlanVersion, Scenario: s.Name, Seed: seed}
	members := s.Suite
	if len(members) == 0 {
		members = []Scenario{s}
	}
	p := &packer{seed: seed, systems: systems}
	for _, member := range members {
		l := &document.Notes{Source: member.source, Name: member.Name}
		if member.source != nil {
			l.Name = member.source.File
		}
		drawn := dealt(member, systems, randomFor(seed, member.Name), l)
		if err := l.Err(); err != nil {
			return Plan{}, err
		}
		part := Part{Scenario: member.Name, About: member.About, Expect: member.Expect}
		if member.narrowed {
			part.Expect = possible(member.Expect, append(slices.Clone(member.Trials), drawn...))
		}
		plan.Parts = append(plan.Parts, part)
		p.add(member, drawn)
	}
	batches, err := p.pack()
	if err != nil {
		return Plan{}, err
	}
	plan.Batches = batches
	if systems.Stranger {
		for i := range plan.Parts {
			plan.Parts[i].Expect = plan.certain(plan.Parts[i])
		}
	}
	return plan, nil
}

// certain leaves of what is expected of a stranger the faults that a required pin
// has: whether others fire is for its habits to decide.
func (p Plan) certain(part Part) []Expectation {
	required := map[string]bool{}
	for _, batch := range p.Batches {
		for _, trial := range batch.Trials {
			for _, pin := range trial.Pins {
				required[pin.Fault] = required[pin.Fault] || pin.Required && trial.Scenario == part.Scenario
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(part.Expect), func(e Expectation) bool { return e.What == FaultFired && !required[e.Fault] })
}

// possible leaves of what is expected what these trials have pins for.
func possible(expected []Expectation, trials []Trial) []Expectation {
	return slices.DeleteFunc(slices.Clone(expected), func(e Expectation) bool {
		return e.What == FaultFired && !slices.ContainsFunc(trials, func(t Trial) bool { return has(t, e.Fault) })
	})
}

// packer sorts the trials of all parts into batches.
type packer struct {
	seed    uint64
	systems Systems
	shared  []*group // trials that disturb nobody, by how many may run at a time
	alone   []*group // trials that must not run beside those of others
}

// group is trials for one or more batches. Pinned trials have their amounts;
// drawn ones get theirs from the scenario's list, then from the sweep.
type group struct {
	inFlight int
	together bool // exactly one batch, in this order
	pinned   []Trial
	drawn    []Trial
	amounts  []listed // of the first drawn trials that they fit
}

// listed is an amount that a scenario asks for by name.
type listed struct {
	scenario string
	minor    int64
}

// add takes in the trials of a scenario. Each trial that stops a process gets
// a batch with some of the scenario's trials without pins for company.
func (p *packer) add(s Scenario, drawn []Trial) {
	inFlight := s.Scale.InFlight
	if inFlight == 0 {
		inFlight = usualInFlight
	}
	amounts := make([]listed, len(s.Scale.Amounts))
	for i, amount := range s.Scale.Amounts {
		amounts[i] = listed{s.Name, amount.Minor}
	}
	if s.Scale.OneBatch {
		p.alone = append(p.alone, &group{inFlight: inFlight, together: true, pinned: s.Trials, drawn: drawn, amounts: amounts})
		return
	}
	var calm, stopping, others []Trial
	for _, trial := range drawn {
		switch {
		case disturbs(trial):
			stopping = append(stopping, trial)
		case len(trial.Pins) == 0:
			calm = append(calm, trial)
		default:
			others = append(others, trial)
		}
	}
	for i, trial := range stopping {
		beside := min(company, len(calm)/(len(stopping)-i))
		p.alone = append(p.alone, &group{inFlight: inFlight, together: true, drawn: append([]Trial{trial}, calm[:beside]...), amounts: amounts})
		amounts = nil // the first batch that is made has them
		calm = calm[beside:]
	}
	shared := p.sharedWith(inFlight)
	shared.drawn = append(append(shared.drawn, others...), calm...)
	shared.amounts = append(shared.amounts, amounts...)
	for _, trial := range s.Trials {
		if disturbs(trial) {
			p.alone = append(p.alone, &group{inFlight: inFlight, together: true, pinned: []Trial{trial}})
		} else {
			shared.pinned = append(shared.pinned, trial)
		}
	}
}

// disturbs reports whether a trial stops a process, which others would feel.
func disturbs(t Trial) bool { return slices.ContainsFunc(t.Pins, stops) }

// sharedWith is the group of the trials with one bound on how many run at a
// time: a scenario that asks for few must not find itself in a crowd.
func (p *packer) sharedWith(inFlight int) *group {
	for _, g := range p.shared {
		if g.inFlight == inFlight {
			return g
		}
	}
	p.shared = append(p.shared, &group{inFlight: inFlight})
	return p.shared[len(p.shared)-1]
}

// pack makes the batches: the shared ones first, then those of the trials that
// disturb others.
func (p *packer) pack() ([]Batch, error) {
	var batches []Batch
	for _, g := range slices.Concat(p.shared, p.alone) {
		for _, part := range g.split() {
			id := fmt.Sprintf("b%d", len(batches)+1)
			batch, err := part.batch(id, randomFor(p.seed, "batch "+id), p.systems)
			if err != nil {
				return nil, err
			}
			batches = append(batches, batch)
		}
	}
	return batches, nil
}

// split cuts a group into parts of one batch each: pinned trials go to the
// first part where their amount is free, drawn ones fill the parts evenly.
func (g *group) split() []*group {
	if g.together {
		return []*group{g}
	}
	var parts []*group
	var amounts []*reserved
	for _, trial := range g.pinned {
		at := slices.IndexFunc(amounts, func(r *reserved) bool { return r.free(trial.Total.Minor) && len(r.taken) < maxBatch })
		if at < 0 {
			at = len(parts)
			parts = append(parts, &group{inFlight: g.inFlight})
			amounts = append(amounts, newReserved(nil))
		}
		parts[at].pinned = append(parts[at].pinned, trial)
		amounts[at].take(trial.Total.Minor)
	}
	all := len(g.pinned) + len(g.drawn)
	for len(parts)*maxBatch < all {
		parts = append(parts, &group{inFlight: g.inFlight})
	}
	// Trials of all scenarios go round, so that each batch has some of each.
	for i, next := 0, 0; i < len(g.drawn); next++ {
		part := parts[next%len(parts)]
		if len(part.pinned)+len(part.drawn) < maxBatch {
			part.drawn = append(part.drawn, g.drawn[i])
			i++
		}
	}
	for i, amount := range g.amounts {
		if len(parts) > 0 {
			part := parts[i%len(parts)]
			part.amounts = append(part.amounts, amount)
		}
	}
	return parts
}

// batch completes the trials of a part: amounts, what is bought, and which
// pins are required in this company.
func (g *group) batch(id string, random *rand.Rand, systems Systems) (Batch, error) {
	batch := Batch{ID: id, InFlight: g.inFlight}
	amounts := newReserved(random)
	for _, trial := range g.pinned {
		if len(systems.Goods) == 0 && !amounts.free(trial.Total.Minor) {
			return Batch{}, fmt.Errorf("batch %s: the total of trial %s, %s, is too close to that of another one beside it", id, trial.ID, trial.Total)
		}
		amounts.take(trial.Total.Minor)
		batch.Disturbs = batch.Disturbs || disturbs(trial)
	}
	drawn := slices.Clone(g.drawn)
	for i := range drawn {
		batch.Disturbs = batch.Disturbs || disturbs(drawn[i])
	}
	if len(systems.Goods) > 0 {
		if err := sell(drawn, systems.Goods, random); err != nil {
			return Batch{}, err
		}
	} else {
		giveListed(drawn, g.amounts, amounts)
	}
	for i := range drawn {
		if len(systems.Goods) > 0 {
			drawn[i] = decide(drawn[i], batch.Disturbs, systems)
			continue
		}
		if drawn[i].Total.IsZero() {
			minor := amounts.sweep(func(minor int64) bool { return fits(drawn[i], minor) })
			amounts.take(minor)
			drawn[i].Total = payment.Fen(minor)
		}
		drawn[i].Lines = linesFor(drawn[i].Total.Minor, random)
		if drawn[i].Journey.Combines() {
			drawn[i].Lines = basketFor(drawn[i].Total.Minor, random)
		}
		drawn[i] = decide(drawn[i], batch.Disturbs, systems)
	}
	if !g.together {
		random.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	}
	batch.Trials = slices.Concat(g.pinned, drawn)
	return batch, nil
}

// giveListed gives each listed amount to the first trial of its scenario that
// it fits. One too close to another's is left out.
func giveListed(trials []Trial, all []listed, amounts *reserved) {
	for _, l := range all {
		for i := range trials {
			if trials[i].Scenario == l.scenario && trials[i].Total.IsZero() && amounts.free(l.minor) && fits(trials[i], l.minor) {
				amounts.take(l.minor)
				trials[i].Total = payment.Fen(l.minor)
				break
			}
		}
	}
}
