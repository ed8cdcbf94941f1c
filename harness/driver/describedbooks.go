package driver

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// Books implements Merchant. A merchant without an export is asked for each of
// the orders that shoppers know of: that is less, and the header says so.
func (d *Described) Books(ctx context.Context) (Books, error) {
	described := d.manifest.Driver.Books
	if described == nil {
		return d.pages(ctx), nil
	}
	request, err := d.filled(ctx, described.Call, manifest.Vars{"session": manifest.Vars{}})
	if err != nil {
		return Books{}, fmt.Errorf("read the merchant's books: %w", err)
	}
	said, result := d.judged(described.Call, maxBooks, func() (*http.Response, error) { return d.past(request) })
	if result.Outcome != journal.OK {
		return Books{}, fmt.Errorf("read the merchant's books: %s", result.Reason)
	}
	b := &bookkeeper{mark: d.mark, words: d.manifest.Driver.Words, provider: d.onlyProvider()}
	said.each(described.Orders, b.order)
	said.each(described.Payments, b.payment)
	said.each(described.Refunds, b.refund)
	said.each(described.HandedOver, b.handedOver)
	said.each(described.Credits, b.credit)
	said.each(described.Balances, b.balance)
	if said.err != nil {
		return Books{}, fmt.Errorf("read the merchant's books: %w", said.err)
	}
	return Books{Raw: []byte(said.vars["text"].(string)), Entries: b.entries}, nil
}

// onlyProvider is whose every payment is, where the merchant has one provider.
func (d *Described) onlyProvider() payment.ProviderName {
	if len(d.manifest.Providers) == 1 {
		return d.manifest.Providers[0].Name
	}
	return ""
}

// pages are the books as far as the orders' pages tell them.
func (d *Described) pages(ctx context.Context) Books {
	d.mu.Lock()
	keys := maps.Clone(d.keys)
	d.mu.Unlock()
	var books Books
	for _, order := range slices.Sorted(maps.Keys(keys)) {
		if seen := d.Observe(ctx, order); seen.Outcome == journal.OK {
			books.Entries = append(books.Entries, journal.Entry{Owner: "merchant", Kind: journal.OrderEntry, OrderID: order,
				OrderKey: keys[order], State: string(seen.Order)})
		}
	}
	return books
}

// bookkeeper writes a described merchant's books in the journal's words.
type bookkeeper struct {
	mark     mark
	words    manifest.Words
	provider payment.ProviderName
	entries  []journal.Entry
}

func (b *bookkeeper) add(entry journal.Entry) {
	entry.Owner = "merchant"
	b.entries = append(b.entries, entry)
}

func (b *bookkeeper) order(item *answer) {
	b.add(journal.Entry{Kind: journal.OrderEntry, OrderID: item.text("id"), OrderKey: b.mark.off(item.text("key")),
		State:  string(meaning(item, b.words.Order, item.text("state"), "order")),
		Amount: item.money("total"), Refunded: item.money("refunded")})
}

func (b *bookkeeper) payment(item *answer) {
	provider := payment.ProviderName(item.text("provider"))
	if provider == "" {
		provider = b.provider
	}
	b.add(journal.Entry{Kind: journal.PaymentEntry, OrderID: item.text("order"), PaymentID: item.text("id"), Provider: provider,
		MerchantReference: payment.MerchantReference(item.text("reference")), ProviderReference: payment.ProviderReference(item.text("theirs")),
		State: string(meaning(item, b.words.Payment, item.text("state"), "payment")), Amount: item.money("captured")})
}

func (b *bookkeeper) refund(item *answer) {
	b.add(journal.Entry{Kind: journal.RefundEntry, OrderID: item.text("order"), PaymentID: item.text("payment"), RefundID: item.text("id"),
		RequestID: b.mark.off(item.text("request")), RefundReference: payment.RefundReference(item.text("reference")),
		ProviderReference: payment.ProviderReference(item.text("theirs")),
		State:             string(meaning(item, b.words.Refund, item.text("state"), "refund")), Amount: item.money("amount")})
}

func (b *bookkeeper) handedOver(item *answer) {
	b.add(journal.Entry{Kind: journal.HandedOverEntry, OrderID: item.text("order"), PaymentID: item.text("payment"),
		MerchantReference: payment.MerchantReference(item.text("reference")), Amount: item.money("amount"), Reason: item.text("reason")})
}

func (b *bookkeeper) credit(item *answer) {
	b.add(journal.Entry{Kind: journal.CreditEntry, OrderID: item.text("order"), PaymentID: item.text("payment"), Account: item.text("account"),
		MerchantReference: payment.MerchantReference(item.text("reference")), Amount: item.money("amount")})
}

// balance files a balance with an order that it came from.
func (b *bookkeeper) balance(item *answer) {
	balance := journal.Entry{Kind: journal.BalanceEntry, Account: item.text("account"), Amount: item.money("amount")}
	for _, entry := range b.entries {
		if entry.Kind == journal.CreditEntry && entry.Account == balance.Account {
			balance.OrderID = entry.OrderID
		}
	}
	b.add(balance)
}

// money reads minor units.
func (a *answer) money(name string) payment.Money {
	text := a.text(name)
	if text == "" {
		return payment.Money{}
	}
	minor, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		a.note(fmt.Errorf("%s is %q; want whole fen, such as fen(item.%s) makes of yuan", name, printable(text), name))
	}
	return payment.Fen(minor)
}
