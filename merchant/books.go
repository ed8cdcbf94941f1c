package merchant

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/payment"
)

// OrderView is an order as the shop's API shows it.
type OrderView struct {
	ID       string             `json:"id"`
	Key      string             `json:"key"`
	State    payment.OrderState `json:"state"`
	Total    payment.Money      `json:"total"`
	Refunded payment.Money      `json:"refunded"`
	Payments []PaymentView      `json:"payments,omitempty"`
	Refunds  []RefundView       `json:"refunds,omitempty"`
}

// PaymentView is a payment as the shop's API shows it.
type PaymentView struct {
	ID     string        `json:"id"`
	Key    string        `json:"key"`
	State  payment.State `json:"state"`
	Amount payment.Money `json:"amount"`
	// Answered tells that the provider has answered; with Pending and false
	// the API says 202. It is not shown.
	Answered bool `json:"-"`
	Invitation
}

// RefundView is a refund as the shop's API shows it.
type RefundView struct {
	ID        string              `json:"id"`
	RequestID string              `json:"request_id"`
	State     payment.RefundState `json:"state"`
	Amount    payment.Money       `json:"amount"`
}

func (o *order) view() OrderView {
	return OrderView{ID: o.id, Key: o.key, State: o.state, Total: o.total, Refunded: o.refunded}
}

func (p *pay) view() PaymentView {
	return PaymentView{ID: p.id, Key: p.key, State: p.state, Amount: p.amount, Answered: p.answered, Invitation: p.invitation}
}

func (r *refund) view() RefundView {
	return RefundView{ID: r.id, RequestID: r.requestID, State: r.state, Amount: r.amount}
}

// ReadOrder shows an order with its payments and the refunds asked for.
func (c *Checkout) ReadOrder(ctx context.Context, id string) (OrderView, error) {
	o, err := c.readOrder(ctx, id)
	if err != nil {
		return OrderView{}, fmt.Errorf("read order: %w", err)
	}
	view := o.view()
	pays, err := readAll(ctx, c.store, "SELECT "+payColumns+" FROM payments WHERE order_id = ? ORDER BY created_at, id", scanPay, id)
	if err != nil {
		return OrderView{}, fmt.Errorf("read payments: %w", err)
	}
	for _, p := range pays {
		view.Payments = append(view.Payments, p.view())
	}
	refunds, err := readAll(ctx, c.store, "SELECT "+refundColumns+" FROM refunds WHERE order_id = ? ORDER BY created_at, id", scanRefund, id)
	if err != nil {
		return OrderView{}, fmt.Errorf("read refunds: %w", err)
	}
	for _, r := range refunds {
		view.Refunds = append(view.Refunds, r.view())
	}
	return view, nil
}

// Books are all the merchant believes, for reconciliation and for a judge.
type Books struct {
	Orders     []OrderEntry   `json:"orders"`
	Payments   []PaymentEntry `json:"payments"`
	Refunds    []RefundEntry  `json:"refunds"`
	HandedOver []HandedEntry  `json:"handed_over"`
	Balances   []BalanceEntry `json:"balances"`
}

// OrderEntry is an order in the books; Released are the releases that
// fulfilment took.
type OrderEntry struct {
	ID       string             `json:"id"`
	Key      string             `json:"key"`
	State    payment.OrderState `json:"state"`
	Total    payment.Money      `json:"total"`
	Refunded payment.Money      `json:"refunded"`
	History  []StateEntry       `json:"history"`
	Released []ReleaseEntry     `json:"released"`
}

// StateEntry is when an order entered a state.
type StateEntry struct {
	State payment.OrderState `json:"state"`
	At    time.Time          `json:"at"`
}

// ReleaseEntry is a release that fulfilment took.
type ReleaseEntry struct {
	IdempotencyKey string    `json:"idempotency_key"`
	At             time.Time `json:"at"`
}

// PaymentEntry is a payment in the books. Captured is what the provider says
// it took, zero if nothing.
type PaymentEntry struct {
	ID                string                    `json:"id"`
	OrderID           string                    `json:"order_id"`
	Provider          payment.ProviderName      `json:"provider"`
	Method            payment.Method            `json:"method"`
	Reference         payment.MerchantReference `json:"reference"`
	ProviderReference payment.ProviderReference `json:"provider_reference"`
	State             payment.State             `json:"state"`
	Amount            payment.Money             `json:"amount"`
	Captured          payment.Money             `json:"captured"`
	CapturedAt        time.Time                 `json:"captured_at,omitzero"`
}

// RefundEntry is a refund in the books. Cause is asked, late, second or
// wrong-amount.
type RefundEntry struct {
	ID                string                    `json:"id"`
	OrderID           string                    `json:"order_id"`
	PaymentID         string                    `json:"payment_id"`
	RequestID         string                    `json:"request_id"`
	Reference         payment.RefundReference   `json:"reference"`
	ProviderReference payment.ProviderReference `json:"provider_reference"`
	Amount            payment.Money             `json:"amount"`
	State             payment.RefundState       `json:"state"`
	Cause             string                    `json:"cause"`
}

// HandedEntry is one matter listed for people. Reference is the refund's when
// RefundID is set, else the payment's.
type HandedEntry struct {
	At        time.Time     `json:"at"`
	OrderID   string        `json:"order_id"`
	PaymentID string        `json:"payment_id"`
	RefundID  string        `json:"refund_id,omitempty"`
	Reference string        `json:"reference"`
	Amount    payment.Money `json:"amount"`
	Reason    string        `json:"reason"`
}

// Books reads everything, table by table: one pass each, joined in memory. A
// merchant at rest has consistent books; one at work may be seen between two
// of its moves.
func (c *Checkout) Books(ctx context.Context) (Books, error) {
	books := Books{Orders: []OrderEntry{}, Payments: []PaymentEntry{}, Refunds: []RefundEntry{}, HandedOver: []HandedEntry{}, Balances: []BalanceEntry{}}
	for _, read := range []func(context.Context, *Books) error{c.bookOrders, c.bookPayments, c.bookRefunds, c.bookHandedOver, c.bookBalances} {
		if err := read(ctx, &books); err != nil {
			return Books{}, fmt.Errorf("read books: %w", err)
		}
	}
	return books, nil
}

// readAll reads all rows of a query outside of any transaction.
func readAll[T any](ctx context.Context, s *Store, query string, read func(scanner) (T, error), args ...any) ([]T, error) {
	rows, err := s.reads.QueryContext(ctx, s.bind(query), args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, read)
}

func (c *Checkout) bookOrders(ctx context.Context, books *Books) error {
	orders, err := readAll(ctx, c.store, "SELECT "+orderColumns+" FROM orders ORDER BY created_at, id", scanOrder)
	if err != nil {
		return err
	}
	at := make(map[string]int, len(orders))
	for i, o := range orders {
		at[o.id] = i
		books.Orders = append(books.Orders, OrderEntry{
			ID: o.id, Key: o.key, State: o.state, Total: o.total, Refunded: o.refunded,
			History: []StateEntry{}, Released: []ReleaseEntry{},
		})
	}
	read := func(row scanner) (orderID string, err error) {
		var what string
		var nanos int64
		if err := row.Scan(&orderID, &what, &nanos); err != nil {
			return "", err
		}
		if i, known := at[orderID]; known {
			entry := &books.Orders[i]
			entry.History = append(entry.History, StateEntry{State: payment.OrderState(what), At: instant(nanos)})
		}
		return orderID, nil
	}
	if _, err := readAll(ctx, c.store, "SELECT order_id, state, at FROM order_history ORDER BY at", read); err != nil {
		return err
	}
	readRelease := func(row scanner) (orderID string, err error) {
		var key string
		var nanos int64
		if err := row.Scan(&orderID, &key, &nanos); err != nil {
			return "", err
		}
		if i, known := at[orderID]; known {
			entry := &books.Orders[i]
			entry.Released = append(entry.Released, ReleaseEntry{IdempotencyKey: key, At: instant(nanos)})
		}
		return orderID, nil
	}
	_, err = readAll(ctx, c.store,
		"SELECT order_id, id, released_at FROM releases WHERE released_at > 0 ORDER BY released_at", readRelease)
	return err
}

func (c *Checkout) bookPayments(ctx context.Context, books *Books) error {
	pays, err := readAll(ctx, c.store, "SELECT "+payColumns+" FROM payments ORDER BY created_at, id", scanPay)
	for _, p := range pays {
		books.Payments = append(books.Payments, PaymentEntry{
			ID: p.id, OrderID: p.orderID, Provider: p.provider, Method: p.method, Reference: p.reference,
			ProviderReference: p.providerReference, State: p.state, Amount: p.amount, Captured: p.captured, CapturedAt: p.capturedAt,
		})
	}
	return err
}

func (c *Checkout) bookRefunds(ctx context.Context, books *Books) error {
	refunds, err := readAll(ctx, c.store, "SELECT "+refundColumns+" FROM refunds ORDER BY created_at, id", scanRefund)
	for _, r := range refunds {
		books.Refunds = append(books.Refunds, RefundEntry{
			ID: r.id, OrderID: r.orderID, PaymentID: r.paymentID, RequestID: r.requestID, Reference: r.reference,
			ProviderReference: r.providerReference, Amount: r.amount, State: r.state, Cause: r.cause,
		})
	}
	return err
}

func (c *Checkout) bookHandedOver(ctx context.Context, books *Books) error {
	read := func(row scanner) (HandedEntry, error) {
		var h HandedEntry
		var nanos int64
		err := row.Scan(&nanos, &h.OrderID, &h.PaymentID, &h.RefundID, &h.Reference, &h.Amount.Minor, &h.Amount.Currency, &h.Reason)
		h.At = instant(nanos)
		return h, err
	}
	handed, err := readAll(ctx, c.store, `SELECT at, order_id, payment_id, refund_id, reference, amount_minor, currency, reason
		FROM handed_over ORDER BY at`, read)
	books.HandedOver = append(books.HandedOver, handed...)
	return err
}
