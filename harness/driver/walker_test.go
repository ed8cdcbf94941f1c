package driver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/harness/driver"
	"github.com/payquake/payquake/harness/driver/mocks"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/scenarios"
	"github.com/payquake/payquake/telemetry"
)

// scene is a shopper of trial "t1" with a scripted merchant and wallet. Its
// tests run in a bubble whose time passes as soon as everybody waits.
type scene struct {
	merchant *mocks.Merchant
	wallet   *mocks.Wallet
	feed     *journal.Feed
	scanned  []string // codes of which the gateway was told
	trial    scenarios.Trial
	walk     *driver.Walk
}

// anything stands for arguments that a script does not care about.
const anything = mock.Anything

func newScene(t *testing.T, steps ...faults.Step) *scene {
	s := &scene{merchant: mocks.NewMerchant(t), wallet: mocks.NewWallet(t), feed: journal.NewFeed(journal.Harness),
		trial: scenarios.Trial{ID: "t1", Provider: "wechatpay", Method: payment.MethodCode, Total: payment.Fen(1000),
			Lines: []scenarios.Line{{Name: "tea", Quantity: 2, Price: payment.Fen(500)}}, Journey: faults.Journey{Steps: steps}}}
	s.walk = s.again()
	return s
}

// again makes the shopper of the scene's trial as it is now.
func (s *scene) again() *driver.Walk {
	walker := &driver.Walker{Run: "run-1", Merchant: s.merchant, Feed: s.feed, Clock: clock.System{},
		Tracer: noop.NewTracerProvider().Tracer("test"),
		Wallet: func(payment.ProviderName) driver.Wallet { return s.wallet },
		Scanned: func(_ context.Context, scan proxy.Scan) error {
			if scan.Code != "" {
				s.scanned = append(s.scanned, scan.Code)
			}
			return nil
		}}
	return walker.Begin(s.trial)
}

// operations are the records of the walk so far.
func (s *scene) operations(t require.TestingT) []journal.Operation {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	records, _ := s.feed.After(ctx, 0, 1<<20)
	operations := make([]journal.Operation, 0, len(records))
	for _, record := range records {
		require.Equal(t, faults.Trial("t1"), record.Trial)
		require.Equal(t, telemetry.TraceID("run-1", "t1").String(), record.TraceID)
		operations = append(operations, *record.Operation)
	}
	return operations
}

// told is how the walk went: one word per finished call.
func (s *scene) told(t require.TestingT) string {
	var words []string
	for _, operation := range s.operations(t) {
		if operation.Phase == journal.Done {
			outcome := string(operation.Outcome)
			if outcome == "" {
				outcome = "unknown"
			}
			words = append(words, string(operation.Name)+":"+outcome)
		}
	}
	return strings.Join(words, " ")
}

// The merchant's usual answers.
var (
	errCut  = driver.Result{Reason: "no answer in time"}
	refused = driver.Result{Outcome: journal.Failed, Reason: "409"}
)

func (s *scene) placing(results ...driver.Result) {
	for _, result := range results {
		s.merchant.EXPECT().Place(anything, faults.Trial("t1"), anything).Return(result).Once()
	}
}

func (s *scene) starting(results ...driver.Result) {
	for _, result := range results {
		s.merchant.EXPECT().Start(anything, faults.Trial("t1"), anything).Return(result).Once()
	}
}

func (s *scene) showing(results ...driver.Result) {
	for _, result := range results {
		s.merchant.EXPECT().Read(anything, faults.Trial("t1"), "o1").Return(result).Once()
	}
}

func (s *scene) taking(code string, errs ...error) {
	for _, err := range errs {
		s.wallet.EXPECT().Pay(anything, faults.Trial("t1"), code).Return(providers.Receipt{Amount: payment.Fen(1000)}, err).Once()
	}
}

func placed() driver.Result {
	return driver.Result{Outcome: journal.OK, OrderID: "o1", Order: payment.OrderOpen}
}
func code(c string) driver.Result {
	return driver.Result{Outcome: journal.OK, OrderID: "o1", Payment: payment.Pending, Code: c}
}
func shows(state payment.OrderState, shown ...driver.PagePayment) driver.Result {
	return driver.Result{Outcome: journal.OK, OrderID: "o1", Order: state, Payments: shown}
}

// The steps, as shoppers of the catalogue take them.
var (
	place = faults.Step{Do: faults.StepPlace}
	start = faults.Step{Do: faults.StepStart, Key: 1, Method: payment.MethodCode}
	scan  = faults.Step{Do: faults.StepStart, Key: 1, Method: payment.MethodBarcode}
	open  = faults.Step{Do: faults.StepOpen, Key: 1, Patience: faults.Duration(6 * time.Second)}
	pay   = faults.Step{Do: faults.StepPay, Key: 1, Patience: faults.Duration(6 * time.Second)}
	late  = faults.Step{Do: faults.StepPayLate, Key: 1, Patience: faults.Duration(30 * time.Second)}
	await = faults.Step{Do: faults.StepAwaitPaid, Patience: faults.Duration(6 * time.Second)}
	back  = faults.Step{Do: faults.StepRefund, Key: 1, Percent: 40}
)

func with(step faults.Step, change func(*faults.Step)) faults.Step {
	change(&step)
	return step
}

// TestWalk tells every kind of step, and what a shopper does when it goes
// another way. The last column is what the record says of the finished calls.
func TestWalk(t *testing.T) {
	atOnce := func(n int) func(*faults.Step) { return func(s *faults.Step) { s.AtOnce = n } }
	repeats := func(n int) func(*faults.Step) { return func(s *faults.Step) { s.Repeats = n } }
	for _, c := range []struct {
		name   string
		steps  []faults.Step
		script func(*scene)
		told   string
	}{
		{"places, pays, sees it paid", []faults.Step{place, start, pay, await}, func(s *scene) {
			s.placing(placed())
			s.starting(code("c1"))
			s.taking("c1", nil)
			s.showing(shows(payment.OrderOpen), shows(payment.OrderPaid))
		}, "place:ok start:ok pay:ok read-order:ok read-order:ok"},

		{"opens a code and walks away", []faults.Step{place, start, open}, func(s *scene) {
			s.placing(placed())
			s.starting(code("c1"))
			s.wallet.EXPECT().Open(anything, faults.Trial("t1"), "c1").Return(providers.Checkout{Amount: payment.Fen(1000)}, nil).Once()
		}, "place:ok start:ok open:ok"},

		{"opens a code that the wallet does not know", []faults.Step{place, start, open}, func(s *scene) {
			s.placing(placed())
			s.starting(code("c1"))
			s.wallet.EXPECT().Open(anything, anything, anything).Return(providers.Checkout{}, providers.ErrUnknownCode).Once()
		}, "place:ok start:ok open:failed"},

		{"is scanned", []faults.Step{place, scan, await}, func(s *scene) {
			s.placing(placed())
			s.wallet.EXPECT().Barcode(anything, faults.Trial("t1")).Return("b1", nil).Once()
			s.starting(driver.Result{Outcome: journal.OK, Payment: payment.Captured})
			s.showing(shows(payment.OrderPaid))
		}, "place:ok start:ok read-order:ok"},

		{"asks again while the answer is lost", []faults.Step{with(place, repeats(2)), with(start, repeats(2)), pay}, func(s *scene) {
			s.placing(errCut, placed())
			s.starting(errCut, errCut, code("c1"))
			s.taking("c1", nil)
		}, "place:unknown place:ok start:unknown start:unknown start:ok pay:ok"},

		{"asks again so often and no oftener", []faults.Step{with(place, repeats(2)), start}, func(s *scene) {
			s.placing(errCut, errCut, errCut)
		}, "place:unknown place:unknown place:unknown"},

		{"takes a refusal for an answer", []faults.Step{with(place, repeats(2)), start}, func(s *scene) {
			s.placing(refused)
		}, "place:failed"},

		{"clicks twice", []faults.Step{with(place, atOnce(2)), with(start, atOnce(2)), pay}, func(s *scene) {
			s.placing(placed(), placed())
			s.starting(code("c1"), code("c1"))
			s.taking("c1", nil)
		}, "place:ok place:ok start:ok start:ok pay:ok"},

		{"goes on if one of two clicks went through", []faults.Step{with(place, atOnce(2)), start}, func(s *scene) {
			s.placing(refused, placed())
			s.starting(code("c1"))
		}, "place:failed place:ok start:ok"},

		{"tries a declined payment twice more", []faults.Step{place, start, pay}, func(s *scene) {
			s.placing(placed())
			s.starting(code("c1"))
			s.taking("c1", providers.ErrDeclined, fmt.Errorf("wallet: %w", providers.ErrDeclined), nil)
		}, "place:ok start:ok pay:failed pay:failed pay:ok"},

		{"gives up a payment that is always declined, and watches the page", []faults.Step{place, start, pay, await}, func(s *scene) {
			s.placing(placed())
			s.starting(code("c1"))
			s.taking("c1", providers.ErrDeclined, providers.ErrDeclined, providers.ErrDeclined)
			s.showing(shows(payment.OrderClosed))
		}, "place:ok start:ok pay:failed pay:failed pay:failed read-order:ok"},

		{"does not pay twice what the wallet did not answer", []faults.Step{place, start, pay}, func(s *scene) {
			s.placing(placed())
			s.starting(code("c1"))
			s.taking("c1", errors.New("connection reset"))
		}, "place:ok start:ok pay:unknown"},

		{"takes the code from the page if the start did not tell it", []faults.Step{place, start, pay}, func(s *scene) {
			s.placing(placed())
			s.starting(errCut)
			s.showing(shows(payment.OrderOpen), shows(payment.OrderOpen, driver.PagePayment{Key: "start-t1-2", Code: "another's"}),
				shows(payment.OrderOpen, driver.PagePayment{Key: "start-t1-1", State: payment.Pending, Code: "c1"}))
			s.taking("c1", nil)
		}, "place:ok start:unknown read-order:ok read-order:ok read-order:ok pay:ok"},

		{"pays after the merchant gave the payment up", []faults.Step{place, start, late}, func(s *scene) {
			s.placing(placed())
			s.starting(code("c1"))
			s.showing(shows(payment.OrderOpen, driver.PagePayment{Key: "start-t1-1", State: payment.Pending}),
				shows(payment.OrderOpen, driver.PagePayment{Key: "start-t1-1", State: payment.Closed}))
			s.taking("c1", providers.ErrNotPayable)
		}, "place:ok start:ok read-order:ok read-order:ok pay-late:failed"},

		{"pays after the order was closed", []faults.Step{place, start, late}, func(s *scene) {
			s.placing(placed())
			s.starting(code("c1"))
			s.showing(shows(payment.OrderClosed))
			s.taking("c1", nil)
		}, "place:ok start:ok read-order:ok pay-late:ok"},

		{"asks for money back, again with the same id", []faults.Step{place, with(back, repeats(3))}, func(s *scene) {
			s.placing(placed())
			asked := driver.Refund{OrderID: "o1", RequestID: "refund-t1-1", Amount: payment.Fen(400)}
			s.merchant.EXPECT().Refund(anything, faults.Trial("t1"), asked).Return(errCut).Once()
			s.merchant.EXPECT().Refund(anything, faults.Trial("t1"), asked).Return(driver.Result{Outcome: journal.OK, Refund: payment.RefundDone}).Once()
		}, "place:ok refund:unknown refund:ok"},

		// Journeys that end early: what a step needs never came.
		{"is stranded without an order", []faults.Step{place, start, pay, await, back}, func(s *scene) { s.placing(refused) }, "place:failed"},
		{"is stranded without a barcode", []faults.Step{place, scan, await}, func(s *scene) {
			s.placing(placed())
			s.wallet.EXPECT().Barcode(anything, anything).Return("", providers.ErrUnknownPart).Once()
		}, "place:ok"},
		{"is stranded when the order is closed before a code was shown", []faults.Step{place, start, pay, await}, func(s *scene) {
			s.placing(placed())
			s.starting(refused)
			s.showing(shows(payment.OrderClosed))
		}, "place:ok start:failed read-order:ok"},
		{"is stranded without a start", []faults.Step{place, pay}, func(s *scene) { s.placing(placed()) }, "place:ok"},
		{"is stranded on an order that closes unpaid", []faults.Step{place, await, back}, func(s *scene) {
			s.placing(placed())
			s.showing(shows(payment.OrderClosed))
		}, "place:ok read-order:ok"},
		{"is stranded by a step that nobody knows", []faults.Step{place, {Do: "dance"}, start}, func(s *scene) { s.placing(placed()) }, "place:ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, c.steps...)
				c.script(s)
				s.walk.Journey(t.Context())
				told, got := strings.Fields(c.told), strings.Fields(s.told(t))
				if slices.ContainsFunc(c.steps, func(step faults.Step) bool { return step.AtOnce > 1 }) { // either may end first
					slices.Sort(told)
					slices.Sort(got)
				}
				require.Equal(t, told, got)
				requirePaired(t, s.operations(t))
			})
		})
	}
}

// requirePaired: every call is recorded as an intent and then with its outcome,
// under one id that no other call has.
func requirePaired(t require.TestingT, operations []journal.Operation) {
	intents, done := map[string]journal.Operation{}, map[string]bool{}
	for _, operation := range operations {
		before, intended := intents[operation.ID]
		switch operation.Phase {
		case journal.Intent:
			require.False(t, intended, "two intents of %s", operation.ID)
			require.Empty(t, operation.Outcome)
			intents[operation.ID] = operation
		case journal.Done:
			require.True(t, intended && !done[operation.ID], "an outcome of %s without its intent", operation.ID)
			require.Equal(t, []string{string(before.Name), before.Key}, []string{string(operation.Name), operation.Key})
			done[operation.ID] = true
		}
	}
	require.Len(t, done, len(intents), "a call without an outcome")
}

// TestWalk_Keys: one intent has one key, however often it is asked; the order,
// its starts and its refunds are told apart.
func TestWalk_Keys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := with(start, func(s *faults.Step) { s.Key, s.Method = 2, payment.MethodInApp })
		s := newScene(t, place, with(start, func(s *faults.Step) { s.Repeats = 1 }), second)
		s.merchant.EXPECT().Place(anything, anything, driver.Order{Key: "order-t1", Shopper: "shopper-t1", Lines: s.trial.Lines, Total: s.trial.Total}).
			Return(placed()).Once()
		first := driver.Start{OrderID: "o1", Key: "start-t1-1", Provider: "wechatpay", Method: payment.MethodCode}
		s.merchant.EXPECT().Start(anything, anything, first).Return(errCut).Times(2)
		s.merchant.EXPECT().Start(anything, anything, driver.Start{OrderID: "o1", Key: "start-t1-2", Provider: "wechatpay",
			Method: payment.MethodInApp, ShopperID: "shopper-t1"}).Return(code("c2")).Once()
		s.walk.Journey(t.Context())
		require.Equal(t, "o1", s.walk.OrderID())
	})
}

// TestWalk_Barcodes: a cashier who was told "pending" scans again, with a fresh
// barcode and the same key; the gateway is told whose barcode it is beforehand.
func TestWalk_Barcodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, place, with(scan, func(s *faults.Step) { s.Repeats = 2 }))
		s.placing(placed())
		for i, state := range []payment.State{payment.Pending, payment.Captured} {
			barcode := fmt.Sprint("b", i)
			s.wallet.EXPECT().Barcode(anything, anything).Return(barcode, nil).Once()
			s.merchant.EXPECT().Start(anything, anything, driver.Start{OrderID: "o1", Key: "start-t1-1", Provider: "wechatpay",
				Method: payment.MethodBarcode, Barcode: barcode}).RunAndReturn(
				func(context.Context, faults.Trial, driver.Start) driver.Result {
					require.Contains(t, s.scanned, barcode)
					return driver.Result{Outcome: journal.OK, Payment: state}
				}).Once()
		}
		s.walk.Journey(t.Context())
		require.Equal(t, []string{"b0", "b1"}, s.scanned)
	})
}

// TestWalk_Patience: who waits for a page waits as long as the step says, and
// no longer.
func TestWalk_Patience(t *testing.T) {
	for _, steps := range [][]faults.Step{{place, await, back}, {place, start, pay, back}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, steps...)
			s.placing(placed())
			s.merchant.EXPECT().Start(anything, anything, anything).Return(refused).Maybe()
			s.merchant.EXPECT().Read(anything, anything, anything).Return(shows(payment.OrderOpen))
			began := time.Now()
			s.walk.Journey(t.Context())
			require.InDelta(t, 6, time.Since(began).Seconds(), 0.6)
		})
	}
}

// TestWalk_Cancelled: a run that is stopped ends every journey at its next wait.
func TestWalk_Cancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, place, await, back)
		s.placing(placed())
		s.merchant.EXPECT().Read(anything, anything, anything).Return(shows(payment.OrderOpen))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		s.walk.Journey(ctx)
		require.Equal(t, time.Second, time.Since(began))
		requirePaired(t, s.operations(t))
	})
}

// TestWalk_RefundShares: a share is never nothing and never more than the
// total. Shares of at most a hundred percent in all stay within it, as long as
// none had to be rounded up to one minor unit.
func TestWalk_RefundShares(t *testing.T) {
	shares := func(t require.TestingT, tt *testing.T, total payment.Money, percents []int) []payment.Money {
		s := newScene(tt, place)
		s.trial.Total = total
		for i, percent := range percents {
			s.trial.Journey.Steps = append(s.trial.Journey.Steps, faults.Step{Do: faults.StepRefund, Key: i + 1, Percent: percent})
		}
		walker := *s.walk.Walker
		s.placing(placed())
		var asked []payment.Money
		s.merchant.EXPECT().Refund(anything, anything, anything).RunAndReturn(func(_ context.Context, _ faults.Trial, refund driver.Refund) driver.Result {
			asked = append(asked, refund.Amount)
			return driver.Result{Outcome: journal.OK}
		})
		walker.Begin(s.trial).Journey(context.Background())
		requirePaired(t, s.operations(t))
		return asked
	}
	rapid.Check(t, func(r *rapid.T) {
		total := payment.Fen(rapid.Int64Range(1, 1<<62).Draw(r, "total"))
		percents := rapid.SliceOfN(rapid.IntRange(1, 100), 1, 4).Draw(r, "percents")
		asked := shares(r, t, total, percents)
		require.Len(r, asked, len(percents))
		rest, within := 100, true
		for i, share := range asked {
			require.Positive(r, share.Minor)
			require.LessOrEqual(r, share.Minor, total.Minor)
			require.Equal(r, total.Currency, share.Currency)
			rest -= percents[i]
			within = within && total.Minor >= 100
		}
		if rest >= 0 && within {
			sum, err := payment.Sum(asked...)
			require.NoError(r, err)
			require.LessOrEqual(r, sum.Minor, total.Minor)
		}
	})
	require.Equal(t, []payment.Money{payment.Fen(1999)}, shares(t, t, payment.Fen(1999), []int{0}), "no percentage is all of it")
	require.Equal(t, []payment.Money{payment.Fen(1)}, shares(t, t, payment.Fen(2), []int{30}), "never nothing")
}

// TestWalk_Willing: whose journey has nothing to pay did not want to.
func TestWalk_Willing(t *testing.T) {
	require.True(t, newScene(t, place, start, pay).walk.Willing())
	require.True(t, newScene(t, place, scan, await).walk.Willing(), "a barcode is paid by being scanned")
	require.False(t, newScene(t, place, start, open).walk.Willing())
}

// TestWalk_Standing looks at the trial's orders past the links: all must be
// final, and those that the shopper wants to pay say whether they were.
func TestWalk_Standing(t *testing.T) {
	open := driver.PagePayment{Key: "start-t1-1", State: payment.Pending}
	refunding := shows(payment.OrderPaid)
	refunding.Refunds = []payment.RefundState{payment.RefundDone, payment.RefundProcessing}
	for name, c := range map[string]struct {
		seen driver.Result
		want driver.Standing
	}{
		"open":                       {shows(payment.OrderOpen), driver.Standing{}},
		"closed":                     {shows(payment.OrderClosed), driver.Standing{Final: true}},
		"paid":                       {shows(payment.OrderPaid), driver.Standing{Final: true, Paid: true}},
		"refunded":                   {shows(payment.OrderRefunded), driver.Standing{Final: true, Paid: true}},
		"paid, another payment open": {shows(payment.OrderPaid, open), driver.Standing{Paid: true}},
		"paid, a refund under way":   {refunding, driver.Standing{Paid: true}},
		"nobody answers":             {errCut, driver.Standing{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, place, await)
			require.Equal(t, driver.Standing{Final: true}, s.walk.Standing(t.Context()), "nothing is known yet, and nobody is asked")
			s.placing(placed())
			s.showing(shows(payment.OrderPaid))
			s.walk.Journey(t.Context())
			s.merchant.EXPECT().Observe(anything, "o1").Return(c.seen).Once()
			require.Equal(t, c.want, s.walk.Standing(t.Context()))
		})
	}
}

// TestWalk_StandingOfTwoOrders: who wants to pay two orders and paid one still
// wants to; who wants to pay the first alone does not.
func TestWalk_StandingOfTwoOrders(t *testing.T) {
	for wanted, satisfied := range map[int]bool{0: true, 1: false} {
		s := newScene(t, place, faults.Step{Do: faults.StepPlace, Order: 1}, await, faults.Step{Do: faults.StepAwaitPaid, Order: wanted})
		second := placed()
		second.OrderID = "o2"
		s.placing(placed(), second)
		s.merchant.EXPECT().Read(anything, anything, anything).Return(shows(payment.OrderPaid))
		s.walk.Journey(t.Context())
		s.merchant.EXPECT().Observe(anything, "o1").Return(shows(payment.OrderPaid)).Once()
		s.merchant.EXPECT().Observe(anything, "o2").Return(shows(payment.OrderClosed)).Once()
		require.Equal(t, driver.Standing{Final: true, Paid: satisfied}, s.walk.Standing(t.Context()))
	}
}

// TestWalk_StandingOfBoth: the canary's order must be final too; whether the
// trial's own order was paid it does not say.
func TestWalk_StandingOfBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, place)
		replacement := placed()
		replacement.OrderID = "o2"
		s.placing(placed(), replacement)
		s.starting(code("c9"))
		s.taking("c9", nil)
		s.merchant.EXPECT().Observe(anything, "o2").Return(shows(payment.OrderPaid)).Once()
		s.walk.Journey(t.Context())
		s.walk.Canary(t.Context())
		for state, final := range map[payment.OrderState]bool{payment.OrderOpen: false, payment.OrderPaid: true} {
			s.merchant.EXPECT().Observe(anything, "o1").Return(shows(payment.OrderClosed)).Once()
			s.merchant.EXPECT().Observe(anything, "o2").Return(shows(state)).Once()
			require.Equal(t, driver.Standing{Final: final}, s.walk.Standing(t.Context()))
		}
	})
}

// TestWalk_ObservedPaid looks past the links, at an order that is known.
func TestWalk_ObservedPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, place)
		require.False(t, s.walk.ObservedPaid(t.Context()), "no order yet, and nobody is asked")
		s.placing(placed())
		s.walk.Journey(t.Context())
		for state, paid := range map[payment.OrderState]bool{payment.OrderOpen: false, payment.OrderPaid: true, payment.OrderRefunded: true} {
			s.merchant.EXPECT().Observe(anything, "o1").Return(shows(state)).Once()
			require.Equal(t, paid, s.walk.ObservedPaid(t.Context()))
		}
		requirePaired(t, s.operations(t))
	})
}

// TestWalk_Canary buys the same again under keys of its own, tries as long as a
// willing shopper does, and says what was in the way if it cannot.
func TestWalk_Canary(t *testing.T) {
	const first, second = "canary1-t1", "canary2-t1"
	unpaid := func(s *scene) { s.merchant.EXPECT().Observe(anything, anything).Return(shows(payment.OrderOpen)) }
	for name, c := range map[string]struct {
		script func(*scene)
		told   string
		reason string
	}{
		"it can": {func(s *scene) {
			s.merchant.EXPECT().Place(anything, anything, driver.Order{Key: first, Shopper: "shopper-t1", Lines: s.trial.Lines, Total: s.trial.Total}).
				Return(placed()).Once()
			s.merchant.EXPECT().Start(anything, anything, driver.Start{OrderID: "o1", Key: "start-" + first, Provider: "wechatpay", Method: payment.MethodCode}).
				Return(code("c9")).Once()
			s.taking("c9", nil)
			s.merchant.EXPECT().Observe(anything, "o1").Return(shows(payment.OrderOpen)).Once()
			s.merchant.EXPECT().Observe(anything, "o1").Return(shows(payment.OrderPaid)).Once()
		}, "place:ok canary:ok", ""},
		"the code comes late": {func(s *scene) {
			s.placing(errCut, placed())
			s.starting(errCut)
			s.merchant.EXPECT().Observe(anything, "o1").Return(shows(payment.OrderOpen)).Times(3)
			s.merchant.EXPECT().Observe(anything, "o1").Return(shows(payment.OrderOpen, driver.PagePayment{Key: "start-" + first, Code: "c9"})).Once()
			s.taking("c9", nil)
			s.merchant.EXPECT().Observe(anything, "o1").Return(shows(payment.OrderPaid)).Once()
		}, "place:ok canary:ok", ""},
		"its time was over": {func(s *scene) {
			s.placing(placed())
			s.starting(code("c9"))
			s.taking("c9", providers.ErrNotPayable)
			replacement := placed()
			replacement.OrderID = "o2"
			s.merchant.EXPECT().Place(anything, anything, driver.Order{Key: second, Shopper: "shopper-t1", Lines: s.trial.Lines, Total: s.trial.Total}).
				Return(replacement).Once()
			s.starting(code("c10"))
			s.taking("c10", nil)
			s.merchant.EXPECT().Observe(anything, "o2").Return(shows(payment.OrderPaid)).Once()
		}, "place:ok place:ok canary:ok", ""},
		"no order": {func(s *scene) {
			s.merchant.EXPECT().Place(anything, anything, anything).Return(refused)
		}, "canary:failed", "the order was not taken: 409"},
		"no code": {func(s *scene) {
			s.placing(placed())
			s.starting(errCut)
			unpaid(s)
		}, "place:ok canary:failed", `no code was shown: no answer in time; the order reads "open"`},
		"no payment": {func(s *scene) {
			s.placing(placed())
			s.starting(code("c9"))
			s.taking("c9", providers.ErrNotPayable)
			s.merchant.EXPECT().Place(anything, anything, anything).Return(refused)
		}, "place:ok canary:failed", "the order was not taken: 409"},
		"never paid": {func(s *scene) {
			s.placing(placed())
			s.starting(code("c9"))
			s.taking("c9", nil)
			unpaid(s)
		}, "place:ok canary:failed", `it was paid for and reads "open"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, place)
				c.script(s)
				s.walk.Canary(t.Context())
				require.Equal(t, c.told, s.told(t))
				operations := s.operations(t)
				require.Equal(t, c.reason, operations[len(operations)-1].Reason)
			})
		})
	}
}

// TestWalk_Elsewhere: the second code is the other provider's, in whose wallet
// it is paid, and every record says where.
func TestWalk_Elsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t,
			faults.Step{Do: faults.StepPlace},
			faults.Step{Do: faults.StepStart, Key: 1, Method: payment.MethodCode},
			faults.Step{Do: faults.StepStart, Key: 2, Method: payment.MethodCode, Elsewhere: true},
			faults.Step{Do: faults.StepPay, Key: 1, Patience: faults.Duration(time.Second)},
			faults.Step{Do: faults.StepPay, Key: 2, Patience: faults.Duration(time.Second)})
		s.trial.Other = "alipay"
		wallets := map[payment.ProviderName]*mocks.Wallet{"wechatpay": s.wallet, "alipay": mocks.NewWallet(t)}
		var told []proxy.Scan
		walker := &driver.Walker{Run: "run-1", Merchant: s.merchant, Feed: s.feed, Clock: clock.System{},
			Tracer: noop.NewTracerProvider().Tracer("test"),
			Wallet: func(name payment.ProviderName) driver.Wallet { return wallets[name] },
			Scanned: func(_ context.Context, scan proxy.Scan) error {
				told = append(told, scan)
				return nil
			}}
		s.placing(placed())
		for key, provider := range map[string]payment.ProviderName{"start-t1-1": "wechatpay", "start-t1-2": "alipay"} {
			s.merchant.EXPECT().Start(anything, faults.Trial("t1"), driver.Start{OrderID: "o1", Key: key, Provider: provider, Method: payment.MethodCode}).
				Return(code("code at " + string(provider))).Once()
			wallets[provider].EXPECT().Pay(anything, faults.Trial("t1"), "code at "+string(provider)).
				Return(providers.Receipt{MerchantReference: payment.MerchantReference("ref at " + provider), Amount: payment.Fen(1000)}, nil).Once()
		}
		walker.Begin(s.trial).Journey(t.Context())
		for _, operation := range s.operations(t) {
			want := map[string]payment.ProviderName{"start-t1-1": "wechatpay", "start-t1-2": "alipay"}[operation.Key]
			require.Equal(t, want, operation.Provider, operation)
		}
		require.Contains(t, told, proxy.Scan{Trial: "t1", Provider: "alipay", Code: "code at alipay"})
		require.Contains(t, told, proxy.Scan{Trial: "t1", Provider: "alipay", Reference: "ref at alipay"})
	})
}

// TestWalk_Basket: orders of several shops are placed with one call and paid
// with one code; each is recorded and watched by itself, and one is refunded.
func TestWalk_Basket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t,
			faults.Step{Do: faults.StepPlace, Basket: true},
			faults.Step{Do: faults.StepStart, Key: 1, Method: payment.MethodCode, Basket: true},
			faults.Step{Do: faults.StepPay, Key: 1, Patience: faults.Duration(time.Second)},
			faults.Step{Do: faults.StepAwaitPaid, Patience: faults.Duration(time.Second)},
			faults.Step{Do: faults.StepRefund, Key: 1, Percent: 100})
		s.trial.Lines = []scenarios.Line{{Name: "tea", Quantity: 1, Price: payment.Fen(300), Shop: "a"}, {Name: "cup", Quantity: 1, Price: payment.Fen(700), Shop: "b"}}
		s.walk = s.again()
		s.merchant.EXPECT().PlaceBasket(anything, faults.Trial("t1"), mock.MatchedBy(func(b driver.Basket) bool {
			return b.Key == "basket-t1" && len(b.Orders) == 2 && b.Orders[0].Key == "order-t1" && b.Orders[0].Total == payment.Fen(300) &&
				b.Orders[1].Key == "order2-t1" && b.Orders[1].Total == payment.Fen(700)
		})).Return(driver.Result{Outcome: journal.OK, BasketID: "b1", Placed: []string{"o1", "o2"}}).Once()
		s.merchant.EXPECT().Start(anything, faults.Trial("t1"), driver.Start{OrderID: "o1", BasketID: "b1", Key: "start-t1-1", Provider: "wechatpay",
			Method: payment.MethodCode}).Return(code("c1")).Once()
		s.taking("c1", nil)
		for _, order := range []string{"o1", "o2"} {
			s.merchant.EXPECT().Read(anything, faults.Trial("t1"), order).Return(driver.Result{Outcome: journal.OK, Order: payment.OrderPaid}).Once()
		}
		s.merchant.EXPECT().Refund(anything, faults.Trial("t1"), driver.Refund{OrderID: "o1", RequestID: "refund-t1-1", Amount: payment.Fen(300)}).
			Return(driver.Result{Outcome: journal.OK}).Once()
		s.walk.Journey(t.Context())
		placed := map[string]payment.Money{}
		for _, operation := range s.operations(t) {
			if operation.Name == faults.StepPlace && operation.Phase == journal.Done {
				placed[operation.OrderID] = operation.Amount
			}
		}
		require.Equal(t, map[string]payment.Money{"o1": payment.Fen(300), "o2": payment.Fen(700)}, placed)
	})
}
