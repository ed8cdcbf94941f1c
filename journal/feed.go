package journal

import (
	"context"
	"sync"
)

// Feed numbers the records of one source and keeps them until a follower has
// taken them, so that evidence survives a broken connection. It is safe for
// concurrent use.
type Feed struct {
	source Source

	mu      sync.Mutex
	last    uint64        // number of the newest record
	kept    []Record      // those not yet acknowledged, in order
	changed chan struct{} // closed and replaced when a record is added
}

// NewFeed is an empty feed of a source.
func NewFeed(source Source) *Feed {
	return &Feed{source: source, changed: make(chan struct{})}
}

// Add numbers the record and keeps it.
func (f *Feed) Add(record Record) Ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	record.Source, record.Number = f.source, f.last
	f.kept = append(f.kept, record)
	close(f.changed)
	f.changed = make(chan struct{})
	return record.Ref()
}

// After returns the records after that number, at most limit, and waits for
// one if there is none. Records up to that number are acknowledged by the call
// and forgotten. It fails only when ctx ends.
func (f *Feed) After(ctx context.Context, number uint64, limit int) ([]Record, error) {
	for {
		records, changed := f.take(number, limit)
		if len(records) > 0 {
			return records, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Last is the number of the newest record.
func (f *Feed) Last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

func (f *Feed) take(number uint64, limit int) ([]Record, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	drop := 0
	for drop < len(f.kept) && f.kept[drop].Number <= number {
		drop++
	}
	f.kept = f.kept[drop:]
	taken := f.kept[:min(limit, len(f.kept))]
	return append([]Record(nil), taken...), f.changed
}
