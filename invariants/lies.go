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
// answers about another payment than was asked for, or names another amount than
// was due) misleads nobody into taking an order for paid; but who gives back, or
// credits to the shopper, what it was told was taken has only that word for how
// much it was.

// told is a statement about a payment or a refund that reached the merchant.
type told struct {
	record journal.Record
	facts  journal.Facts
	lie    bool
}

// lieThat finds the lie that the merchant was last told of any of these payments
// by a time, if it is one that says so; nil if there is none. What it did while it
// handled a notification that says so it did because of that, whatever the answer to
// an earlier question said meanwhile.
func (t *Trial) lieThat(says func(journal.Facts) bool, by time.Time, about func(journal.Facts) bool) *journal.Record {
	var last told
	for _, record := range t.Messages {
		statement, is := t.statement(record)
		if !is || !about(statement.facts) || (!by.IsZero() && record.At.After(by.Add(clockSlack))) {
			continue
		}
		if statement.lie && says(statement.facts) && !by.IsZero() && t.wasHandling(record, by) {
			return &record
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

// wasHandling reports whether the merchant had a notification at a time, and had not
// answered it yet.
func (t *Trial) wasHandling(record journal.Record, at time.Time) bool {
	return record.Message.Leg == faults.RequestLeg && slices.ContainsFunc(t.Messages, func(r journal.Record) bool {
		return r.Message.ID == record.Message.ID && r.Message.Leg == faults.AnswerLeg && !at.After(r.At.Add(clockSlack))
	})
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
	sent := message.Sent
	if given.MerchantReference != sent.MerchantReference && message.Leg == faults.AnswerLeg {
		return told{}, false
	}
	same := given.MerchantReference == sent.MerchantReference && given.State == sent.State && given.Amount == sent.Amount && given.Refunded == sent.Refunded
	return told{record, given, message.Seen != nil && !same && given.Account == sent.Account}, true
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

// saidCaptured is the lie that a payment captured exactly what the merchant's books
// say of it, if nobody had told the merchant the truth before. A merchant that keeps
// it for the order is only excused if that is what was due.
func (t *Trial) saidCaptured(order Order, reference payment.MerchantReference) *journal.Record {
	at := slices.IndexFunc(order.Payments, func(r journal.Record) bool { return r.Entry.MerchantReference == reference })
	if at < 0 {
		return nil
	}
	booked := order.Payments[at].Entry
	forOrder := payment.State(booked.State) == payment.Captured && !same(booked.Amount, order.credited(reference))
	if forOrder && !same(booked.Amount, order.Total) {
		return nil
	}
	statements := slices.SortedFunc(slices.Values(t.Messages), func(a, b journal.Record) int { return a.At.Compare(b.At) })
	for _, record := range statements {
		statement, is := t.statement(record)
		if !is || statement.facts.MerchantReference != reference || statement.facts.State != string(payment.Captured) {
			continue
		}
		if !statement.lie {
			return nil
		}
		if same(statement.facts.Amount, booked.Amount) {
			return &record
		}
	}
	return nil
}

// refundedInItsName is the request by which a provider gave back more of a payment
// than the merchant had written: changed on its way, and signed with its key. It is
// nil if the merchant itself asked for more than this.
func (t *Trial) refundedInItsName(capture Capture, asked payment.Money) *journal.Record {
	var changed *journal.Record
	meant := capture.Returned
	counted := map[payment.RefundReference]bool{} // however often a request is sent, it moves its amount once
	for _, record := range t.Messages {
		message := record.Message
		if message.Operation != faults.Refund || message.Leg != faults.RequestLeg || message.Seen == nil || message.Seen.Signature != journal.SignatureValid ||
			message.Sent.MerchantReference != capture.Reference || !more(message.Seen.Refunded, message.Sent.Refunded) || counted[message.Sent.RefundReference] {
			continue
		}
		counted[message.Sent.RefundReference] = true
		changed, meant = &record, minus(meant, minus(message.Seen.Refunded, message.Sent.Refunded))
	}
	if more(meant, asked) {
		return nil
	}
	return changed
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
	if lie.Message.Link.From() == "merchant" && lie.Message.Leg == faults.RequestLeg {
		breach.Reason += "; that is what the provider had been told in its name, validly signed"
	} else {
		breach.Reason += "; that is what it had been told, validly signed"
	}
	j.Misled = append(j.Misled, breach)
}
