package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func merchantBalancesAddUp() Invariant {
	return Invariant{
		ID:   "merchant-balances-add-up",
		Says: "Every balance the merchant keeps equals its entries, and every entry is money that was captured, once.",
		Clauses: []Clause{
			{Name: "equals-its-entries", Says: "a balance is the sum of its credits", Books: true},
			{Name: "credit-was-captured", Says: "no more is credited for a payment than was captured by it", Books: true},
		},
		check: checkMerchantBalancesAddUp,
	}
}

func checkMerchantBalancesAddUp(t *Trial) Judgement {
	judgement, resting := t.atRest()
	if !resting {
		return judgement
	}
	kept := false
	for _, order := range t.Orders() {
		kept = kept || len(order.Credits) > 0
		judgement.overcredited(t, order)
	}
	for _, record := range t.MerchantBook {
		entry := record.Entry
		if entry.Kind != journal.BalanceEntry {
			continue
		}
		kept = true
		if sum := t.evidence.creditedTo(entry.Account, entry.Amount.Currency); !same(sum, entry.Amount) {
			judgement.breach("equals-its-entries", distance(sum, entry.Amount), []journal.Ref{record.Ref()},
				"the balance of %s is %s, and its entries add up to %s", entry.Account, entry.Amount, sum)
		}
	}
	if !kept {
		return Judgement{NotApplicable: "the merchant keeps no balances"}
	}
	return judgement
}

// creditedTo sums the entries of a balance, which may be of many trials.
func (e *Evidence) creditedTo(account string, currency payment.Currency) payment.Money {
	sum := payment.Money{Currency: currency}
	for i := range e.Trials {
		for _, record := range e.Trials[i].MerchantBook {
			entry := record.Entry
			if entry.Kind == journal.CreditEntry && entry.Account == account && entry.Amount.Currency == currency {
				sum = plus(sum, entry.Amount)
			}
		}
	}
	return sum
}

// overcredited finds credits for more than a capture left with the merchant.
func (j *Judgement) overcredited(t *Trial, order Order) {
	for _, record := range order.Credits {
		entry := record.Entry
		capture, _ := order.captureOf(entry.MerchantReference)
		extra := minus(order.credited(entry.MerchantReference), capture.Kept())
		if extra.Minor > 0 {
			j.accuse(t.saidCaptured(order, entry.MerchantReference), breachOf("credit-was-captured", extra, []journal.Ref{record.Ref()},
				"payment %s left %s with the merchant, and %s of it are the shopper's balance", entry.MerchantReference, capture.Kept(),
				order.credited(entry.MerchantReference)))
			return
		}
	}
}
