package invariants

import (
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

func everyValidNotificationIsAcknowledged() Invariant {
	return Invariant{
		ID: "every-valid-notification-is-acknowledged",
		Says: "An unaltered notification of a right amount for an order the merchant created is acknowledged by the first delivery " +
			"after healing.",
		Clauses: []Clause{{Name: "first-after-healing", Says: "the first delivery after healing is acknowledged"}},
		check:   checkEveryValidNotificationIsAcknowledged,
	}
}

func checkEveryValidNotificationIsAcknowledged(t *Trial) Judgement {
	var judgement Judgement
	answers := map[string]journal.Record{}
	for _, record := range t.Messages {
		if record.Message.Leg == faults.AnswerLeg && record.Message.Copy == 0 {
			answers[record.Message.ID] = record
		}
	}
	any := false
	undisturbed := t.Undisturbed()
	judged := map[string]bool{}
	for _, record := range t.Messages {
		message := record.Message
		notifies := message.Operation == faults.NotifyPayment || message.Operation == faults.NotifyRefund
		unaltered := message.Seen == nil && message.Sent.Signature == journal.SignatureValid && message.Fate == journal.Passed
		if !notifies || message.Leg != faults.RequestLeg || message.Copy > 0 || !unaltered || !t.rightAmount(message.Sent) {
			continue
		}
		any = true
		about := string(message.Operation) + string(message.Sent.MerchantReference) + string(message.Sent.RefundReference)
		if undisturbed.IsZero() || record.At.Before(undisturbed) || judged[about] {
			continue
		}
		answer, answered := answers[message.ID]
		if t.couldNotAsk(record, answer) {
			continue
		}
		judged[about] = true
		if !answered || answer.Message.Status/100 != 2 {
			judgement.breach("first-after-healing", message.Sent.Amount, []journal.Ref{record.Ref(), answer.Ref()},
				"a true notification was answered with %s after every fault had healed", statusOf(answer))
		}
	}
	if !any {
		judgement.NotApplicable = "no unaltered notification was delivered"
	}
	return judgement
}

// couldNotAsk reports whether a question of the merchant's about the payment went
// unanswered while it handled the notification: it may not believe what it cannot check,
// and that no answer came in time is not its fault.
func (t *Trial) couldNotAsk(notification, answer journal.Record) bool {
	if answer.Message == nil {
		return false
	}
	heard := map[string]bool{}
	for _, record := range t.Messages {
		if record.Message.Leg == faults.AnswerLeg && record.Message.Fate == journal.Passed && !record.At.After(answer.At) {
			heard[record.Message.ID] = true
		}
	}
	return slices.ContainsFunc(t.Messages, func(r journal.Record) bool {
		m := r.Message
		asks := m.Leg == faults.RequestLeg && m.Link.From() == "merchant" && (m.Operation == faults.Query || m.Operation == faults.RefundQuery)
		return asks && !heard[m.ID] && !r.At.Before(notification.At) && !r.At.After(answer.At)
	})
}

func statusOf(answer journal.Record) string {
	if answer.Message == nil {
		return "nothing"
	}
	return "HTTP " + itoa(answer.Message.Status)
}

// rightAmount reports whether a notification speaks of an amount that the
// shopper confirmed, or, where that is not known, that the merchant asked for. What
// a merchant must answer to a wrong one is its choice. UnionPay's news of a refund
// names only what went back.
func (t *Trial) rightAmount(facts journal.Facts) bool {
	if facts.Operation == faults.NotifyRefund && facts.Amount.IsZero() {
		return !more(facts.Refunded, t.Total())
	}
	if t.evidence.Header.Capabilities.Watched {
		return same(facts.Amount, t.Total())
	}
	for _, order := range t.Orders() {
		if same(facts.Amount, order.Total) {
			return true
		}
	}
	return false
}
