package invariants

import (
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// look builds the views of a trial once.
func (t *Trial) look() *views {
	if t.views != nil {
		return t.views
	}
	b := &builder{trial: t, index: map[string]int{}, asked: map[string]journal.Record{}, byReference: map[payment.MerchantReference]string{}}
	b.placed()
	b.merchantBooks()
	b.released()
	b.totals()
	b.captures()
	t.views = &b.views
	return t.views
}

// builder puts the views together.
type builder struct {
	views
	trial       *Trial
	index       map[string]int            // of orders by id
	asked       map[string]journal.Record // how an order was last asked for, by its key
	byReference map[payment.MerchantReference]string
}

func (b *builder) order(id string) *Order {
	at, known := b.index[id]
	if !known {
		at = len(b.orders)
		b.index[id] = at
		b.orders = append(b.orders, Order{ID: id})
	}
	return &b.orders[at]
}

// placed finds the orders that the shopper placed, with the totals confirmed, and
// which payments were made for them.
// One whose answer was lost is found by its key, once the books tell its id.
func (b *builder) placed() {
	for _, record := range b.trial.Operations {
		operation := record.Operation
		if operation.Reference != "" && operation.OrderID != "" { // what was paid, as the wallet showed it
			b.byReference[operation.Reference] = operation.OrderID
		}
		if operation.Name == faults.StepChange && operation.Phase == journal.Done && operation.Outcome == journal.OK {
			b.order(operation.OrderID).Total = operation.Amount // the shopper confirmed another total
		}
		if operation.Name != faults.StepPlace || operation.Phase != journal.Done {
			continue
		}
		b.asked[operation.Key] = record
		if operation.OrderID != "" {
			b.order(operation.OrderID).placedBy(record)
		}
	}
}

func (o *Order) placedBy(record journal.Record) {
	o.Total, o.Placed, o.begun = record.Operation.Amount, record.Ref(), record.At
}

func (b *builder) merchantBooks() {
	for _, record := range b.trial.MerchantBook {
		entry := record.Entry
		if entry.OrderID == "" {
			continue
		}
		order := b.order(entry.OrderID)
		switch entry.Kind {
		case journal.OrderEntry:
			order.State, order.Refunded, order.Entry = payment.OrderState(entry.State), entry.Refunded, record.Ref()
			if asked, was := b.asked[entry.OrderKey]; was && order.Placed == (journal.Ref{}) { // the shopper was never told
				order.placedBy(asked)
			}
		case journal.OrderMove:
			order.Moves = append(order.Moves, Move{payment.OrderState(entry.State), entry.Since, record.Ref()})
		case journal.PaymentEntry:
			order.Payments = append(order.Payments, record)
			b.byReference[entry.MerchantReference] = entry.OrderID
		case journal.RefundEntry:
			order.Refunds = append(order.Refunds, record)
		case journal.HandedOverEntry:
			order.Handed = append(order.Handed, record)
		case journal.CreditEntry:
			order.Credits = append(order.Credits, record)
		case journal.ReleaseEntry, journal.BalanceEntry:
			// What left is told by the fulfilment link's record, not by the books, and
			// a balance may be of several orders.
		}
	}
}

// released takes from the fulfilment link what was really told.
func (b *builder) released() {
	for _, record := range b.trial.Messages {
		message := record.Message
		if message.Operation != faults.ReleaseGoods || message.Leg != faults.RequestLeg || message.Fate != journal.Passed {
			continue
		}
		if message.Sent.OrderID != "" {
			order := b.order(message.Sent.OrderID)
			order.Released = append(order.Released, Release{message.Sent.Key, record.At, record.Ref()})
		}
	}
}

// totals gives an order of which no call tells the total the planned one.
func (b *builder) totals() {
	for i := range b.orders {
		if b.orders[i].Total.IsZero() {
			b.orders[i].Total = b.trial.Planned.Total
		}
	}
}

// captures gives each capture to the order whose books name its reference, or that
// its shopper meant to pay with it. One of which neither tells was made for the order that was
// there to be paid: the last one placed before it. (A trial has a second order
// only after the first is over, when its canary tries again.)
func (b *builder) captures() {
	returned := b.trial.returned()
	for _, record := range b.trial.Postings {
		posting := record.Posting
		if posting.Kind != journal.CapturePosting {
			continue
		}
		capture := Capture{Reference: posting.MerchantReference, Theirs: posting.ProviderReference, Amount: posting.Amount,
			At: record.At, Record: record.Ref(), Returned: returned[posting.MerchantReference]}
		capture.Order = b.byReference[posting.MerchantReference]
		if capture.Order == "" && len(b.orders) > 0 {
			capture.Order = b.orderAt(record.At)
		}
		if capture.Order == "" {
			b.strangers = append(b.strangers, capture)
			continue
		}
		order := b.order(capture.Order)
		order.Captures = append(order.Captures, capture)
	}
}

// orderAt is the order that was the last to be placed by then, or the first of
// all.
func (b *builder) orderAt(at time.Time) string {
	last := &b.orders[0]
	for i := range b.orders {
		order := &b.orders[i]
		if !order.begun.After(at) && order.begun.After(last.begun) {
			last = order
		}
	}
	return last.ID
}

// returned sums, by merchant reference, what went back and what is on its way.
func (t *Trial) returned() map[payment.MerchantReference]payment.Money {
	sums := map[payment.MerchantReference]payment.Money{}
	moved := map[payment.RefundReference]bool{}
	for _, record := range t.Postings {
		posting := record.Posting
		if posting.Kind == journal.RefundPosting || posting.Kind == journal.ReversePosting {
			sums[posting.MerchantReference] = plus(sums[posting.MerchantReference], posting.Amount)
			moved[posting.RefundReference] = true
		}
	}
	for _, entry := range t.providerRefunds() {
		if !moved[entry.Entry.RefundReference] && entry.Entry.State == string(payment.RefundProcessing) {
			sums[entry.Entry.MerchantReference] = plus(sums[entry.Entry.MerchantReference], entry.Entry.Amount)
		}
	}
	return sums
}

// providerRefunds are the refunds in the provider's book in the order in which
// they began, each as it was last.
func (t *Trial) providerRefunds() []journal.Record {
	var refunds []journal.Record
	index := map[payment.RefundReference]int{}
	for _, record := range t.ProviderBook {
		if record.Entry.Kind != journal.RefundEntry {
			continue
		}
		if at, known := index[record.Entry.RefundReference]; known {
			refunds[at] = record
			continue
		}
		index[record.Entry.RefundReference] = len(refunds)
		refunds = append(refunds, record)
	}
	return refunds
}

// providerPayments are the payments in the provider's book, each as it was last.
func (t *Trial) providerPayments() map[payment.MerchantReference]journal.Record {
	last := map[payment.MerchantReference]journal.Record{}
	for _, record := range t.ProviderBook {
		if record.Entry.Kind == journal.PaymentEntry {
			last[record.Entry.MerchantReference] = record
		}
	}
	return last
}

// handed reports whether the merchant listed this reference for people.
func (o Order) handed(reference string) bool {
	for _, record := range o.Handed {
		if string(record.Entry.MerchantReference) == reference || string(record.Entry.RefundReference) == reference {
			return true
		}
	}
	return false
}

// credited is what the merchant gave of a capture to a balance of the shopper's.
func (o Order) credited(reference payment.MerchantReference) payment.Money {
	var sum payment.Money
	for _, record := range o.Credits {
		if record.Entry.MerchantReference == reference {
			sum = plus(sum, record.Entry.Amount)
		}
	}
	return sum
}

// owed is what the merchant has of a capture without having said whose it is: what
// neither went back, nor became the shopper's balance, nor was listed for people.
func (o Order) owed(capture Capture) payment.Money {
	if o.handed(string(capture.Reference)) {
		return payment.Money{Currency: capture.Amount.Currency}
	}
	return minus(capture.Kept(), o.credited(capture.Reference))
}

// asked are the refunds that the shopper asked for, by request id, whatever
// the answer was.
func (t *Trial) asked(order string) map[string]payment.Money {
	asked := map[string]payment.Money{}
	for _, record := range t.Operations {
		operation := record.Operation
		if operation.Name == faults.StepRefund && operation.OrderID == order {
			asked[operation.Key] = operation.Amount
		}
	}
	return asked
}
