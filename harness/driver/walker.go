package driver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/scenarios"
	"github.com/payquake/payquake/telemetry"
)

// Walker walks journeys. It is safe for concurrent use by several trials.
type Walker struct {
	Run      string
	Merchant Merchant
	Wallet   func(payment.ProviderName) Wallet
	// Scanned tells the gateway what a trial's shopper holds in hand.
	Scanned func(ctx context.Context, scan proxy.Scan) error
	// Turns are taken before payments of amounts that several trials have; nil if
	// every trial has its own.
	Turns Turns
	// Arrivals are payments of other people's shoppers, which trials wait for; nil if
	// payquake's own shoppers buy. Quiet reports whether no more can come.
	Arrivals Arrivals
	Quiet    func() bool
	Feed     *journal.Feed
	Clock    clock.Clock
	Tracer   trace.Tracer
}

// Walk is one trial's shopper on the way. What Walk returns can be asked, once
// the journey is over, how it went.
type Walk struct {
	*Walker
	trial scenarios.Trial
	calls atomic.Int64
	// missed: it waited for a payment, and none came.
	missed atomic.Bool

	mu           sync.Mutex
	orders       []placed
	basket       string
	replacements []string // the canary's orders, one after another
	starts       map[int]*started
}

// placed is one of the trial's orders: what is bought, and its number at the
// merchant, "" as long as none is known.
type placed struct {
	Order
	id string
}

// started is a start of the journey: where it is paid, and its code, or the
// barcode it was paid with.
type started struct {
	key      string
	provider payment.ProviderName
	orders   []int
	code     string
}

// errStranded ends a journey whose next step lacks what it needs.
var errStranded = errors.New("the journey cannot go on")

// Begin makes the shopper of a trial.
func (w *Walker) Begin(trial scenarios.Trial) *Walk {
	k := &Walk{Walker: w, trial: trial, starts: map[int]*started{}}
	for i, order := range trial.Orders() {
		key := orderKey("order", trial.ID)
		if i > 0 {
			key = orderKey(fmt.Sprintf("order%d", i+1), trial.ID)
		}
		k.orders = append(k.orders, placed{Order: Order{Key: key, Shopper: "shopper-" + string(trial.ID), Lines: order.Lines, Total: order.Total}})
	}
	return k
}

// OrderID is the first order that was placed; "" if none is known.
func (k *Walk) OrderID() string { return k.order(0).id }

// order is one of the trial's orders as it is known.
func (k *Walk) order(n int) placed {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.orders[n]
}

// awaited are the orders that a step is about.
func (k *Walk) awaited(step faults.Step) []int {
	if !step.Basket && !k.trial.Journey.Combines() {
		return []int{step.Order}
	}
	all := make([]int, len(k.orders))
	for i := range all {
		all[i] = i
	}
	return all
}

// provider is where a start of the journey is paid.
func (k *Walk) provider(key int) payment.ProviderName {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.starts[key]; known != nil {
		return known.provider
	}
	return k.trial.Provider
}

// Journey walks all steps. The trial's root span covers it.
func (k *Walk) Journey(ctx context.Context) {
	ctx = telemetry.WithRoot(ctx, telemetry.TraceID(k.Run, string(k.trial.ID)))
	ctx, span := k.Tracer.Start(ctx, telemetry.TrialSpan, trace.WithAttributes(
		telemetry.RunKey.String(k.Run), telemetry.TrialKey.String(string(k.trial.ID)),
		telemetry.AmountKey.Int64(k.trial.Total.Minor), telemetry.CurrencyKey.String(string(k.trial.Total.Currency))))
	defer span.End()
	if k.Arrivals != nil {
		if err := k.watch(ctx); err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		return
	}
	var beside sync.WaitGroup
	defer beside.Wait()
	for _, step := range k.trial.Journey.Steps {
		if step.Meanwhile {
			beside.Go(func() { _ = k.step(ctx, step) }) // its span and its records say how it went
			continue
		}
		if err := k.step(ctx, step); err != nil {
			span.SetStatus(codes.Error, err.Error())
			return
		}
	}
}

func (k *Walk) step(ctx context.Context, step faults.Step) error {
	ctx, span := k.Tracer.Start(ctx, telemetry.StepSpan+string(step.Do), trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	var group sync.WaitGroup
	errs := make([]error, max(step.AtOnce, 1))
	for i := range errs {
		group.Go(func() { errs[i] = k.repeat(ctx, step) })
	}
	group.Wait()
	for _, err := range errs {
		if err == nil {
			return nil // one of those at once is enough to go on
		}
	}
	span.SetStatus(codes.Error, errs[0].Error())
	return errs[0]
}

// repeat does a step, and again while its outcome is not known.
func (k *Walk) repeat(ctx context.Context, step faults.Step) error {
	for try := 0; ; try++ {
		outcome, err := k.once(ctx, step)
		if outcome != journal.Indeterminate || try >= step.Repeats {
			return err
		}
		if err := k.Clock.Wait(ctx, 150*time.Millisecond); err != nil {
			return err
		}
	}
}

func (k *Walk) once(ctx context.Context, step faults.Step) (journal.Outcome, error) {
	switch step.Do {
	case faults.StepPlace:
		if step.Basket {
			return k.placeBasket(ctx)
		}
		return k.place(ctx, step.Order)
	case faults.StepStart:
		return k.start(ctx, step)
	case faults.StepOpen, faults.StepPay:
		return k.wallet(ctx, step)
	case faults.StepPayLate:
		return k.payLate(ctx, step)
	case faults.StepAwaitPaid:
		return k.awaitPaid(ctx, step)
	case faults.StepRefund:
		return k.refund(ctx, step)
	case faults.StepLeave, faults.StepCancel, faults.StepChange, faults.StepReturn:
		return k.otherStep(ctx, step)
	default:
		return journal.Failed, fmt.Errorf("%w: step %q is unknown", errStranded, step.Do)
	}
}

// record writes an operation's intent, makes the call, and writes its outcome.
func (k *Walk) record(ctx context.Context, intent journal.Operation, do func() journal.Operation) {
	intent.ID = fmt.Sprintf("%s/%d", k.trial.ID, k.calls.Add(1))
	intent.Phase = journal.Intent
	k.add(ctx, intent)
	done := do()
	done.ID, done.Phase, done.Name = intent.ID, journal.Done, intent.Name
	if done.Key == "" {
		done.Key = intent.Key
	}
	if done.OrderID == "" {
		done.OrderID = intent.OrderID
	}
	if done.Amount.IsZero() {
		done.Amount = intent.Amount
	}
	done.Provider = intent.Provider
	k.add(ctx, done)
}

func (k *Walk) add(ctx context.Context, operation journal.Operation) {
	record := journal.Record{At: k.Clock.Now(), Trial: k.trial.ID, Operation: &operation,
		TraceID: telemetry.TraceID(k.Run, string(k.trial.ID)).String()}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record.SpanID = span.SpanID().String()
	}
	k.Feed.Add(record)
}

func (k *Walk) place(ctx context.Context, n int) (journal.Outcome, error) {
	order := k.order(n)
	var result Result
	k.record(ctx, journal.Operation{Name: faults.StepPlace, Key: order.Key, Amount: order.Total}, func() journal.Operation {
		result = k.Merchant.Place(ctx, k.trial.ID, order.Order)
		return journal.Operation{Outcome: result.Outcome, Reason: result.Reason, OrderID: result.OrderID, State: string(result.Order)}
	})
	if result.OrderID == "" {
		return result.Outcome, fmt.Errorf("%w: no order was placed", errStranded)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.orders[n].id = result.OrderID
	return result.Outcome, nil
}

// placeBasket places the orders of all shops with one call. It is recorded as
// one operation for each order, since each is judged by itself.
func (k *Walk) placeBasket(ctx context.Context) (journal.Outcome, error) {
	basket := Basket{Key: "basket-" + string(k.trial.ID)}
	var ids []string
	for _, order := range k.orders {
		basket.Orders = append(basket.Orders, order.Order)
		intent := journal.Operation{ID: fmt.Sprintf("%s/%d", k.trial.ID, k.calls.Add(1)), Phase: journal.Intent,
			Name: faults.StepPlace, Key: order.Key, Amount: order.Total}
		ids = append(ids, intent.ID)
		k.add(ctx, intent)
	}
	result := k.Merchant.PlaceBasket(ctx, k.trial.ID, basket)
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.orders {
		done := journal.Operation{ID: ids[i], Phase: journal.Done, Name: faults.StepPlace, Key: k.orders[i].Key,
			Amount: k.orders[i].Total, Outcome: result.Outcome, Reason: result.Reason}
		if i < len(result.Placed) {
			k.orders[i].id, done.OrderID = result.Placed[i], result.Placed[i]
		}
		k.add(ctx, done)
	}
	k.basket = result.BasketID
	if result.BasketID == "" || len(result.Placed) != len(k.orders) {
		return result.Outcome, fmt.Errorf("%w: no basket was placed", errStranded)
	}
	return result.Outcome, nil
}

func (k *Walk) start(ctx context.Context, step faults.Step) (journal.Outcome, error) {
	provider := k.trial.Provider
	if step.Elsewhere {
		provider = k.trial.Other
	}
	start := Start{OrderID: k.order(step.Order).id, Key: k.startKey(step.Key), Provider: provider, Method: step.Method}
	if step.Basket {
		k.mu.Lock()
		start.BasketID = k.basket
		k.mu.Unlock()
	}
	if step.Method == payment.MethodBarcode {
		barcode, err := k.Wallet(provider).Barcode(ctx, k.trial.ID)
		if err != nil {
			return journal.Failed, fmt.Errorf("%w: no barcode: %w", errStranded, err)
		}
		start.Barcode = barcode
		if err := k.Scanned(ctx, proxy.Scan{Trial: k.trial.ID, Provider: provider, Code: barcode}); err != nil {
			return journal.Failed, fmt.Errorf("%w: %w", errStranded, err)
		}
	}
	if step.Method == payment.MethodInApp {
		start.ShopperID = "shopper-" + string(k.trial.ID)
	}
	var result Result
	k.record(ctx, journal.Operation{Name: faults.StepStart, Key: start.Key, OrderID: start.OrderID, Provider: provider, Amount: k.trial.Total},
		func() journal.Operation {
			result = k.startInTurn(ctx, start)
			return journal.Operation{Outcome: result.Outcome, Reason: result.Reason, State: string(result.Payment)}
		})
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.starts[step.Key]
	if known == nil {
		known = &started{key: start.Key, provider: provider, orders: k.awaited(step)}
		k.starts[step.Key] = known
	}
	if result.Code != "" {
		known.code = result.Code
	}
	if result.Outcome == journal.OK && result.Payment == payment.Pending && step.Method == payment.MethodBarcode {
		return journal.Indeterminate, nil // a cashier who was told "pending" does not know either
	}
	return result.Outcome, nil
}

func (k *Walk) startKey(key int) string { return fmt.Sprintf("start-%s-%d", k.trial.ID, key) }

// code is the code of a start, which the order's page may show later than the
// start's own answer did.
func (k *Walk) code(ctx context.Context, step faults.Step) (string, error) {
	for ends := k.Clock.Now().Add(step.Patience.Std()); ; {
		k.mu.Lock()
		known := k.starts[step.Key]
		code := ""
		if known != nil {
			code = known.code
		}
		k.mu.Unlock()
		if code != "" {
			return code, k.Scanned(ctx, proxy.Scan{Trial: k.trial.ID, Provider: known.provider, Code: code})
		}
		if known == nil || !k.Clock.Now().Before(ends) {
			return "", fmt.Errorf("%w: no code was shown", errStranded)
		}
		result := k.read(ctx, known.orders[0])
		k.learn(result)
		if result.Order.Terminal() {
			return "", fmt.Errorf("%w: the order is %s", errStranded, result.Order)
		}
		if err := k.Clock.Wait(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
	}
}

func (k *Walk) read(ctx context.Context, n int) Result {
	var result Result
	order := k.order(n).id
	k.record(ctx, journal.Operation{Name: journal.ReadOrder, OrderID: order}, func() journal.Operation {
		result = k.Merchant.Read(ctx, k.trial.ID, order)
		return journal.Operation{Outcome: result.Outcome, Reason: result.Reason, State: string(result.Order)}
	})
	return result
}

// learn takes codes from an order's page.
func (k *Walk) learn(result Result) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, shown := range result.Payments {
		for _, known := range k.starts {
			if known.key == shown.Key && shown.Code != "" {
				known.code = shown.Code
			}
		}
	}
}

// wallet opens or pays the code of a start. Declined shoppers try again, twice.
func (k *Walk) wallet(ctx context.Context, step faults.Step) (journal.Outcome, error) {
	code, err := k.code(ctx, step)
	if err != nil {
		return journal.Failed, err
	}
	if step.Do == faults.StepOpen {
		return k.open(ctx, step, code), nil
	}
	for range 3 {
		outcome, err := k.pay(ctx, step, code)
		if outcome == journal.OK || !errors.Is(err, providers.ErrDeclined) {
			return outcome, nil // who could not pay watches the page like everybody else
		}
		if err := k.Clock.Wait(ctx, 50*time.Millisecond); err != nil {
			return journal.Failed, err
		}
	}
	return journal.Failed, nil
}

func (k *Walk) open(ctx context.Context, step faults.Step, code string) journal.Outcome {
	outcome := journal.OK
	provider := k.provider(step.Key)
	k.record(ctx, journal.Operation{Name: step.Do, Key: k.startKey(step.Key), OrderID: k.order(step.Order).id, Provider: provider}, func() journal.Operation {
		checkout, err := k.Wallet(provider).Open(ctx, k.trial.ID, code)
		if err != nil {
			outcome = journal.Failed
			return journal.Operation{Outcome: outcome, Reason: err.Error()}
		}
		return k.shown(ctx, provider, checkout.MerchantReference, journal.Operation{Outcome: outcome, Amount: checkout.Amount, Reference: checkout.MerchantReference})
	})
	return outcome
}

func (k *Walk) pay(ctx context.Context, step faults.Step, code string) (journal.Outcome, error) {
	var failure error
	outcome := journal.OK
	provider := k.provider(step.Key)
	k.record(ctx, journal.Operation{Name: step.Do, Key: k.startKey(step.Key), OrderID: k.order(step.Order).id, Provider: provider, Amount: k.trial.Total},
		func() journal.Operation {
			receipt, err := k.Wallet(provider).Pay(ctx, k.trial.ID, code)
			if failure = err; err == nil {
				return k.shown(ctx, provider, receipt.MerchantReference,
					journal.Operation{Outcome: outcome, Amount: receipt.Amount, State: string(payment.Captured), Reference: receipt.MerchantReference})
			}
			outcome = journal.Failed
			if !isRefusal(err) {
				outcome = journal.Indeterminate
			}
			return journal.Operation{Outcome: outcome, Reason: err.Error()}
		})
	return outcome, failure
}

// shown tells the gateway which payment a wallet has shown: of one that began on
// the shopper's own device it has no other word before the merchant asks.
func (k *Walk) shown(ctx context.Context, provider payment.ProviderName, reference payment.MerchantReference, done journal.Operation) journal.Operation {
	if err := k.Scanned(ctx, proxy.Scan{Trial: k.trial.ID, Provider: provider, Reference: reference}); err != nil {
		done.Reason = "the gateway was not told: " + err.Error()
	}
	return done
}

// isRefusal reports whether the wallet surely moved no money.
func isRefusal(err error) bool {
	for _, sentinel := range []error{providers.ErrDeclined, providers.ErrNotPayable, providers.ErrUnknownCode, providers.ErrUnknownPart} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// payLate waits until the merchant has given the payment up, then pays.
func (k *Walk) payLate(ctx context.Context, step faults.Step) (journal.Outcome, error) {
	code, err := k.code(ctx, step)
	if err != nil {
		return journal.Failed, err
	}
	for ends := k.Clock.Now().Add(step.Patience.Std()); k.Clock.Now().Before(ends); {
		result := k.read(ctx, step.Order)
		if result.Order.Terminal() || k.gaveUp(result, step.Key) {
			break
		}
		if err := k.Clock.Wait(ctx, 250*time.Millisecond); err != nil {
			return journal.Failed, err
		}
	}
	outcome, _ := k.pay(ctx, step, code)
	return outcome, nil
}

func (k *Walk) gaveUp(result Result, key int) bool {
	for _, shown := range result.Payments {
		if shown.Key == k.startKey(key) {
			return shown.State.Terminal()
		}
	}
	return false
}

// awaitPaid watches the pages, less and less often, until all say paid or
// nothing more can come.
func (k *Walk) awaitPaid(ctx context.Context, step faults.Step) (journal.Outcome, error) {
	ends := k.Clock.Now().Add(step.Patience.Std())
	for _, n := range k.awaited(step) {
		if outcome, err := k.awaitOrder(ctx, n, ends); err != nil {
			return outcome, err
		}
	}
	return journal.OK, nil
}

func (k *Walk) awaitOrder(ctx context.Context, n int, ends time.Time) (journal.Outcome, error) {
	for pause := 25 * time.Millisecond; ; pause = min(pause*3/2, 500*time.Millisecond) {
		result := k.read(ctx, n)
		k.learn(result)
		switch {
		case result.Order == payment.OrderPaid || result.Order == payment.OrderRefunded:
			return journal.OK, nil
		case result.Order.Terminal():
			return journal.Failed, fmt.Errorf("%w: the order is %s", errStranded, result.Order)
		case !k.Clock.Now().Before(ends):
			return journal.Failed, fmt.Errorf("%w: the page did not say paid in time", errStranded)
		}
		if err := k.Clock.Wait(ctx, pause); err != nil {
			return journal.Failed, err
		}
	}
}

func (k *Walk) refund(ctx context.Context, step faults.Step) (journal.Outcome, error) {
	amount := k.share(step)
	refund := Refund{OrderID: k.order(step.Order).id, RequestID: fmt.Sprintf("refund-%s-%d", k.trial.ID, step.Key), Amount: amount}
	var result Result
	k.record(ctx, journal.Operation{Name: faults.StepRefund, Key: refund.RequestID, OrderID: refund.OrderID, Amount: amount},
		func() journal.Operation {
			result = k.Merchant.Refund(ctx, k.trial.ID, refund)
			return journal.Operation{Outcome: result.Outcome, Reason: result.Reason, State: string(result.Refund)}
		})
	return result.Outcome, nil
}

// share is how much a refund step asks for. Repeats ask for the same again.
func (k *Walk) share(step faults.Step) payment.Money {
	total := k.order(step.Order).Total
	if step.Percent == 0 || step.Percent == 100 {
		return total
	}
	minor := total.Minor / 100 * int64(step.Percent)
	minor += total.Minor % 100 * int64(step.Percent) / 100
	return payment.Money{Minor: max(minor, 1), Currency: total.Currency}
}
