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
	var group sync.WaitGroup
	for table, q := range c.work {
		group.Go(func() { c.drain(ctx, table, q) })
	}
	group.Wait()
}

func (c *Checkout) drain(ctx context.Context, table string, q *queue) {
	var begun sync.WaitGroup
	defer begun.Wait()
	slots := make(chan struct{}, workersPerQueue)
	for ctx.Err() == nil {
		slots <- struct{}{} // no row is held before somebody can work on it
		<-slots
		ids, err := c.store.due(ctx, table, c.clock.Now(), c.timers.lease())
		if err != nil && ctx.Err() == nil {
			slog.Error("look for work", "table", table, "error", err)
		}
		for _, id := range ids {
			slots <- struct{}{}
			begun.Go(func() {
				defer func() { <-slots }()
				c.step(context.WithoutCancel(ctx), table, q, id)
			})
		}
		if len(ids) == 0 {
			waitOrWake(ctx, wait(c.timers.PollEvery), q.woken)
		}
	}
}

// step does one step. Its error is logged and no more: the row stays due and
// is free again when its lease ends.
func (c *Checkout) step(ctx context.Context, table string, q *queue, id string) {
	ctx, span := otel.Tracer("github.com/payquake/payquake/merchant").Start(ctx, "merchant.advance "+table)
	defer span.End()
	if err := q.advance(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
		span.RecordError(err)
		slog.Error("advance", "table", table, "id", id, "error", err)
	}
}
