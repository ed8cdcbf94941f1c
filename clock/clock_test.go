package clock_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/clock"
)

// TestScale: a faster calendar keeps its order and never puts two deliveries
// into the same instant.
func TestScale(t *testing.T) {
	for _, c := range []struct {
		gap    time.Duration
		factor float64
		want   time.Duration
	}{
		{15 * time.Second, 10, 1500 * time.Millisecond},
		{15 * time.Second, 200, clock.MinimumGap},
		{time.Hour, 200, 18 * time.Second},
		{15 * time.Second, 1, 15 * time.Second},
		{15 * time.Second, 0, 15 * time.Second}, // real time
		{15 * time.Second, 0.5, 15 * time.Second},
		{15 * time.Second, -3, 15 * time.Second},
		{0, 1, clock.MinimumGap},
		{-time.Second, 10, clock.MinimumGap},
	} {
		require.Equal(t, c.want, clock.Scale(c.gap, c.factor), "%s by %g", c.gap, c.factor)
	}
	rapid.Check(t, func(t *rapid.T) {
		short := time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "short"))
		long := short + time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "more"))
		factor := rapid.Float64Range(0, 1000).Draw(t, "factor")
		require.GreaterOrEqual(t, clock.Scale(short, factor), clock.MinimumGap)
		require.LessOrEqual(t, clock.Scale(short, factor), clock.Scale(long, factor))
		require.LessOrEqual(t, clock.Scale(long, factor), max(long, clock.MinimumGap))
	})
}

// TestCalendar_Scaled scales each gap and leaves the calendar as it was.
func TestCalendar_Scaled(t *testing.T) {
	calendar := clock.Calendar{15 * time.Second, 30 * time.Second, 3 * time.Hour}
	require.Equal(t, clock.Calendar{clock.MinimumGap, 300 * time.Millisecond, 108 * time.Second}, calendar.Scaled(100))
	require.Equal(t, 15*time.Second, calendar[0])
	require.Empty(t, clock.Calendar(nil).Scaled(100))
}

// TestSystem_Wait: a wait lasts as long as asked, or until nobody wants it.
func TestSystem_Wait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := clock.System{}.Now()
		since := func() time.Duration { return clock.System{}.Now().Sub(began) }
		require.NoError(t, clock.System{}.Wait(t.Context(), time.Hour))
		require.Equal(t, time.Hour, since())

		require.NoError(t, clock.System{}.Wait(t.Context(), 0))
		require.NoError(t, clock.System{}.Wait(t.Context(), -time.Hour))
		require.Equal(t, time.Hour, since(), "what is over is not waited for")

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, clock.System{}.Wait(ctx, time.Hour), context.DeadlineExceeded)
		require.Equal(t, time.Hour+time.Minute, since())
		require.ErrorIs(t, clock.System{}.Wait(ctx, 0), context.DeadlineExceeded, "nor is a dead wait taken for a good one")
	})
}

// TestSystem_AfterFunc calls once, unless stopped before.
func TestSystem_AfterFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan string, 2)
		stopFirst := clock.System{}.AfterFunc(time.Minute, func() { calls <- "first" })
		stopSecond := clock.System{}.AfterFunc(time.Minute, func() { calls <- "second" })
		require.True(t, stopSecond())
		require.Equal(t, "first", <-calls)
		require.False(t, stopFirst(), "it has begun")
		require.NoError(t, clock.System{}.Wait(t.Context(), time.Hour))
		require.Empty(t, calls)
	})
}
