package merchant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/payquake/payquake/payment"
)

// Line is one line of an order; Price is that of one piece.
type Line struct {
	Name     string        `json:"name"`
	Quantity int64         `json:"quantity"`
	Price    payment.Money `json:"price"`
}

// OrderRequest is what a shopper wants to buy. Key is the shopper's
// idempotency key: the same key is the same order.
type OrderRequest struct {
	Key     string        `json:"key"`
	Shopper string        `json:"shopper"`
	Lines   []Line        `json:"lines"`
	Total   payment.Money `json:"total"`
}

// maxQuantity keeps quantity times price inside int64 for any sane price.
const maxQuantity = 1_000_000

// validate checks that the total is the sum of the lines: the shop, not the
// shopper's device, decides what things cost.
func (r OrderRequest) validate() error {
	if r.Key == "" || len(r.Lines) == 0 {
		return fmt.Errorf("order needs a key and lines: %w", ErrInvalid)
	}
	var sum payment.Money
	for _, line := range r.Lines {
		if line.Quantity < 1 || line.Quantity > maxQuantity || line.Price.Minor < 0 || line.Price.Minor > 1e12 {
			return fmt.Errorf("line %q: quantity or price out of range: %w", line.Name, ErrInvalid)
		}
		next, err := sum.Add(payment.Money{Minor: line.Quantity * line.Price.Minor, Currency: line.Price.Currency})
		if err != nil {
			return fmt.Errorf("add line %q: %w: %w", line.Name, ErrInvalid, err)
		}
		sum = next
	}
	if sum != r.Total || sum.Minor < 1 || sum.Currency == "" {
		return fmt.Errorf("total %s is not the sum of the lines, %s: %w", r.Total, sum, ErrInvalid)
	}
	return nil
}

// fingerprint identifies the content, so that a key is not reused for another.
func (r OrderRequest) fingerprint() (string, error) {
	content, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write order: %w", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

// PlaceOrder stores an order. A repeated key returns the order it made, or
// ErrConflict if it asks for something else; created tells which. It fails
// with ErrInvalid when the total is not the sum of the lines.
func (c *Checkout) PlaceOrder(ctx context.Context, r OrderRequest) (view OrderView, created bool, err error) {
	o, err := c.newOrder(ctx, r)
	if err != nil {
		return OrderView{}, false, err
	}
	fingerprint := o.fingerprint
	err = c.store.update(ctx, func(t *tx) (err error) {
		if created, err = t.insertOrder(o, c.expiry(o)); err != nil || created {
			return err
		}
		o, err = scanOrder(t.row("SELECT "+orderColumns+" FROM orders WHERE order_key = ?", r.Key))
		return err
	})
	if err != nil {
		return OrderView{}, false, fmt.Errorf("place order: %w", err)
	}
	if o.fingerprint != fingerprint {
		return OrderView{}, false, fmt.Errorf("place order: key %q was used for another order: %w", r.Key, ErrConflict)
	}
	return o.view(), created, nil
}

// newOrder checks a request and makes the order of it, which is stored nowhere
// yet.
func (c *Checkout) newOrder(ctx context.Context, r OrderRequest) (*order, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	fingerprint, err := r.fingerprint()
	if err != nil {
		return nil, err
	}
	lines, err := json.Marshal(r.Lines)
	if err != nil {
		return nil, fmt.Errorf("write lines: %w", err)
	}
	return &order{
		id: newID("O"), key: r.Key, fingerprint: fingerprint, shopper: r.Shopper, description: describe(r.Lines),
		lines: string(lines), total: r.Total, state: payment.OrderOpen,
		refunded: payment.Money{Currency: r.Total.Currency}, traceparent: traceparent(ctx), createdAt: c.clock.Now(),
	}, nil
}

// describe names an order for the shopper's wallet, in at most 40 characters.
func describe(lines []Line) string {
	name := []rune(strings.TrimSpace(lines[0].Name))
	if len(name) == 0 {
		name = []rune("Order")
	}
	text := string(name[:min(len(name), 32)])
	if len(lines) > 1 {
		text += fmt.Sprintf(" +%d", len(lines)-1)
	}
	return text
}

func (c *Checkout) expiry(o *order) time.Time {
	return o.createdAt.Add(time.Duration(c.timers.OrderExpiry))
}

// expireOrder closes an order that nobody is paying any more. One with a
// pending payment goes back to sleep: the end of that payment wakes it.
func (c *Checkout) expireOrder(ctx context.Context, id string) error {
	return c.onOrder(ctx, id, func(t *tx, o *order) error {
		if err := t.exec("UPDATE orders SET busy_until = 0, next_action_at = 0 WHERE id = ?", id); err != nil {
			return fmt.Errorf("take up order %s: %w", id, err)
		}
		pending := 0
		row := t.row("SELECT COUNT(*) FROM payments WHERE order_id = ? AND state = ?", id, string(payment.Pending))
		if err := row.Scan(&pending); err != nil {
			return fmt.Errorf("count pending payments of %s: %w", id, err)
		}
		if pending > 0 || o.state.Terminal() {
			return nil
		}
		return t.moveOrder(o, payment.OrderClosed, c.clock.Now())
	})
}
