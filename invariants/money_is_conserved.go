package invariants

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

func moneyIsConserved() Invariant {
	return Invariant{
		ID:   "money-is-conserved",
		Says: "Over wallets and providers, every posting has its counter-posting.",
		Ours: true,
		Clauses: []Clause{
			{Name: "two-sides", Says: "a posting moves a positive amount between two accounts", Shown: true},
			{Name: "no-overdraft", Says: "no wallet gives what it does not have"},
			{Name: "captured-once", Says: "a reference is captured at most once", Shown: true},
		},
		check: checkMoneyIsConserved,
	}
}

func checkMoneyIsConserved(t *Trial) Judgement {
	var judgement Judgement
	balance := map[string]payment.Money{}
	captured := map[payment.MerchantReference]journal.Ref{}
	for _, record := range t.Postings {
		posting := record.Posting
		if posting.Amount.Minor <= 0 || posting.Debit == "" || posting.Credit == "" || posting.Debit == posting.Credit {
			judgement.breach("two-sides", posting.Amount, []journal.Ref{record.Ref()}, "a posting of %s from %q to %q", posting.Amount, posting.Debit, posting.Credit)
			continue
		}
		balance[posting.Debit] = minus(balance[posting.Debit], posting.Amount)
		balance[posting.Credit] = plus(balance[posting.Credit], posting.Amount)
		if isWallet(posting.Debit) && balance[posting.Debit].Minor < 0 {
			judgement.breach("no-overdraft", posting.Amount, []journal.Ref{record.Ref()}, "%s gave %s that it did not have", posting.Debit, posting.Amount)
		}
		if posting.Kind == journal.CapturePosting {
			if before, twice := captured[posting.MerchantReference]; twice {
				judgement.breach("captured-once", posting.Amount, []journal.Ref{before, record.Ref()}, "reference %s was captured twice", posting.MerchantReference)
			}
			captured[posting.MerchantReference] = record.Ref()
		}
	}
	if len(t.Postings) == 0 {
		judgement.NotApplicable = "nothing was posted"
	}
	return judgement
}

func isWallet(account string) bool { return len(account) > 7 && account[:7] == "wallet:" }
