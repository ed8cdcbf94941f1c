package invariants

import (
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func noForgedMessageAccepted() Invariant {
	return Invariant{
		ID: "no-forged-message-accepted",
		Says: "A message without a valid signature, or for another merchant account, app or mode, never makes the merchant's books " +
			"say what the provider's book does not.",
		Clauses: []Clause{
			{Name: "payment", Says: "no payment is booked on the word of a forgery", Books: true},
			{Name: "refund", Says: "no refund is booked on the word of a forgery", Books: true},
		},
		check: checkNoForgedMessageAccepted,
	}
}

func checkNoForgedMessageAccepted(t *Trial) Judgement {
	var judgement Judgement
	any := false
	for _, record := range t.Messages {
		facts, forged := forgedFor(record)
		if !forged {
			continue
		}
		any = true
		if breach, is := t.believed(record, facts); is {
			judgement.Breaches = append(judgement.Breaches, breach)
		}
	}
	if !any {
		judgement.NotApplicable = "no message without a valid signature reached the merchant"
	}
	return judgement
}

// forgedFor returns what the merchant was given, if that was a message of a
// provider whose signature does not hold, or one that was not for this merchant.
func forgedFor(record journal.Record) (journal.Facts, bool) {
	message := record.Message
	given := message.Sent
	if message.Seen != nil {
		given = *message.Seen
	}
	toMerchant := (message.Leg == faults.RequestLeg) == (message.Link.To() == "merchant")
	arrived := message.Fate == journal.Passed || message.Fate == journal.Forged || message.Fate == journal.Replaced
	bad := given.Signature == journal.SignatureInvalid || given.Signature == journal.SignatureMissing || message.Fate == journal.Forged
	return given, toMerchant && arrived && bad
}

// believed reports whether the books say what the forgery says and the
// provider's book, by then, did not.
func (t *Trial) believed(record journal.Record, facts journal.Facts) (Breach, bool) {
	for _, order := range t.Orders() {
		for _, entry := range order.Payments {
			if entry.Entry.MerchantReference != facts.MerchantReference || facts.State != string(payment.Captured) {
				continue
			}
			state := payment.State(entry.Entry.State)
			capture, captured := order.captureOf(facts.MerchantReference)
			booked := state == payment.Captured || state == payment.Returned
			early := captured && order.paidBefore(capture.At) && record.At.Before(capture.At)
			if booked && (!captured || early) {
				return Breach{Clause: "payment", Money: facts.Amount, Witness: []journal.Ref{record.Ref(), entry.Ref()},
					Reason: "a notification that was not true, or not for this merchant, said " + string(facts.MerchantReference) +
						" was paid; the merchant booked it, and the provider had captured nothing"}, true
			}
		}
		for _, entry := range order.Refunds {
			done := payment.RefundState(entry.Entry.State) == payment.RefundDone
			if facts.RefundReference != "" && entry.Entry.RefundReference == facts.RefundReference && done && !t.refunded(facts.RefundReference) {
				return Breach{Clause: "refund", Money: entry.Entry.Amount, Witness: []journal.Ref{record.Ref(), entry.Ref()},
					Reason: "a message without a valid signature said that a refund was done; the merchant booked it, and the provider had not"}, true
			}
		}
	}
	return Breach{}, false
}

func (o Order) paidBefore(at time.Time) bool {
	paid, was := o.EverPaid()
	return was && !paid.At.IsZero() && paid.At.Add(clockSlack).Before(at)
}

func (t *Trial) refunded(reference payment.RefundReference) bool {
	for _, record := range t.Postings {
		if record.Posting.Kind == journal.RefundPosting && record.Posting.RefundReference == reference {
			return true
		}
	}
	return false
}
