package reports

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// bookLine sets what the merchant's books say at rest beside what the
// provider's book says of the same thing.
type bookLine struct {
	What     string `json:"what"`
	Name     string `json:"name"`
	Merchant string `json:"merchant"` // "" if it says nothing
	Provider string `json:"provider"`
	Cites    string `json:"cites"`
	// Differs: the two name different states or money. A difference is not yet
	// a violation; that is for the invariants to say.
	Differs bool `json:"differs,omitempty"`
}

// books compares the two sides of a trial: its orders by the money that stays
// with the merchant, its payments and refunds by their references.
func books(trial *invariants.Trial) []bookLine {
	lines := orderLines(trial)
	payments := bookPairs{kind: journal.PaymentEntry, what: "payment"}
	refunds := bookPairs{kind: journal.RefundEntry, what: "refund"}
	for _, record := range slices.Concat(trial.MerchantBook, trial.ProviderBook) {
		payments.take(record, string(record.Entry.MerchantReference))
		refunds.take(record, string(record.Entry.RefundReference))
	}
	lines = append(lines, payments.lines()...)
	lines = append(lines, refunds.lines()...)
	for _, record := range trial.MerchantBook {
		entry := record.Entry
		switch entry.Kind {
		case journal.HandedOverEntry:
			lines = append(lines, bookLine{What: "handed over", Cites: refText(record.Ref()),
				Name:     Clean(cmp.Or(string(entry.RefundReference), string(entry.MerchantReference), entry.OrderID)),
				Merchant: Clean(fmt.Sprintf("%s %s", entry.Amount, entry.Reason))})
		case journal.ReleaseEntry:
			lines = append(lines, bookLine{What: "goods", Name: Clean(entry.OrderID), Merchant: "released", Cites: refText(record.Ref())})
		case journal.CreditEntry:
			lines = append(lines, bookLine{What: "credited", Name: Clean(string(entry.MerchantReference)), Cites: refText(record.Ref()),
				Merchant: Clean(fmt.Sprintf("%s to the balance of %s", entry.Amount, entry.Account))})
		case journal.BalanceEntry:
			lines = append(lines, bookLine{What: "balance", Name: Clean(entry.Account), Cites: refText(record.Ref()), Merchant: entry.Amount.String()})
		case journal.OrderEntry, journal.OrderMove, journal.PaymentEntry, journal.RefundEntry, journal.DeliveryEntry:
		}
	}
	return lines
}

// orderLines compares orders by what stays with the merchant: the total of a
// paid order less what went back, and what the provider's captures still keep.
func orderLines(trial *invariants.Trial) []bookLine {
	var lines []bookLine
	for _, order := range trial.Orders() {
		line := bookLine{What: "order", Name: Clean(order.ID), Cites: refText(order.Entry)}
		var expected, kept payment.Money
		if order.State == payment.OrderPaid || order.State == payment.OrderRefunded {
			expected, _ = order.Total.Sub(order.Refunded)
		}
		for _, capture := range order.Captures {
			if sum, err := kept.Add(capture.Kept()); err == nil {
				kept = sum
			}
		}
		if order.State != "" {
			line.Merchant = fmt.Sprintf("%s, total %s", Clean(string(order.State)), order.Total)
		}
		if !order.Refunded.IsZero() {
			line.Merchant += ", refunded " + order.Refunded.String()
		}
		line.Provider = "nothing kept"
		if !kept.IsZero() {
			line.Provider = "keeps " + kept.String()
		}
		// An order called refunded without an amount went back in full.
		whole := order.State == payment.OrderRefunded && order.Refunded.IsZero()
		line.Differs = expected.Minor != kept.Minor && !(whole && kept.IsZero())
		lines = append(lines, line)
	}
	return lines
}

// bookPairs pairs the entries of one kind by reference.
type bookPairs struct {
	kind  journal.EntryKind
	what  string
	order []string
	pairs map[string]*[2]journal.Record // the merchant's, the provider's as it was last
}

// take keeps the last entry of each side: books tell history, and only their
// end is compared.
func (b *bookPairs) take(record journal.Record, reference string) {
	if record.Entry.Kind != b.kind || reference == "" {
		return
	}
	if b.pairs == nil {
		b.pairs = map[string]*[2]journal.Record{}
	}
	if b.pairs[reference] == nil {
		b.pairs[reference] = &[2]journal.Record{}
		b.order = append(b.order, reference)
	}
	side := 1
	if record.Entry.Owner == "merchant" {
		side = 0
	}
	b.pairs[reference][side] = record
}

// lines writes the pairs in the order in which their references came up.
func (b *bookPairs) lines() []bookLine {
	lines := make([]bookLine, 0, len(b.order))
	for _, reference := range b.order {
		pair := b.pairs[reference]
		mine, theirs := pair[0].Entry, pair[1].Entry
		line := bookLine{What: b.what, Name: Clean(reference), Merchant: entryText(mine), Provider: entryText(theirs)}
		line.Differs = mine == nil || theirs == nil || mine.State != theirs.State || mine.Amount != theirs.Amount
		for _, record := range pair {
			if ref := refText(record.Ref()); ref != "" && line.Cites != "" {
				line.Cites += ", " + ref
			} else {
				line.Cites += ref
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func entryText(entry *journal.Entry) string {
	if entry == nil {
		return ""
	}
	return Clean(fmt.Sprintf("%s, %s", entry.State, entry.Amount))
}
