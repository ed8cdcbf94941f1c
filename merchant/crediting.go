package merchant

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/payquake/payquake/payment"
)

// A shop that keeps balances has an account for every shopper, to which money
// goes that came and is of no order. It is spent or paid out another day; until
// then the shop owes it.

// BalanceEntry is what a shopper has at the shop in one currency, with the
// credits that made it.
type BalanceEntry struct {
	Account string        `json:"account"`
	Amount  payment.Money `json:"amount"`
	Credits []CreditEntry `json:"credits"`
}

// CreditEntry is a captured payment that became a shopper's balance.
type CreditEntry struct {
	OrderID   string                    `json:"order_id"`
	PaymentID string                    `json:"payment_id"`
	Reference payment.MerchantReference `json:"reference"`
	Amount    payment.Money             `json:"amount"`
	At        time.Time                 `json:"at"`
}

// credit gives a capture to the balance of the order's shopper, once. The
// balance's row is locked after the order's, and nothing after it.
func (t *tx) credit(o *order, p *pay, now time.Time) error {
	fresh, err := t.changed(`INSERT INTO credits (payment_id, order_id, account, reference, amount_minor, currency, at)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		p.id, o.id, o.shopper, string(p.reference), p.captured.Minor, string(p.captured.Currency), now.UnixNano())
	if err != nil {
		return fmt.Errorf("credit payment %s: %w", p.reference, err)
	}
	if !fresh {
		return nil
	}
	err = t.exec(`INSERT INTO balances (account, currency, amount_minor) VALUES (?, ?, ?)
		ON CONFLICT (account, currency) DO UPDATE SET amount_minor = balances.amount_minor + excluded.amount_minor`,
		o.shopper, string(p.captured.Currency), p.captured.Minor)
	if err != nil {
		return fmt.Errorf("raise balance of %s: %w", o.shopper, err)
	}
	return nil
}

func (c *Checkout) bookBalances(ctx context.Context, books *Books) error {
	balances, err := readAll(ctx, c.store, "SELECT account, amount_minor, currency FROM balances ORDER BY account, currency",
		func(row scanner) (BalanceEntry, error) {
			b := BalanceEntry{Credits: []CreditEntry{}}
			return b, row.Scan(&b.Account, &b.Amount.Minor, &b.Amount.Currency)
		})
	if err != nil {
		return err
	}
	read := func(row scanner) (c CreditEntry, err error) {
		var account string
		var nanos int64
		if err := row.Scan(&account, &c.OrderID, &c.PaymentID, &c.Reference, &c.Amount.Minor, &c.Amount.Currency, &nanos); err != nil {
			return c, err
		}
		c.At = instant(nanos)
		at := slices.IndexFunc(balances, func(b BalanceEntry) bool {
			return b.Account == account && b.Amount.Currency == c.Amount.Currency
		})
		if at >= 0 {
			balances[at].Credits = append(balances[at].Credits, c)
		}
		return c, nil
	}
	_, err = readAll(ctx, c.store, "SELECT account, order_id, payment_id, reference, amount_minor, currency, at FROM credits ORDER BY at", read)
	books.Balances = append(books.Balances, balances...)
	return err
}
