package invariants

import (
	"strconv"

	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func everyPaymentReachesTerminalState() Invariant {
	return Invariant{
		ID: "every-payment-reaches-terminal-state",
		Says: "Within the declared bound after healing, every order is paid, closed, refunded or handed over, every refund is done, " +
			"refused or handed over, and merchant and provider agree.",
		Clauses: []Clause{
			{Name: "rest", Says: "the trial comes to rest within three of the merchant's longest timers"},
			{Name: "agree", Says: "what the merchant calls over cannot be paid at the provider any more", Books: true},
		},
		check: checkEveryPaymentReachesTerminalState,
	}
}

func checkEveryPaymentReachesTerminalState(t *Trial) Judgement {
	judgement, resting := t.atRest()
	if !resting {
		return judgement
	}
	if t.BoundPassed != "" {
		if t.evidence.Header.LongestTimer == 0 {
			return Judgement{Inconclusive: t.BoundPassed + ", and the merchant declared no longest timer"}
		}
		judgement.breach("rest", t.Total(), t.unfinished(), "after healing and three longest timers: %s", t.BoundPassed)
	}
	theirs := t.providerPayments()
	for _, order := range t.Orders() {
		for _, record := range order.Payments {
			state := payment.State(record.Entry.State)
			provider, known := theirs[record.Entry.MerchantReference]
			if known && (state == payment.Closed || state == payment.Declined) && provider.Entry.State == string(payment.Pending) {
				judgement.breach("agree", order.Total, []journal.Ref{record.Ref(), provider.Ref()},
					"the merchant calls the payment %s; at the provider it can still be paid", state)
			}
		}
	}
	return judgement
}

// unfinished are the merchant's entries that are in no terminal state.
func (t *Trial) unfinished() []journal.Ref {
	var open []journal.Ref
	for _, record := range t.MerchantBook {
		entry := record.Entry
		unfinished := entry.Kind == journal.OrderEntry && !payment.OrderState(entry.State).Terminal() ||
			entry.Kind == journal.PaymentEntry && !payment.State(entry.State).Terminal() ||
			entry.Kind == journal.RefundEntry && !payment.RefundState(entry.State).Terminal()
		if unfinished {
			open = append(open, record.Ref())
		}
	}
	return open
}

func itoa(n int) string { return strconv.Itoa(n) }
