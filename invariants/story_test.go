package invariants_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// story tells a run of one trial, "t1", record by record, as its sources would
// have written it: the shopper, the links, the provider, and at the end the
// merchant's books. Each record is ten milliseconds after the one before.
//
// What the merchant believes is said where it comes to believe it (marks,
// books, ...) and written down by ends, since books are read at rest.
type story struct {
	header  journal.Header
	plan    scenarios.Plan
	records []journal.Record
	spans   []journal.Span

	now     time.Time
	numbers map[journal.Source]uint64
	calls   int
	trial   faults.Trial
	order   string          // that the story is about at the moment
	total   payment.Money   // of that order
	believe []journal.Entry // the merchant's books
}

const provider = "wechatpay"

// run begins a story whose trial has these pins.
func run(pins ...faults.Pin) *story {
	s := &story{trial: "t1", now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), numbers: map[journal.Source]uint64{},
		header: journal.Header{Run: "story-1", Scenario: "story", Seed: 1, Environment: "local", Providers: []string{provider},
			LongestTimer: faults.Duration(4 * time.Second), Repeat: "payquake repro payquake-results/story-1",
			Capabilities: journal.Capabilities{Books: true, Fulfilment: true, HandOver: true}},
		plan: scenarios.Plan{Version: scenarios.PlanVersion, Scenario: "story", Seed: 1,
			Parts: []scenarios.Part{{Scenario: "story"}},
			Batches: []scenarios.Batch{{ID: "b1", InFlight: 1, Trials: []scenarios.Trial{{ID: "t1", Scenario: "story", Shopper: "pay",
				Provider: provider, Method: payment.MethodCode, Total: payment.Fen(1000), Pins: pins}}}}}}
	s.header.Started = s.now
	return s.opens()
}

// opens gives the trial its root span and its shopper some money.
func (s *story) opens() *story {
	s.span("root", "", "trial")
	return s.posts(journal.FundingPosting, "outside", "wallet:"+string(s.trial), journal.Posting{Amount: payment.Fen(100_000)})
}

func (s *story) planned() *scenarios.Trial { return &s.plan.Batches[0].Trials[0] }

// with changes the story's plan or header.
func (s *story) with(change func(*story)) *story {
	change(s)
	return s
}

func hexOf(name string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(name))) }

func (s *story) traceID() string { return hexOf(string(s.trial))[:32] }

func (s *story) spanID(name string) string { return hexOf(string(s.trial) + name)[:16] }

func (s *story) span(name, parent, what string) {
	span := journal.Span{TraceID: s.traceID(), SpanID: s.spanID(name), Name: what, Service: "payquake"}
	if parent != "" {
		span.Parent = s.spanID(parent)
	}
	s.spans = append(s.spans, span)
}

func (s *story) add(source journal.Source, record journal.Record) *story {
	s.numbers[source]++
	s.now = s.now.Add(10 * time.Millisecond)
	record.Source, record.Number, record.At, record.Trial = source, s.numbers[source], s.now, s.trial
	if s.trial != "" {
		record.TraceID = s.traceID()
	}
	s.records = append(s.records, record)
	return s
}

// later lets time pass in which nothing happens.
func (s *story) later(d time.Duration) *story {
	s.now = s.now.Add(d)
	return s
}

func (s *story) stage(name journal.StageName, detail string) *story {
	return s.add(journal.Harness, journal.Record{Stage: &journal.Stage{Name: name, Detail: detail}})
}

// asks is a call of the shopper, which took no time.
func (s *story) asks(operation journal.Operation) *story {
	s.calls++
	operation.ID, operation.Phase = fmt.Sprintf("%s/%d", s.trial, s.calls), journal.Intent
	intent := operation
	intent.Outcome, intent.State, intent.Reason = "", "", ""
	if intent.Name == faults.StepPlace {
		intent.OrderID = ""
	}
	s.add(journal.Harness, journal.Record{Operation: &intent})
	operation.Phase = journal.Done
	return s.add(journal.Harness, journal.Record{Operation: &operation})
}

// placed: the shopper placed an order and was told its id.
func (s *story) placed(order string, minor int64) *story {
	s.order, s.total = order, payment.Fen(minor)
	s.asks(journal.Operation{Name: faults.StepPlace, Outcome: journal.OK, Key: "key-" + order, OrderID: order, Amount: s.total})
	return s.marks(payment.OrderOpen)
}

// placedUntold: the merchant took the order, and the answer was lost.
func (s *story) placedUntold(order string, minor int64) *story {
	s.order, s.total = order, payment.Fen(minor)
	s.asks(journal.Operation{Name: faults.StepPlace, Key: "key-" + order, Amount: s.total, Reason: "no answer in time"})
	return s.marks(payment.OrderOpen)
}

// reads is a look at the order's page.
func (s *story) reads(state payment.OrderState) *story {
	return s.asks(journal.Operation{Name: journal.ReadOrder, Outcome: journal.OK, OrderID: s.order, State: string(state)})
}

func (s *story) asksRefund(request string, minor int64) *story {
	return s.asks(journal.Operation{Name: faults.StepRefund, Outcome: journal.OK, Key: request, OrderID: s.order, Amount: payment.Fen(minor)})
}

// message is one message of an exchange; both legs have one span.
func (s *story) message(message journal.Message) *story {
	if message.Leg == faults.RequestLeg && message.Fate != journal.Forged {
		s.span(message.ID, "root", string(message.Link))
	}
	id := s.spanID(message.ID)
	if message.Fate == journal.Forged {
		id = s.spanID("root")
	}
	return s.add(journal.Gateway, journal.Record{SpanID: id, Message: &message})
}

// created: the merchant began a payment at the provider.
func (s *story) created(ref payment.MerchantReference, minor int64) *story {
	message := journal.Message{ID: "create-" + string(ref), Link: "merchant->wechatpay", Operation: faults.Create, Nth: 1,
		Leg: faults.RequestLeg, Fate: journal.Passed,
		Sent: journal.Facts{Operation: faults.Create, MerchantReference: ref, Amount: payment.Fen(minor), Signature: journal.SignatureValid}}
	s.message(message)
	s.keeps(journal.Entry{Kind: journal.PaymentEntry, State: string(payment.Pending), MerchantReference: ref, Amount: payment.Fen(minor)})
	message.Leg, message.Status = faults.AnswerLeg, 200
	return s.message(message)
}

// keeps is an entry in the provider's book.
func (s *story) keeps(entry journal.Entry) *story {
	entry.Owner, entry.Provider, entry.Since = provider, provider, s.now
	return s.add(provider, journal.Record{Entry: &entry})
}

func (s *story) posts(kind journal.PostingKind, debit, credit string, posting journal.Posting) *story {
	posting.Ledger, posting.Kind, posting.Debit, posting.Credit = provider, kind, debit, credit
	return s.add(provider, journal.Record{Posting: &posting})
}

// captured: the provider took the money.
func (s *story) captured(ref payment.MerchantReference, minor int64) *story {
	s.posts(journal.CapturePosting, "wallet:"+string(s.trial), "merchant:1900000109",
		journal.Posting{Amount: payment.Fen(minor), MerchantReference: ref, Account: "1900000109"})
	return s.keeps(journal.Entry{Kind: journal.PaymentEntry, State: string(payment.Captured), MerchantReference: ref, Amount: payment.Fen(minor)})
}

// refunding: the provider accepted a refund whose money is not back yet.
func (s *story) refunding(refund payment.RefundReference, ref payment.MerchantReference, minor int64) *story {
	return s.keeps(journal.Entry{Kind: journal.RefundEntry, State: string(payment.RefundProcessing), MerchantReference: ref,
		RefundReference: refund, Amount: payment.Fen(minor)})
}

// refunded: the provider gave the money back.
func (s *story) refunded(refund payment.RefundReference, ref payment.MerchantReference, minor int64) *story {
	s.posts(journal.RefundPosting, "merchant:1900000109", "wallet:"+string(s.trial),
		journal.Posting{Amount: payment.Fen(minor), MerchantReference: ref, RefundReference: refund, Account: "1900000109"})
	return s.keeps(journal.Entry{Kind: journal.RefundEntry, State: string(payment.RefundDone), MerchantReference: ref,
		RefundReference: refund, Amount: payment.Fen(minor)})
}

func notification(ref payment.MerchantReference, minor int64) journal.Message {
	return journal.Message{ID: "notify-" + string(ref), Link: "wechatpay->merchant", Operation: faults.NotifyPayment, Nth: 1,
		Leg: faults.RequestLeg, Fate: journal.Passed, Sent: journal.Facts{Operation: faults.NotifyPayment, MerchantReference: ref,
			Amount: payment.Fen(minor), State: string(payment.Captured), Signature: journal.SignatureValid}}
}

// notified: the provider told the merchant, who answered with that status (0:
// not at all).
func (s *story) notified(ref payment.MerchantReference, minor int64, status int) *story {
	message := notification(ref, minor)
	s.message(message)
	if status == 0 {
		return s
	}
	message.Leg, message.Status = faults.AnswerLeg, status
	return s.message(message)
}

// forged: somebody told the merchant what no provider said.
func (s *story) forged(facts journal.Facts) *story {
	message := notification(facts.MerchantReference, facts.Amount.Minor)
	message.ID, message.Fate, message.Sent = "forged", journal.Forged, facts
	message.Sent.Signature = journal.SignatureInvalid
	return s.message(message)
}

// released: the merchant told the fulfilment service to send the goods.
func (s *story) released(key string) *story {
	return s.message(journal.Message{ID: "release-" + key, Link: "merchant->fulfilment", Operation: faults.ReleaseGoods,
		Leg: faults.RequestLeg, Fate: journal.Passed, Sent: journal.Facts{Operation: faults.ReleaseGoods, OrderID: s.order, Key: key}})
}

// fired: the pin acted.
func (s *story) fired(pin faults.Pin) *story {
	return s.add(journal.Gateway, journal.Record{Pin: &journal.Pin{ID: pin.ID, Fault: pin.Fault, Phase: journal.PinFired}})
}

// ended: the pin ended without having acted.
func (s *story) ended(pin faults.Pin, fate faults.Fate) *story {
	return s.add(journal.Gateway, journal.Record{Pin: &journal.Pin{ID: pin.ID, Fault: pin.Fault, Phase: journal.PinEnded, Fate: fate}})
}

// marks: the merchant moves the order to a state, now.
func (s *story) marks(state payment.OrderState) *story {
	for i := range s.believe {
		if s.believe[i].Kind == journal.OrderEntry && s.believe[i].OrderID == s.order {
			s.believe[i].State = string(state)
			s.believe = append(s.believe, journal.Entry{Kind: journal.OrderMove, OrderID: s.order, State: string(state), Since: s.now})
			return s
		}
	}
	s.believe = append(s.believe,
		journal.Entry{Kind: journal.OrderEntry, OrderID: s.order, OrderKey: "key-" + s.order, State: string(state), Amount: s.total},
		journal.Entry{Kind: journal.OrderMove, OrderID: s.order, State: string(state), Since: s.now})
	return s
}

// books: the merchant's books have a payment of the order.
func (s *story) books(ref payment.MerchantReference, state payment.State, minor int64) *story {
	s.believe = append(s.believe, journal.Entry{Kind: journal.PaymentEntry, OrderID: s.order, PaymentID: "payment-" + string(ref),
		MerchantReference: ref, State: string(state), Amount: payment.Fen(minor)})
	return s
}

// booksRefund: the merchant's books have a refund of one of its payments.
func (s *story) booksRefund(refund payment.RefundReference, ref payment.MerchantReference, state payment.RefundState, minor int64) *story {
	s.believe = append(s.believe, journal.Entry{Kind: journal.RefundEntry, OrderID: s.order, PaymentID: "payment-" + string(ref),
		RefundReference: refund, State: string(state), Amount: payment.Fen(minor)})
	return s
}

// handsOver: the merchant listed the payment for people.
func (s *story) handsOver(ref payment.MerchantReference) *story {
	s.believe = append(s.believe, journal.Entry{Kind: journal.HandedOverEntry, OrderID: s.order, MerchantReference: ref, Reason: "refused"})
	return s
}

// credits: the merchant made some of the payment a balance of the shopper's.
func (s *story) credits(ref payment.MerchantReference, minor int64) *story {
	s.believe = append(s.believe, journal.Entry{Kind: journal.CreditEntry, OrderID: s.order, MerchantReference: ref, Account: "shopper-1",
		Amount: payment.Fen(minor)})
	return s
}

// balance: what the merchant says that the shopper has with it.
func (s *story) balance(minor int64) *story {
	s.believe = append(s.believe, journal.Entry{Kind: journal.BalanceEntry, OrderID: s.order, Account: "shopper-1", Amount: payment.Fen(minor)})
	return s
}

// forgets: the merchant knows nothing of all this.
func (s *story) forgets() *story {
	s.believe = nil
	return s
}

func (s *story) healed() *story { return s.stage(journal.Healed, "") }

// ends: the trial rests, the merchant's books are read, and the run closes.
func (s *story) ends() *story { return s.stage(journal.Rested, "").collected().closed() }

// exceeds: as ends, but rest was not reached in time.
func (s *story) exceeds(why string) *story {
	return s.stage(journal.BoundPassed, why).collected().closed()
}

func (s *story) collected() *story {
	for _, entry := range s.believe {
		entry.Owner = "merchant"
		s.add(journal.Harness, journal.Record{Entry: &entry})
	}
	return s.stage(journal.Collected, "")
}

func (s *story) closed() *story {
	trial := s.trial
	s.trial = ""
	s.stage(journal.RunClosed, "")
	s.trial = trial
	return s
}

// evidence is the story as a judge is given it.
func (s *story) evidence() *invariants.Evidence {
	e := invariants.NewEvidence(s.plan)
	e.Header = s.header
	for _, record := range s.records {
		e.Add(record)
	}
	for _, span := range s.spans {
		e.AddSpan(span)
	}
	return e
}

// judged is the judgement of the story's trial by one invariant.
func (s *story) judged(t *testing.T, id string) invariants.Judgement {
	t.Helper()
	invariant, known := invariants.Lookup(id)
	require.True(t, known, id)
	trial, begun := s.evidence().Find(s.trial)
	require.True(t, begun)
	return invariant.Check(trial)
}

// save writes the story as a run folder.
func (s *story) save(t testing.TB, folder journal.Folder) {
	t.Helper()
	require.NoError(t, s.plan.Write(folder.Path(journal.PlanFile)))
	w, err := journal.NewWriter(folder, s.header)
	require.NoError(t, err)
	require.NoError(t, w.Append(s.records...))
	require.NoError(t, w.Close())
	writeFile(t, folder.Path(journal.TracesFile), s.traces())
}

// traces are the story's spans as lines of OTLP JSON.
func (s *story) traces() []byte {
	var text strings.Builder
	for _, span := range s.spans {
		fmt.Fprintf(&text, `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":%q}}]},`+
			`"scopeSpans":[{"spans":[{"traceId":%q,"spanId":%q,"parentSpanId":%q,"name":%q}]}]}]}`+"\n",
			span.Service, span.TraceID, span.SpanID, span.Parent, span.Name)
	}
	return []byte(text.String())
}

// paidRun is the story of a shopper who paid once and got the goods.
func paidRun(pins ...faults.Pin) *story {
	return run(pins...).placed("o1", 1000).created("p1", 1000).captured("p1", 1000).healed().notified("p1", 1000, 200).
		books("p1", payment.Captured, 1000).marks(payment.OrderPaid).reads(payment.OrderPaid).released("k1")
}

// refundedRun is the story of a shopper who got a part of the money back.
func refundedRun() *story {
	return paidRun().asksRefund("q1", 400).refunding("r1", "p1", 400).refunded("r1", "p1", 400).booksRefund("r1", "p1", payment.RefundDone, 400)
}

// pin is a pin of the trial on the nth message.
func pin(id, fault string, required bool) faults.Pin {
	return faults.Pin{ID: id, Fault: fault, Trial: "t1", Required: required,
		At: &faults.Address{Trial: "t1", Link: "merchant->wechatpay", Operation: faults.Create, Nth: 1, Leg: faults.AnswerLeg}}
}
