package ledger

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
)

// Agenda is what a provider has still to do for each trial: deliveries, and
// refunds under way. Things happen when they are due, each in its own
// goroutine, or earlier when hurried.
//
// A task that makes another one puts it on the agenda before it returns, so
// that a trial never looks finished between the two.
type Agenda struct {
	clock clock.Clock

	mu      sync.Mutex
	closed  bool
	number  uint64
	tasks   map[faults.Trial][]*task
	running sync.WaitGroup
}

// task is pending until somebody claims it: its timer, a hurry, or the close.
type task struct {
	trial   faults.Trial
	due     time.Time
	number  uint64 // breaks ties of due
	act     func(context.Context)
	stop    func() bool
	claimed bool
	done    chan struct{}
}

// NewAgenda opens an empty agenda.
func NewAgenda(now clock.Clock) *Agenda {
	return &Agenda{clock: now, tasks: map[faults.Trial][]*task{}}
}

// After puts a task on the agenda, due after the gap. After a close it does
// nothing.
func (a *Agenda) After(trial faults.Trial, gap time.Duration, act func(context.Context)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.number++
	made := &task{trial: trial, due: a.clock.Now().Add(gap), number: a.number, act: act, done: make(chan struct{})}
	a.tasks[trial] = append(a.tasks[trial], made)
	made.stop = a.clock.AfterFunc(gap, func() {
		if a.claim(made) {
			a.run(context.Background(), made)
		}
	})
}

// claim makes the caller the one who runs the task.
func (a *Agenda) claim(t *task) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.claimed || a.closed {
		return false
	}
	t.claimed = true
	a.running.Add(1)
	return true
}

func (a *Agenda) run(ctx context.Context, t *task) {
	defer a.running.Done()
	t.act(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	left := slices.DeleteFunc(a.tasks[t.trial], func(other *task) bool { return other == t })
	a.tasks[t.trial] = left
	if len(left) == 0 {
		delete(a.tasks, t.trial)
	}
	close(t.done)
}

// Outstanding counts the tasks of each trial that are not done. A task under
// way counts.
func (a *Agenda) Outstanding() map[faults.Trial]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := make(map[faults.Trial]int, len(a.tasks))
	for trial, tasks := range a.tasks {
		counts[trial] = len(tasks)
	}
	return counts
}

// Hurry does what is due next for each of the trials now, one thing after
// another. What is due next but under way is waited for: skipping it would let
// a hurried task overtake it. It fails with the context's error.
func (a *Agenda) Hurry(ctx context.Context, trials []faults.Trial) error {
	for _, next := range a.due(trials) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.claim(next) {
			next.stop()
			a.run(ctx, next)
			continue
		}
		if err := a.await(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// await waits for a task that somebody else runs; one that a close has dropped
// will never be done.
func (a *Agenda) await(ctx context.Context, t *task) error {
	a.mu.Lock()
	dropped := !t.claimed
	a.mu.Unlock()
	if dropped {
		return nil
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// due lists the next task of each trial, earliest first.
func (a *Agenda) due(trials []faults.Trial) []*task {
	a.mu.Lock()
	defer a.mu.Unlock()
	var next []*task
	for _, trial := range trials {
		if tasks := a.tasks[trial]; len(tasks) > 0 {
			next = append(next, slices.MinFunc(tasks, earlier))
		}
	}
	slices.SortFunc(next, earlier)
	return slices.Compact(next)
}

func earlier(a, b *task) int {
	return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.number, b.number))
}

// Close drops what is not under way and waits for what is.
func (a *Agenda) Close() {
	a.mu.Lock()
	a.closed = true
	for trial, tasks := range a.tasks {
		a.tasks[trial] = slices.DeleteFunc(tasks, func(t *task) bool {
			if !t.claimed && t.stop != nil {
				t.stop()
			}
			return !t.claimed
		})
		if len(a.tasks[trial]) == 0 {
			delete(a.tasks, trial)
		}
	}
	a.mu.Unlock()
	a.running.Wait()
}
