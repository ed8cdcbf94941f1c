package ledger_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/providers/ledger"
)

// postman delivers notifications and notes when.
type postman struct {
	mu    sync.Mutex
	begun time.Time
	at    []time.Duration
	says  func(n int) ledger.Delivery
}

func (p *postman) deliver(_ context.Context, n int) ledger.Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = append(p.at, time.Since(p.begun))
	return p.says(n)
}

func yes(int) ledger.Delivery { return ledger.Delivery{Acknowledged: true, Status: 200} }
func no(int) ledger.Delivery  { return ledger.Delivery{Status: 500} }

var calendar = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

func outbox(says func(int) ledger.Delivery) (*ledger.Outbox, *ledger.Agenda, *postman, *tape) {
	book, written := open()
	agenda := ledger.NewAgenda(clock.System{})
	return ledger.NewOutbox(agenda, book, calendar, time.Second), agenda, &postman{begun: time.Now(), says: says}, written
}

func TestOutbox_DeliversUntilAcknowledged(t *testing.T) {
	second := time.Second
	cases := map[string]struct {
		notification ledger.Notification
		says         func(int) ledger.Delivery
		at           []time.Duration
		states       []string
	}{
		"acknowledged at once": {says: yes, at: []time.Duration{0}, states: []string{"acknowledged"}},
		"at the third try": {
			says: func(n int) ledger.Delivery { return ledger.Delivery{Acknowledged: n == 2} },
			at:   []time.Duration{0, second, 3 * second}, states: []string{"refused", "refused", "acknowledged"}},
		"never: the calendar ends": {says: no, at: []time.Duration{0, second, 3 * second, 7 * second},
			states: []string{"refused", "refused", "refused", "refused", "given-up"}},
		"no answer": {says: func(n int) ledger.Delivery {
			if n == 0 {
				return ledger.Delivery{Err: errors.New("reset")}
			}
			return yes(n)
		}, at: []time.Duration{0, second}, states: []string{"unanswered", "acknowledged"}},
		"copies by the calendar": {notification: ledger.Notification{Copies: 2}, says: yes,
			at: []time.Duration{0, second, 3 * second}, states: []string{"acknowledged", "acknowledged", "acknowledged"}},
		"copies spaced": {notification: ledger.Notification{Copies: 2, Spacing: 30 * time.Millisecond}, says: yes,
			at: []time.Duration{0, 30 * time.Millisecond, 60 * time.Millisecond}, states: []string{"acknowledged", "acknowledged", "acknowledged"}},
		"copies spaced, then retries": {notification: ledger.Notification{Copies: 1, Spacing: 30 * time.Millisecond},
			says: func(n int) ledger.Delivery { return ledger.Delivery{Acknowledged: n == 2} },
			at:   []time.Duration{0, 30 * time.Millisecond, 2*second + 30*time.Millisecond}, states: []string{"refused", "refused", "acknowledged"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box, agenda, man, written := outbox(c.says)
				c.notification.Trial, c.notification.Deliver = "t1", man.deliver
				man.mu.Lock() // nothing is delivered before it was looked at
				box.Send(c.notification)
				require.NotEmpty(t, agenda.Outstanding(), "what was just sent is outstanding")
				man.mu.Unlock()
				for len(agenda.Outstanding()) > 0 {
					time.Sleep(10 * time.Millisecond)
				}
				require.Equal(t, c.at, man.at)
				require.Equal(t, c.states, written.states(journal.DeliveryEntry))
			})
		})
	}
}

func TestAgenda_HurryDoesTheNextThingNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, agenda, man, _ := outbox(no)
		box.Send(ledger.Notification{Trial: "t1", Deliver: man.deliver})
		synctest.Wait()
		require.Equal(t, map[faults.Trial]int{"t1": 1}, agenda.Outstanding())
		for range 3 {
			require.NoError(t, agenda.Hurry(t.Context(), []faults.Trial{"t1", "unknown", "t1"}))
		}
		require.Equal(t, []time.Duration{0, 0, 0, 0}, man.at, "all four deliveries in the same instant")
		require.Empty(t, agenda.Outstanding())
		time.Sleep(time.Minute)
		require.Len(t, man.at, 4, "hurried timers do not fire again")
	})
}

func TestAgenda_HurryWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agenda := ledger.NewAgenda(clock.System{})
		agenda.After("t1", 0, func(context.Context) { time.Sleep(3 * time.Second) })
		synctest.Wait()
		begun := time.Now()
		require.NoError(t, agenda.Hurry(t.Context(), []faults.Trial{"t1"}))
		require.Equal(t, 3*time.Second, time.Since(begun))

		agenda.After("t1", 0, func(context.Context) { time.Sleep(3 * time.Second) })
		synctest.Wait()
		limited, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, agenda.Hurry(limited, []faults.Trial{"t1"}), context.DeadlineExceeded)
		agenda.Close()
	})
}

func TestAgenda_CloseDropsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agenda := ledger.NewAgenda(clock.System{})
		done := false
		agenda.After("t1", 0, func(context.Context) { time.Sleep(time.Second); done = true })
		agenda.After("t1", time.Hour, func(context.Context) { t.Error("a dropped task ran") })
		synctest.Wait()
		agenda.Close()
		require.True(t, done, "what was under way has finished")
		require.Empty(t, agenda.Outstanding())
		agenda.After("t1", 0, func(context.Context) { t.Error("a task after the close ran") })
		require.NoError(t, agenda.Hurry(t.Context(), []faults.Trial{"t1"}))
		time.Sleep(2 * time.Hour)
	})
}

func TestOutbox_PatienceEndsInNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, agenda, man, written := outbox(yes)
		box.Send(ledger.Notification{Trial: "t1", Deliver: func(ctx context.Context, n int) ledger.Delivery {
			if n == 0 {
				<-ctx.Done()
				return ledger.Delivery{Err: ctx.Err()}
			}
			return man.deliver(ctx, n)
		}})
		for len(agenda.Outstanding()) > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, []time.Duration{2 * time.Second}, man.at, "a second of patience, a second of the calendar")
		require.Equal(t, []string{"unanswered", "acknowledged"}, written.states(journal.DeliveryEntry))
	})
}

// TestOutbox_OutOfOrder: a notification that is kept behind comes right after one of
// a refund, and after its limit at the latest.
func TestOutbox_OutOfOrder(t *testing.T) {
	for name, c := range map[string]struct {
		refundAfter time.Duration // 0: none comes
		at          time.Duration
		overtaken   bool
	}{
		"a refund is told of":         {refundAfter: 3 * time.Second, at: 3 * time.Second, overtaken: true},
		"no refund is ever told of":   {at: 8 * time.Second},
		"the refund's comes too late": {refundAfter: 9 * time.Second, at: 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box, agenda, man, _ := outbox(yes)
				overtaken := false
				box.Send(ledger.Notification{Trial: "t1", Deliver: man.deliver, Behind: true, Overtaken: func(context.Context) { overtaken = true }})
				if c.refundAfter > 0 {
					box.Send(ledger.Notification{Trial: "t1", After: c.refundAfter, About: journal.Entry{RefundReference: "r1"},
						Deliver: func(context.Context, int) ledger.Delivery { return yes(0) }})
				}
				for len(agenda.Outstanding()) > 0 {
					time.Sleep(10 * time.Millisecond)
				}
				require.Equal(t, []time.Duration{c.at}, man.at, "delivered once")
				require.Equal(t, c.overtaken, overtaken)
			})
		})
	}
}

// TestOutbox_First: whoever waits for the first delivery is woken when it has ended,
// acknowledged or not.
func TestOutbox_First(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, agenda, man, _ := outbox(no)
		first := make(chan struct{})
		box.Send(ledger.Notification{Trial: "t1", Deliver: man.deliver, After: time.Second, First: first})
		<-first
		require.Equal(t, []time.Duration{time.Second}, man.at)
		agenda.Close()
	})
}
