package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// maxBooks bounds the books that a merchant may export.
const maxBooks = 512 << 20

// shopBooks is the reference merchant's export.
type shopBooks struct {
	Orders []struct {
		ID       string        `json:"id"`
		Key      string        `json:"key"`
		State    string        `json:"state"`
		Total    payment.Money `json:"total"`
		Refunded payment.Money `json:"refunded"`
		History  []struct {
			State string    `json:"state"`
			At    time.Time `json:"at"`
		} `json:"history"`
		Released []struct {
			Key string    `json:"idempotency_key"`
			At  time.Time `json:"at"`
		} `json:"released"`
	} `json:"orders"`
	Payments []struct {
		ID        string                    `json:"id"`
		OrderID   string                    `json:"order_id"`
		Provider  payment.ProviderName      `json:"provider"`
		Method    payment.Method            `json:"method"`
		Reference payment.MerchantReference `json:"reference"`
		Theirs    payment.ProviderReference `json:"provider_reference"`
		State     string                    `json:"state"`
		Amount    payment.Money             `json:"amount"`
		Captured  payment.Money             `json:"captured"`
		At        time.Time                 `json:"captured_at"`
	} `json:"payments"`
	Refunds []struct {
		ID        string                    `json:"id"`
		OrderID   string                    `json:"order_id"`
		PaymentID string                    `json:"payment_id"`
		RequestID string                    `json:"request_id"`
		Reference payment.RefundReference   `json:"reference"`
		Theirs    payment.ProviderReference `json:"provider_reference"`
		Amount    payment.Money             `json:"amount"`
		State     string                    `json:"state"`
		Cause     string                    `json:"cause"`
	} `json:"refunds"`
	HandedOver []struct {
		At        time.Time     `json:"at"`
		OrderID   string        `json:"order_id"`
		PaymentID string        `json:"payment_id"`
		RefundID  string        `json:"refund_id"`
		Reference string        `json:"reference"`
		Amount    payment.Money `json:"amount"`
		Reason    string        `json:"reason"`
	} `json:"handed_over"`
	Balances []struct {
		Account string        `json:"account"`
		Amount  payment.Money `json:"amount"`
		Credits []struct {
			OrderID   string                    `json:"order_id"`
			PaymentID string                    `json:"payment_id"`
			Reference payment.MerchantReference `json:"reference"`
			Amount    payment.Money             `json:"amount"`
			At        time.Time                 `json:"at"`
		} `json:"credits"`
	} `json:"balances"`
}

// Books implements Merchant.
func (s *Shop) Books(ctx context.Context) (Books, error) {
	answer, err := s.Past(ctx, http.MethodGet, "/books")
	if err != nil {
		return Books{}, fmt.Errorf("read the merchant's books: %w", err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxBooks))
	if err != nil {
		return Books{}, fmt.Errorf("read the merchant's books: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return Books{}, fmt.Errorf("read the merchant's books: %s", answer.Status)
	}
	var books shopBooks
	if err := json.Unmarshal(raw, &books); err != nil {
		return Books{}, fmt.Errorf("read the merchant's books: %w", err)
	}
	return Books{Raw: raw, Entries: books.entries()}, nil
}

// entries writes the books in the journal's words. An order's history and
// releases are entries of their own; a balance is filed with an order that it
// came from.
func (b shopBooks) entries() []journal.Entry {
	var entries []journal.Entry
	add := func(entry journal.Entry) {
		entry.Owner = "merchant"
		entries = append(entries, entry)
	}
	for _, o := range b.Orders {
		add(journal.Entry{Kind: journal.OrderEntry, OrderID: o.ID, OrderKey: o.Key, State: o.State, Amount: o.Total, Refunded: o.Refunded})
		for _, move := range o.History {
			add(journal.Entry{Kind: journal.OrderMove, OrderID: o.ID, State: move.State, Since: move.At})
		}
		for _, release := range o.Released {
			add(journal.Entry{Kind: journal.ReleaseEntry, OrderID: o.ID, Key: release.Key, Since: release.At})
		}
	}
	for _, p := range b.Payments {
		add(journal.Entry{Kind: journal.PaymentEntry, OrderID: p.OrderID, PaymentID: p.ID, Provider: p.Provider, Method: p.Method,
			MerchantReference: p.Reference, ProviderReference: p.Theirs, State: p.State, Amount: p.Captured, Since: p.At})
	}
	for _, r := range b.Refunds {
		add(journal.Entry{Kind: journal.RefundEntry, OrderID: r.OrderID, PaymentID: r.PaymentID, RefundID: r.ID, RequestID: r.RequestID,
			RefundReference: r.Reference, ProviderReference: r.Theirs, State: r.State, Amount: r.Amount, Reason: r.Cause})
	}
	for _, h := range b.HandedOver {
		add(journal.Entry{Kind: journal.HandedOverEntry, OrderID: h.OrderID, PaymentID: h.PaymentID, RefundID: h.RefundID,
			MerchantReference: payment.MerchantReference(h.Reference), Amount: h.Amount, Reason: h.Reason, Since: h.At})
	}
	for _, balance := range b.Balances {
		order := ""
		for _, c := range balance.Credits {
			order = c.OrderID
			add(journal.Entry{Kind: journal.CreditEntry, OrderID: c.OrderID, PaymentID: c.PaymentID, MerchantReference: c.Reference,
				Account: balance.Account, Amount: c.Amount, Since: c.At})
		}
		add(journal.Entry{Kind: journal.BalanceEntry, OrderID: order, Account: balance.Account, Amount: balance.Amount})
	}
	return entries
}

// orderKey is the key under which a trial places an order; TrialOf reads the trial
// back from the merchant's books. Trials have hyphens in their names, so what it is
// for has none.
func orderKey(what string, trial faults.Trial) string { return what + "-" + string(trial) }

// TrialOf is the trial that placed an order under a key.
func TrialOf(orderKey string) faults.Trial {
	_, trial, _ := strings.Cut(orderKey, "-")
	return faults.Trial(trial)
}
