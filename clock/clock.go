// Package clock is the only reader of the time. Everything that needs the
// time or must wait takes a Clock; everything that only reasons about time
// takes times as values.
//
// It also owns the word scale: providers' calendars (notification retries,
// refund processing) run faster than real life by a factor, while wire
// timestamps, timeouts and signature freshness stay in real time.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and waits.
type Clock interface {
	// Now is the present time.
	Now() time.Time
	// Wait returns nil after d, or the context's error when that ends first.
	// A duration that is not positive returns at once.
	Wait(ctx context.Context, d time.Duration) error
	// AfterFunc calls f in its own goroutine after d; stop prevents it if it
	// has not begun.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// System is the machine's own clock.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now() }

// Wait implements Clock.
func (System) Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// AfterFunc implements Clock.
func (System) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// Calendar is a provider's list of gaps between deliveries, in real life's
// durations.
type Calendar []time.Duration

// MinimumGap keeps two scaled deliveries from falling into the same instant.
const MinimumGap = 250 * time.Millisecond

// Scaled is the calendar of a provider whose time runs faster by factor; each
// gap is at least MinimumGap. A factor of at most 1 leaves it in real time.
func (c Calendar) Scaled(factor float64) Calendar {
	scaled := make(Calendar, len(c))
	for i, gap := range c {
		scaled[i] = Scale(gap, factor)
	}
	return scaled
}

// Scale shortens one gap of a provider's calendar, with the rules of Scaled.
func Scale(gap time.Duration, factor float64) time.Duration {
	if factor > 1 {
		gap = time.Duration(float64(gap) / factor)
	}
	return max(gap, MinimumGap)
}
