package merchant

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"go.opentelemetry.io/otel"
)

// queue is one kind of work: rows of one table that are due.
type queue struct {
	advance func(ctx context.Context, id string) error
	woken   chan struct{}
}

func newQueue(advance func(context.Context, string) error) *queue {
	return &queue{advance: advance, woken: make(chan struct{}, 1)}
}

// wakeAfter has a queue looked at once the transaction has committed, without
// waiting for the next poll.
func (c *Checkout) wakeAfter(t *tx, table string) {
	t.committed = append(t.committed, func() {
		select {
		case c.work[table].woken <- struct{}{}:
		default: // it is awake already
		}
	})
}

// workersPerQueue bounds how many calls of one kind are in the air.
const workersPerQueue = 24

// Work does what is due until ctx ends, then waits for the steps it has begun;
// each is bounded by its calls' time limits.
func (c *Checkout) Work(ctx context.Context) {
	var queues, holds sync.WaitGroup
	for table, q := range c.work {
		queues.Go(func() { c.drain(ctx, table, q) })
	}
	working, done := context.WithCancel(context.WithoutCancel(ctx))
	holds.Go(func() { c.letGoUnsure(working) })
	queues.Wait()
	done()
	holds.Wait()
}

func (c *Checkout) drain(ctx context.Context, table string, q *queue) {
	var begun sync.WaitGroup
	defer begun.Wait()
	slots := make(chan struct{}, workersPerQueue)
	for ctx.Err() == nil {
		slots <- struct{}{} // no row is held before somebody can work on it
		<-slots
		now := c.clock.Now()
		held := hold{table: table, until: now.Add(c.timers.lease())}
		ids, err := c.store.due(ctx, held, now)
		if err != nil {
			c.unsure.add(held)
			if ctx.Err() == nil {
				slog.Error("look for work", "table", table, "error", err)
			}
		}
		for _, id := range ids {
			slots <- struct{}{}
			begun.Go(func() {
				defer func() { <-slots }()
				c.step(context.WithoutCancel(ctx), q, hold{table: table, id: id, until: held.until})
			})
		}
		if len(ids) == 0 {
			waitOrWake(ctx, wait(c.timers.PollEvery), q.woken)
		}
	}
}

// step does one step with a row that is held. After an error the row is still
// due and is let go, so that the step is tried again.
func (c *Checkout) step(ctx context.Context, q *queue, held hold) {
	ctx, span := otel.Tracer("github.com/payquake/payquake/merchant").Start(ctx, "merchant.advance "+held.table)
	defer span.End()
	if err := q.advance(ctx, held.id); err != nil && !errors.Is(err, ErrNotFound) {
		span.RecordError(err)
		slog.Error("advance", "table", held.table, "id", held.id, "error", err)
		c.unsure.add(held)
	}
}
