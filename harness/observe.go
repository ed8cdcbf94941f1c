package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/harness/driver"
	"github.com/payquake/payquake/harness/quiesce"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/scenarios"
	"github.com/payquake/payquake/telemetry"
)

// observation is one batch on its way to rest.
type observation struct {
	*Session
	batch  scenarios.Batch
	trials map[faults.Trial]*observed
	// alive is the time that counts for the bound of rest: it stands still while
	// this machine is too busy to look at the trials at all, for then the
	// merchant is not given its time either.
	alive  time.Duration
	looked time.Time
	// driving are the shoppers under way.
	driving sync.WaitGroup
}

// observed is one trial on its way to rest.
type observed struct {
	trial scenarios.Trial
	walk  *driver.Walk

	mu          sync.Mutex
	healed      bool
	healedAt    time.Duration // in alive time
	standing    driver.Standing
	seenAt      time.Time // when that was looked at
	journeyOver bool
	canary      bool // one was sent, or none is needed
	hurried     bool
	keptBack    bool
	over        time.Duration // alive time when its journey was seen to be over
	rested      bool
}

// beat is how often the state of the trials is looked at.
const beat = 100 * time.Millisecond

// Observe runs the trials of a batch side by side: it drives them, heals their
// faults, waits for each one's rest, and collects what the merchant believes.
// An error means that the observation is not complete; what was recorded stays.
func (s *Session) Observe(ctx context.Context, batch scenarios.Batch) error {
	o := &observation{Session: s, batch: batch, trials: map[faults.Trial]*observed{}, looked: s.setting.Clock.Now()}
	s.stage(journal.Stage{Name: journal.BatchBegun, Batch: batch.ID})
	if err := o.cast(ctx); err != nil {
		return fmt.Errorf("batch %s: %w", batch.ID, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer o.driving.Wait()
	defer cancel()
	o.driving.Go(func() { o.drive(ctx) })
	if err := o.awaitRest(ctx); err != nil {
		return fmt.Errorf("batch %s: %w", batch.ID, err)
	}
	return o.collect(ctx)
}

// cast puts the trials in play: their pins at the gateway, their wallets and
// the conduct towards them at their providers.
func (o *observation) cast(ctx context.Context) error {
	var castings []proxy.Casting
	parts := map[payment.ProviderName][]providers.Part{}
	o.mu.Lock()
	for _, trial := range o.batch.Trials {
		o.trials[trial.ID] = &observed{trial: trial, walk: o.walker.Begin(trial)}
		casting := proxy.Casting{Trial: trial.ID, TraceID: telemetry.TraceID(o.setting.Header.Run, string(trial.ID)).String(),
			Amounts: o.own(trial)}
		for _, pin := range trial.Pins {
			if pin.At == nil {
				continue
			}
			casting.Pins = append(casting.Pins, pin)
			if definition, _ := faults.Lookup(pin.Fault); definition.Kind == faults.OnProcess {
				o.triggered[pin.ID] = pin
			}
		}
		castings = append(castings, casting)
		for _, provider := range trial.PaysWith() {
			parts[provider] = append(parts[provider], partOf(trial, provider, o.purse(trial)))
		}
	}
	o.mu.Unlock()
	if err := o.env.Gateway().CastGateway(ctx, castings); err != nil {
		return fmt.Errorf("cast at the gateway: %w", err)
	}
	for name, cast := range parts {
		if err := o.env.Gateway().Relay(string(name)).CastProvider(ctx, cast); err != nil {
			return fmt.Errorf("cast at %s: %w", name, err)
		}
	}
	return nil
}

// own are the amounts that are the trial's alone. Where prices are fixed, or other
// people's shoppers choose what they buy, none is.
func (o *observation) own(trial scenarios.Trial) []payment.Money {
	if o.walker.Turns != nil || o.watch != nil {
		return nil
	}
	return []payment.Money{trial.Total}
}

// walletFactor is how many times its total a trial's wallet holds: enough for
// every payment that a shopper or a mistake may make.
const walletFactor = 12

// purse is how much a trial's wallet holds. Nobody knows beforehand what other
// people's shoppers buy.
func (o *observation) purse(trial scenarios.Trial) payment.Money {
	if o.watch != nil {
		return payment.Fen(1_000_000_00)
	}
	return payment.Money{Minor: walletFactor*trial.Total.Minor + 1000, Currency: trial.Total.Currency}
}

// partOf says how one of the trial's providers behaves towards it.
func partOf(trial scenarios.Trial, provider payment.ProviderName, purse payment.Money) providers.Part {
	part := providers.Part{Trial: trial.ID, Balance: purse}
	every := faults.Conduct{}
	everyPins := map[string]string{}
	last := 0
	for _, pin := range trial.Pins {
		if pin.Payment != nil && pin.Payment.Provider == string(provider) {
			last = max(last, pin.Payment.Nth)
		}
	}
	part.Conducts = make([]faults.Conduct, last+1)
	part.Pins = make([]map[string]string, last+1)
	for i := range part.Pins {
		part.Pins[i] = map[string]string{}
	}
	for _, pin := range trial.Pins {
		fault, err := pin.Decode()
		behaviour, is := fault.(faults.Behaviour)
		if err != nil || !is || pin.Payment == nil || pin.Payment.Provider != string(provider) {
			continue
		}
		if pin.Payment.Nth == 0 {
			behaviour.Bend(&every)
			everyPins[pin.Fault] = pin.ID
			for i := range part.Conducts {
				behaviour.Bend(&part.Conducts[i])
				part.Pins[i][pin.Fault] = pin.ID
			}
			continue
		}
		behaviour.Bend(&part.Conducts[pin.Payment.Nth-1])
		part.Pins[pin.Payment.Nth-1][pin.Fault] = pin.ID
	}
	return part
}

// drive walks the journeys, as many at a time as the batch allows. How many of
// other people's payments there are at a time is not for the batch to say.
func (o *observation) drive(ctx context.Context) {
	var walking sync.WaitGroup
	defer walking.Wait()
	slots := make(chan struct{}, max(o.batch.InFlight, 1))
	if o.watch != nil {
		slots = make(chan struct{}, len(o.batch.Trials))
	}
	for _, trial := range o.batch.Trials {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		t := o.trials[trial.ID]
		walking.Go(func() {
			defer func() { <-slots }()
			t.walk.Journey(ctx)
			t.mu.Lock()
			t.journeyOver = true
			t.mu.Unlock()
		})
	}
}

// awaitRest looks at the trials again and again and does what each needs next.
func (o *observation) awaitRest(ctx context.Context) error {
	for {
		rested, err := o.look(ctx)
		if err != nil {
			return err
		}
		o.setting.Progress.Trials(o.batch.ID, rested, len(o.trials))
		if rested == len(o.trials) {
			return nil
		}
		if err := o.setting.Clock.Wait(ctx, beat); err != nil {
			return err
		}
	}
}

// look decides one step for each trial. It returns how many have come to rest.
func (o *observation) look(ctx context.Context) (rested int, err error) {
	sound, broken := o.isSound()
	if broken != nil {
		return 0, broken
	}
	now := o.setting.Clock.Now()
	o.alive += min(now.Sub(o.looked), 3*beat)
	o.looked = now
	o.noteJourneys() // before the links: a journey that ends meanwhile was not quiet
	activity, err := o.env.Gateway().Activity(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at the links: %w", err)
	}
	outstanding, err := o.outstanding(ctx)
	if err != nil {
		return 0, err
	}
	o.lookAtOrders(ctx, activity)
	var heal, hurry []faults.Trial
	for id, t := range o.trials {
		if t.isRested() || t.walk.Missed() {
			rested++
			continue
		}
		switch o.next(t, sound, activity[id], outstanding[id]) {
		case quiesce.Heal:
			heal = append(heal, id)
		case quiesce.Hurry:
			hurry = append(hurry, id)
		case quiesce.Rest:
			o.rest(ctx, id, t, journal.Stage{Name: journal.Rested})
		case quiesce.BoundPassed:
			o.rest(ctx, id, t, journal.Stage{Name: journal.BoundPassed, Detail: o.whyRestless(t, activity[id], outstanding[id])})
		case quiesce.Wait:
			o.watchKept(ctx, id, t)
		}
	}
	return rested, o.act(ctx, heal, hurry)
}

func (t *observed) isRested() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rested
}

func (o *observation) next(t *observed, sound bool, activity proxy.Activity, outstanding int) quiesce.Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := quiesce.Seen{JourneyOver: t.over > 0, KeptBack: t.keptBack || o.isKept(t.trial.ID), SinceOver: o.alive - t.over, Healed: t.healed, Sound: sound, Idle: activity.Idle.Std(),
		InFlight: activity.InFlight, Unfired: o.unfired(t.trial), Outstanding: outstanding, Hurried: t.hurried, BooksFinal: t.standing.Final}
	if t.healed {
		seen.SinceHealed = o.alive - t.healedAt
	}
	return o.rule.Next(seen)
}

// lookAtOrders asks the merchant how those trials stand that are quiet enough
// for it to matter, a few at a time. What was final and has been quiet since
// is not asked again: looking must not be what keeps the merchant busy.
func (o *observation) lookAtOrders(ctx context.Context, activity map[faults.Trial]proxy.Activity) {
	var asking sync.WaitGroup
	slots := make(chan struct{}, 4)
	for id, t := range o.trials {
		if !o.worthALook(t, activity[id]) {
			continue
		}
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			standing := t.walk.Standing(ctx)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.standing, t.seenAt = standing, o.setting.Clock.Now()
		})
	}
	asking.Wait()
}

// noteJourneys notes which journeys are over, and since when.
func (o *observation) noteJourneys() {
	for _, t := range o.trials {
		t.mu.Lock()
		if t.journeyOver && t.over == 0 {
			t.over = o.alive
			if t.healed { // a canary has come home; the bound begins anew
				t.healedAt = o.alive
			}
		}
		t.mu.Unlock()
	}
}

func (o *observation) worthALook(t *observed, activity proxy.Activity) bool {
	now := o.setting.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rested || t.over == 0 || !t.healed || activity.InFlight > 0 || activity.Idle.Std() < o.rule.Longest {
		return false
	}
	quietSince := now.Add(-activity.Idle.Std())
	stillFinal := t.standing.Final && t.seenAt.After(quietSince)
	return !stillFinal && now.Sub(t.seenAt) >= 10*beat
}

func (o *observation) unfired(trial scenarios.Trial) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := 0
	for _, pin := range trial.Pins {
		if !o.fired[pin.ID] {
			count++
		}
	}
	return count
}

func (o *observation) outstanding(ctx context.Context) (map[faults.Trial]int, error) {
	all := map[faults.Trial]int{}
	for source, client := range o.sources() {
		if source == journal.Gateway {
			continue
		}
		some, err := client.Outstanding(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at the calendar of %s: %w", source, err)
		}
		for trial, count := range some {
			all[trial] += count
		}
	}
	return all, nil
}

// act heals and hurries what look decided.
func (o *observation) act(ctx context.Context, heal, hurry []faults.Trial) error {
	if len(heal) > 0 {
		for source, client := range o.sources() {
			if err := client.Heal(ctx, heal); err != nil {
				return fmt.Errorf("heal at %s: %w", source, err)
			}
		}
		for _, id := range heal {
			o.trials[id].mu.Lock()
			o.trials[id].healed, o.trials[id].healedAt = true, o.alive
			o.trials[id].mu.Unlock()
			o.trialStage(id, journal.Stage{Name: journal.Healed, Batch: o.batch.ID})
		}
	}
	if len(hurry) == 0 {
		return nil
	}
	for _, id := range hurry {
		o.trials[id].mu.Lock()
		o.trials[id].hurried = true
		o.trials[id].mu.Unlock()
	}
	for source, client := range o.sources() {
		if source == journal.Gateway {
			continue
		}
		if err := client.Hurry(ctx, hurry); err != nil {
			return fmt.Errorf("hurry %s: %w", source, err)
		}
	}
	return nil
}

// rest ends a trial, or first sends its canary: a shopper who wanted to pay
// and could not must be able to, now that nothing is in the way.
func (o *observation) rest(ctx context.Context, id faults.Trial, t *observed, stage journal.Stage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.canary && t.walk.Willing() && !t.standing.Paid {
		t.canary, t.journeyOver, t.over, t.standing = true, false, 0, driver.Standing{}
		o.driving.Go(func() {
			t.walk.Canary(ctx)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.journeyOver = true
		})
		return
	}
	t.rested = true
	stage.Batch = o.batch.ID
	o.trialStage(id, stage)
}

// isKept reports whether a trial is kept back and nobody looks after it yet: a
// process may be down and up again between two looks.
func (o *observation) isKept(id faults.Trial) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept[id]
}

// watchKept looks after a trial whose redeliveries and queries are kept back:
// they are let go when its order reads paid after the restart, or after the
// longest timer.
func (o *observation) watchKept(ctx context.Context, id faults.Trial, t *observed) {
	o.mu.Lock()
	kept := o.kept[id]
	delete(o.kept, id)
	o.mu.Unlock()
	if !kept {
		return
	}
	t.mu.Lock()
	t.keptBack = true
	t.mu.Unlock()
	o.driving.Go(func() {
		defer func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.keptBack = false
		}()
		for ends := o.setting.Clock.Now().Add(outageLimit); !o.isBack(t.trial) && o.setting.Clock.Now().Before(ends); {
			if o.setting.Clock.Wait(ctx, beat) != nil {
				break
			}
		}
		for ends := o.setting.Clock.Now().Add(o.rule.Longest); o.setting.Clock.Now().Before(ends); {
			if t.walk.ObservedPaid(ctx) || o.setting.Clock.Wait(ctx, 2*beat) != nil {
				break
			}
		}
		if err := o.env.Gateway().LetGo(context.WithoutCancel(ctx), id); err != nil {
			o.setting.Progress.Tell("let go of " + string(id) + ": " + err.Error())
		}
	})
}

// isBack reports whether the process that a pin of the trial stops has been
// stopped and runs again, or the session is broken and nothing will come back.
// What a merchant says before that, it may say from memory.
func (o *observation) isBack(trial scenarios.Trial) bool {
	sound, broken := o.isSound()
	if broken != nil {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, pin := range trial.Pins {
		if definition, _ := faults.Lookup(pin.Fault); definition.Kind == faults.OnProcess && !o.fired[pin.ID] {
			return false
		}
	}
	return sound
}

// owners finds the trial of each order by the key that the driver gave it.
func owners(entries []journal.Entry, trials map[faults.Trial]*observed) map[string]faults.Trial {
	owner := map[string]faults.Trial{}
	for _, entry := range entries {
		if entry.Kind != journal.OrderEntry {
			continue
		}
		if trial := driver.TrialOf(entry.OrderKey); trials[trial] != nil {
			owner[entry.OrderID] = trial
		}
	}
	return owner
}

func (o *observation) whyRestless(t *observed, activity proxy.Activity, outstanding int) string {
	var reasons []string
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.standing.Final {
		reasons = append(reasons, "the merchant's books are not final")
	}
	if outstanding > 0 {
		reasons = append(reasons, fmt.Sprintf("%d things are on the provider's calendar", outstanding))
	}
	if activity.InFlight > 0 || activity.Idle.Std() < o.rule.Longest {
		reasons = append(reasons, "messages are still exchanged")
	}
	return strings.Join(reasons, "; ")
}

// collect reads the merchant's books at rest into the record and takes the
// trials out of play. A trial is called collected only when everything that
// its sources recorded is written: from there on its evidence is whole.
func (o *observation) collect(ctx context.Context) error {
	books, err := o.merchant.Books(ctx)
	if err != nil {
		return err
	}
	owner := owners(books.Entries, o.trials)
	for _, entry := range books.Entries {
		trial, known := owner[entry.OrderID]
		if !known {
			continue
		}
		o.feed.Add(journal.Record{At: o.setting.Clock.Now(), Trial: trial, Entry: &entry,
			TraceID: telemetry.TraceID(o.setting.Header.Run, string(trial)).String()})
	}
	if err := os.WriteFile(o.setting.Folder.Path(journal.MerchantFile), books.Raw, 0o644); err != nil {
		return fmt.Errorf("keep the merchant's books: %w", err)
	}
	ids, missed := o.batch.IDs(), o.missed()
	if err := o.env.Gateway().End(ctx, ids); err != nil {
		return fmt.Errorf("end trials: %w", err)
	}
	if err := errors.Join(o.drain(ctx), o.leaveOut(missed)); err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(id faults.Trial) bool { return slices.Contains(missed, id) })
	for _, id := range ids {
		o.trialStage(id, journal.Stage{Name: journal.Collected, Batch: o.batch.ID})
	}
	o.stage(journal.Stage{Name: journal.BatchEnded, Batch: o.batch.ID})
	return o.drain(ctx)
}
