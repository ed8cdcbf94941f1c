package invariants

import (
	"slices"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// A merchant is misled when the last that it was told, by every check that its
// provider's documents demand, is a lie: a validly signed message that differs
// from what its sender said. What it then believes wrongly is reported with its
// money, and is no violation. A lie that the message itself shows to be one (it
// names another payment, or another amount than was due) misleads nobody.

// told is a statement about a payment or a refund that reached the merchant.
type told struct {
	record journal.Record
	facts  journal.Facts
	lie    bool
}

// lieThat finds the lie that the merchant was last told of any of these payments
// by a time, if it is one that says so; nil if there is none.
func (t *Trial) lieThat(says func(journal.Facts) bool, by time.Time, about func(journal.Facts) bool) *journal.Record {
	var last told
	for _, record := range t.Messages {
		statement, is := t.statement(record)
		if !is || !about(statement.facts) || (!by.IsZero() && record.At.After(by.Add(clockSlack))) {
			continue
		}
		if last.record.Message == nil || !record.At.Before(last.record.At) {
			last = statement
		}
	}
	if last.lie && says(last.facts) {
		return &last.record
	}
	return nil
}

// statement is what a message to the merchant says of a state, if the signature
// holds and the documents let the merchant act on it: UnionPay's word in a
// notification is to be asked for once more.
func (t *Trial) statement(record journal.Record) (told, bool) {
	message := record.Message
	toMerchant := (message.Leg == faults.RequestLeg) == (message.Link.To() == "merchant")
	if !toMerchant || (message.Fate != journal.Passed && message.Fate != journal.Replaced) || message.Copy > 0 {
		return told{}, false
	}
	given := message.Sent
	if message.Seen != nil {
		given = *message.Seen
	}
	if given.Signature != journal.SignatureValid || given.State == "" || (message.Leg == faults.RequestLeg && mustConfirm(message.Link)) {
		return told{}, false
	}
	same := given.State == message.Sent.State && given.Amount == message.Sent.Amount && given.Refunded == message.Sent.Refunded
	return told{record, given, message.Seen != nil && !same && given.Account == message.Sent.Account}, true
}

// mustConfirm reports whether the documents of the provider that calls on this
// link demand a query after its notifications.
func mustConfirm(link faults.Link) bool {
	return slices.ContainsFunc(scenarios.DefaultSystems().Providers, func(p scenarios.Provider) bool {
		return string(p.Name) == link.From() && p.ConfirmsNotifications
	})
}

// saidPaid is the lie that one of the order's own payments was captured for
// exactly its total, if the merchant was last told that by then.
func (t *Trial) saidPaid(order Order, by time.Time) *journal.Record {
	own := func(f journal.Facts) bool {
		return slices.ContainsFunc(order.Payments, func(r journal.Record) bool { return r.Entry.MerchantReference == f.MerchantReference }) &&
			f.Operation != faults.Refund && f.Operation != faults.RefundQuery && f.Operation != faults.NotifyRefund
	}
	paid := func(f journal.Facts) bool {
		return f.State == string(payment.Captured) && same(f.Amount, order.Total)
	}
	return t.lieThat(paid, by, own)
}

// saidRefunded is the lie that a refund was done for its amount.
func (t *Trial) saidRefunded(entry journal.Entry) *journal.Record {
	own := func(f journal.Facts) bool { return f.RefundReference == entry.RefundReference }
	done := func(f journal.Facts) bool {
		return f.State == string(payment.RefundDone) && (f.Refunded.IsZero() || same(f.Refunded, entry.Amount))
	}
	return t.lieThat(done, time.Time{}, own)
}

// accuse adds a breach; if a lie stands behind it, the merchant was misled.
func (j *Judgement) accuse(lie *journal.Record, breach Breach) {
	if lie == nil {
		j.Breaches = append(j.Breaches, breach)
		return
	}
	breach.Witness = append(breach.Witness, lie.Ref())
	breach.Reason += "; that is what it had been told, validly signed"
	j.Misled = append(j.Misled, breach)
}
