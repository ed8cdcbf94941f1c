package merchant

import (
	"context"
	"time"
)

// Clock is the merchant's only way to the time. The merchant does not share
// payquake's clock: a system under test must not run on its judge's watch.
type Clock interface {
	// Now is the present time.
	Now() time.Time
	// Wait returns nil after d, or the context's error when that ends first. A
	// duration that is not positive returns at once.
	Wait(ctx context.Context, d time.Duration) error
}

// SystemClock is the machine's own clock.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// Wait implements Clock.
func (SystemClock) Wait(ctx context.Context, d time.Duration) error {
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

// waitOrWake waits like Clock.Wait but returns early when woken.
func waitOrWake(ctx context.Context, d time.Duration, woken <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-ctx.Done():
	}
}
