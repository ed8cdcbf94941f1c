package merchant

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestTimers_PaymentIsLookedAtByItsSchedule(t *testing.T) {
	timers := DefaultTimers()
	for _, row := range []struct {
		barcode   bool
		age, next time.Duration
	}{
		{false, 0, 5 * time.Second},
		{false, 5 * time.Second, 30 * time.Second},
		{false, 29 * time.Second, 30 * time.Second},
		{false, 10 * time.Minute, 30 * time.Minute},
		{false, 30 * time.Minute, 31 * time.Minute}, // the end
		{false, time.Hour, time.Hour},               // overdue: at once
		{true, 0, 5 * time.Second},
		{true, 43 * time.Second, 45 * time.Second}, // the reverse
		{true, time.Minute, time.Minute},
	} {
		if got := timers.nextQuery(row.barcode, row.age); got != row.next {
			t.Errorf("barcode %t at %s: %s, want %s", row.barcode, row.age, got, row.next)
		}
	}
}

func TestTimers_BackoffDoublesToItsLimit(t *testing.T) {
	timers := DefaultTimers()
	for tries, want := range map[int]time.Duration{0: 1, 1: 1, 2: 2, 3: 4, 5: 16, 50: 16} {
		if got := timers.backoff(tries); got != want*time.Second {
			t.Errorf("after %d tries %s", tries, got)
		}
	}
}

func TestTimers_LongestCoversEveryTimerOfAnOrder(t *testing.T) {
	timers := DefaultTimers()
	longest := timers.Longest()
	for _, d := range []Duration{timers.GiveUpAfter, timers.ReverseAfter, timers.RefundGiveUpAfter, timers.OrderExpiry, timers.OutboxEvery} {
		if time.Duration(d) > longest {
			t.Errorf("%s is longer than %s", time.Duration(d), longest)
		}
	}
}

func TestDuration_HasAUnit(t *testing.T) {
	var d Duration
	if err := json.Unmarshal([]byte(`"250ms"`), &d); err != nil || time.Duration(d) != 250*time.Millisecond {
		t.Errorf("%v, %v", d, err)
	}
	for _, text := range []string{`250`, `"250"`, `null1`} {
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s was read", text)
		}
	}
	bad := DefaultTimers()
	bad.QueryAfter = []Duration{2, 1}
	if err := bad.Validate(); !errors.Is(err, ErrInvalid) {
		t.Errorf("falling ages: %v", err)
	}
}

func TestStore_BindNumbersPlaceholders(t *testing.T) {
	query := "UPDATE t SET a = ? WHERE b = ?"
	if got := (&Store{numbered: true}).bind(query); got != "UPDATE t SET a = $1 WHERE b = $2" {
		t.Error(got)
	}
	if got := (&Store{}).bind(query); got != query {
		t.Error(got)
	}
}
