package merchant

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// hold is a worker's claim on rows of a table: those whose busy_until is
// exactly until, or of these the one named by id.
type hold struct {
	table, id string
	until     time.Time
}

// A worker that failed may not know what it still holds: the database may have
// broken off at the commit that took the rows, or at the one that freed them.
// Left alone they would rest until the hold ends by itself. So what fails is
// let go afterwards, as long as the row shows that nothing was booked since.
//
// unsure keeps such holds. They wait for RetryBackoff first: a commit that
// nobody answered must have come to an end, and work that always fails must
// not spin.
type unsure struct {
	mu    sync.Mutex
	holds []hold
}

func (u *unsure) add(holds ...hold) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.holds = append(u.holds, holds...)
}

func (u *unsure) take() []hold {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.holds
	u.holds = nil
	return taken
}

// letGoUnsure frees the rows of unsure holds until ctx ends, and once more
// then: a process that stops leaves to others what it can.
func (c *Checkout) letGoUnsure(ctx context.Context) {
	for ctx.Err() == nil {
		ripe := c.unsure.take()
		if c.clock.Wait(ctx, wait(c.timers.RetryBackoff)) == nil {
			c.unsure.add(c.free(ctx, ripe)...)
		} else {
			c.unsure.add(ripe...)
		}
	}
	c.free(context.WithoutCancel(ctx), c.unsure.take())
}

// free tries to free rows and returns the holds it could not end and that have
// not ended by themselves.
func (c *Checkout) free(ctx context.Context, holds []hold) []hold {
	return slices.DeleteFunc(holds, func(h hold) bool {
		if !h.until.After(c.clock.Now()) {
			return true
		}
		err := c.store.free(ctx, h)
		if err != nil {
			slog.Error("free rows", "table", h.table, "id", h.id, "error", err)
		}
		return err == nil
	})
}

// free ends a hold as far as it still stands.
func (s *Store) free(ctx context.Context, h hold) error {
	statement, args := "UPDATE "+h.table+" SET busy_until = 0 WHERE busy_until = ?", []any{h.until.UnixNano()}
	if h.id != "" {
		statement, args = statement+" AND id = ?", append(args, h.id)
	}
	return s.update(ctx, func(t *tx) error { return t.exec(statement, args...) })
}
