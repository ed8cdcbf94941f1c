package reports_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// tape writes evidence by hand: each call is a record, three milliseconds
// after the one before.
type tape struct {
	e       *invariants.Evidence
	now     time.Time
	numbers map[journal.Source]uint64
	trial   scenarios.Trial
}

func newTape(plan scenarios.Plan) *tape {
	plan.Version = scenarios.PlanVersion
	t := &tape{e: invariants.NewEvidence(plan), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), numbers: map[journal.Source]uint64{}}
	t.e.Header = journal.Header{Run: "payquake-test-1", Scenario: plan.Scenario, Seed: plan.Seed, Environment: "local",
		Providers: []string{"wechatpay"}, LongestTimer: faults.Duration(4 * time.Second), MerchantTraced: false,
		Capabilities: journal.Capabilities{Books: true, Fulfilment: true, HandOver: true}, Repeat: "payquake repro payquake-results/test-1"}
	return t
}

// rootSpan is the one span that every trial has.
const rootSpan = "00000000000000aa"

// in makes the following records belong to a trial of the plan.
func (t *tape) in(id faults.Trial) *tape {
	base, _, _ := strings.Cut(string(id), "~") // a rerun is of a trial of the plan
	t.trial, _, _ = t.e.Plan.Find(faults.Trial(base))
	t.trial.ID = id
	wallet := journal.Posting{Ledger: "wechatpay", Kind: journal.FundingPosting, Debit: "outside", Credit: "wallet:" + string(id), Amount: payment.Fen(1_000_000)}
	t.add("wechatpay", journal.Record{Posting: &wallet})
	return t
}

func (t *tape) add(source journal.Source, record journal.Record) journal.Ref {
	t.numbers[source]++
	t.now = t.now.Add(3 * time.Millisecond)
	record.Source, record.Number, record.At, record.Trial = source, t.numbers[source], t.now, t.trial.ID
	if record.TraceID = ""; t.trial.ID != "" {
		record.TraceID = fmt.Sprintf("%032x", string(t.trial.ID))
	}
	if record.Message != nil {
		record.SpanID = rootSpan
	}
	t.e.Add(record)
	return record.Ref()
}

func (t *tape) stage(name journal.StageName, detail string) {
	t.add(journal.Harness, journal.Record{Stage: &journal.Stage{Name: name, Detail: detail}})
}

func (t *tape) close() {
	t.trial = scenarios.Trial{}
	t.stage(journal.RunClosed, "")
	t.spans()
}

func (t *tape) spans() {
	for _, trial := range t.e.Trials {
		t.e.AddSpan(journal.Span{TraceID: trial.TraceID, SpanID: rootSpan, Name: "trial"})
	}
}

func (t *tape) operation(phase journal.Phase, operation journal.Operation) {
	operation.Phase = phase
	operation.ID = fmt.Sprintf("%s/%s", t.trial.ID, operation.Name)
	t.add(journal.Harness, journal.Record{Operation: &operation})
}

// ask records an intent and its outcome with nothing between them.
func (t *tape) ask(operation journal.Operation) {
	t.operation(journal.Intent, journal.Operation{Name: operation.Name, Key: operation.Key, OrderID: operation.OrderID, Amount: operation.Amount})
	t.operation(journal.Done, operation)
}

// message records a message; change alters it first.
func (t *tape) message(link faults.Link, operation faults.Operation, leg faults.Leg, facts journal.Facts, change func(*journal.Message)) {
	facts.Operation = operation
	m := journal.Message{ID: fmt.Sprintf("%s-%s", t.trial.ID, operation), Link: link, Operation: operation, Nth: 1, Leg: leg,
		Fate: journal.Passed, Sent: facts, Attribution: journal.ByReference}
	if leg == faults.AnswerLeg {
		m.Status = 200
	} else {
		m.Target = "POST https://example.invalid/" + string(operation)
	}
	if change != nil {
		change(&m)
	}
	t.add(journal.Gateway, journal.Record{Message: &m})
}

// exchange is a request with its answer, both untouched.
func (t *tape) exchange(link faults.Link, operation faults.Operation, asked, answered journal.Facts) {
	t.message(link, operation, faults.RequestLeg, asked, nil)
	t.message(link, operation, faults.AnswerLeg, answered, nil)
}

func (t *tape) pin(pin journal.Pin) { t.add(journal.Gateway, journal.Record{Pin: &pin}) }

func (t *tape) post(kind journal.PostingKind, reference, refund string, amount payment.Money) journal.Ref {
	p := journal.Posting{Ledger: "wechatpay", Kind: kind, Debit: "wallet:" + string(t.trial.ID), Credit: "merchant:1900000109", Amount: amount,
		MerchantReference: payment.MerchantReference(reference), RefundReference: payment.RefundReference(refund), ProviderReference: "4200" + payment.ProviderReference(reference)}
	if kind != journal.CapturePosting {
		p.Debit, p.Credit = p.Credit, p.Debit
	}
	return t.add("wechatpay", journal.Record{Posting: &p})
}

// book writes an entry of the provider's book, or of the merchant's at rest.
func (t *tape) book(owner string, entry journal.Entry) {
	source := journal.Source(owner)
	if owner == "merchant" {
		source = journal.Harness
	}
	entry.Owner, entry.Provider, entry.Since = owner, "wechatpay", t.now
	t.add(source, journal.Record{Entry: &entry})
}

// The steps of an ordinary payment by code.

func (t *tape) place(order string) {
	total := t.trial.Total
	t.operation(journal.Intent, journal.Operation{Name: faults.StepPlace, Key: "k-" + order, Amount: total})
	t.exchange("shopper->merchant", faults.Place, journal.Facts{Key: "k-" + order}, journal.Facts{State: "open", OrderID: order})
	t.operation(journal.Done, journal.Operation{Name: faults.StepPlace, Outcome: journal.OK, Key: "k-" + order, OrderID: order, Amount: total, State: "open"})
}

func (t *tape) start(order, reference string) {
	facts := journal.Facts{MerchantReference: payment.MerchantReference(reference), Amount: t.trial.Total, Signature: journal.SignatureValid}
	t.message("shopper->merchant", faults.Start, faults.RequestLeg, journal.Facts{OrderID: order}, nil)
	t.message("merchant->wechatpay", faults.Create, faults.RequestLeg, facts, nil)
	t.book("wechatpay", journal.Entry{Kind: journal.PaymentEntry, State: "pending", MerchantReference: facts.MerchantReference, Amount: t.trial.Total})
	facts.State = "pending"
	t.message("merchant->wechatpay", faults.Create, faults.AnswerLeg, facts, nil)
	t.message("shopper->merchant", faults.Start, faults.AnswerLeg, journal.Facts{State: "pending", OrderID: order}, nil)
}

func (t *tape) capture(reference string) {
	t.operation(journal.Intent, journal.Operation{Name: faults.StepPay, Amount: t.trial.Total})
	t.post(journal.CapturePosting, reference, "", t.trial.Total)
	t.book("wechatpay", journal.Entry{Kind: journal.PaymentEntry, State: "captured", MerchantReference: payment.MerchantReference(reference), Amount: t.trial.Total})
	t.operation(journal.Done, journal.Operation{Name: faults.StepPay, Outcome: journal.OK, Amount: t.trial.Total, State: "captured"})
}

func (t *tape) notify(reference string, change func(*journal.Message)) {
	facts := journal.Facts{MerchantReference: payment.MerchantReference(reference), Amount: t.trial.Total, State: "captured", Status: "SUCCESS",
		Signature: journal.SignatureValid, NotificationID: "n-" + reference}
	t.message("wechatpay->merchant", faults.NotifyPayment, faults.RequestLeg, facts, change)
	t.message("wechatpay->merchant", faults.NotifyPayment, faults.AnswerLeg, journal.Facts{MerchantReference: facts.MerchantReference}, nil)
}

func (t *tape) release(order string) {
	t.exchange("merchant->fulfilment", faults.ReleaseGoods, journal.Facts{OrderID: order, Key: "release-" + order}, journal.Facts{State: "released"})
}

// rest heals, rests, and reads the merchant's books.
func (t *tape) rest(order, reference, orderState, paymentState string) {
	t.stage(journal.Healed, "")
	t.stage(journal.Rested, "")
	t.book("merchant", journal.Entry{Kind: journal.OrderEntry, State: orderState, OrderID: order, Amount: t.trial.Total})
	t.book("merchant", journal.Entry{Kind: journal.OrderMove, State: "open", OrderID: order})
	if orderState != "open" {
		t.book("merchant", journal.Entry{Kind: journal.OrderMove, State: orderState, OrderID: order})
	}
	if reference != "" {
		t.book("merchant", journal.Entry{Kind: journal.PaymentEntry, State: paymentState, OrderID: order, PaymentID: "pay-" + order,
			MerchantReference: payment.MerchantReference(reference), Amount: t.trial.Total})
	}
	t.stage("collected", "")
}

// paid is an ordinary trial from end to end.
func (t *tape) paid(id faults.Trial) {
	order, reference := "O-"+string(id), "R-"+string(id)
	t.in(id).place(order)
	t.start(order, reference)
	t.capture(reference)
	t.notify(reference, nil)
	t.release(order)
	t.exchange("shopper->merchant", faults.ReadOrder, journal.Facts{OrderID: order}, journal.Facts{State: "paid"})
	t.exchange("shopper->merchant", faults.ReadOrder, journal.Facts{OrderID: order}, journal.Facts{State: "paid"})
	t.rest(order, reference, "paid", "captured")
}
