// Package witness stands around a mock provider in its tests: it takes down what
// the provider records, and receives what it delivers.
package witness

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// Witness is a provider's recorder and courier. It is safe for concurrent use,
// but for Acknowledge, which is set before something is delivered.
type Witness struct {
	// Acknowledge is the merchant's answer to the nth delivery, from 1; nil
	// answers each with 200 and an empty body.
	Acknowledge func(n int) (*proxy.Answer, error)

	mu        sync.Mutex
	records   []journal.Record
	delivered []*proxy.Request
	at        []time.Time
}

var (
	_ providers.Recorder = (*Witness)(nil)
	_ providers.Courier  = (*Witness)(nil)
)

// Record implements providers.Recorder.
func (w *Witness) Record(_ context.Context, trial faults.Trial, record journal.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	record.Trial = trial
	w.records = append(w.records, record)
}

// Deliver implements providers.Courier.
func (w *Witness) Deliver(_ context.Context, _ faults.Trial, request *proxy.Request) (*proxy.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delivered, w.at = append(w.delivered, request), append(w.at, clock.System{}.Now())
	if w.Acknowledge == nil {
		return &proxy.Answer{Status: 200}, nil
	}
	return w.Acknowledge(len(w.delivered))
}

// Records are all records so far.
func (w *Witness) Records() []journal.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.records)
}

// Sent are all deliveries so far.
func (w *Witness) Sent() []*proxy.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.delivered)
}

// Times are when the deliveries so far were made.
func (w *Witness) Times() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.at)
}

// Fired are the pins that fired so far.
func (w *Witness) Fired() []string {
	var pins []string
	for _, record := range w.Records() {
		if record.Pin != nil {
			pins = append(pins, record.Pin.ID)
		}
	}
	return pins
}

// Entries are the states that the book recorded of one payment.
func (w *Witness) Entries(reference payment.MerchantReference) []string {
	var states []string
	for _, record := range w.Records() {
		if e := record.Entry; e != nil && e.Kind == journal.PaymentEntry && e.MerchantReference == reference {
			states = append(states, e.State)
		}
	}
	return states
}

// Postings are the kinds of money's moves so far, without the funding.
func (w *Witness) Postings() []journal.PostingKind {
	var kinds []journal.PostingKind
	for _, record := range w.Records() {
		if record.Posting != nil && record.Posting.Kind != journal.FundingPosting {
			kinds = append(kinds, record.Posting.Kind)
		}
	}
	return kinds
}

// Part is the part of trial t1, treated in the given way; each aspect of the
// conduct has a pin t1.aspect behind it.
func Part(balance payment.Money, conduct faults.Conduct, aspects ...string) providers.Part {
	pins := map[string]string{}
	for _, aspect := range aspects {
		pins[aspect] = "t1." + aspect
	}
	return providers.Part{Trial: "t1", Balance: balance, Conducts: []faults.Conduct{conduct}, Pins: []map[string]string{pins}}
}

// Status acknowledges, or does not, by status alone; an error is no answer.
func Status(status func(n int) (int, error)) func(n int) (*proxy.Answer, error) {
	return func(n int) (*proxy.Answer, error) {
		code, err := status(n)
		if err != nil {
			return nil, err
		}
		return &proxy.Answer{Status: code}, nil
	}
}
