package merchant

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/payquake/payquake/payment"
)

// CancelOrder closes an open order because its shopper wants it no more. Payments
// under way are ended by their own work; money that comes all the same goes back.
// Cancelling again changes nothing; a paid order is not cancelled but refunded:
// ErrConflict.
func (c *Checkout) CancelOrder(ctx context.Context, id string) (OrderView, error) {
	err := c.onOrder(ctx, id, func(t *tx, o *order) error {
		switch o.state {
		case payment.OrderClosed:
			return nil
		case payment.OrderOpen:
		default:
			return fmt.Errorf("order is %s: %w", o.state, ErrConflict)
		}
		if err := t.moveOrder(o, payment.OrderClosed, c.clock.Now()); err != nil {
			return err
		}
		c.wakeAfter(t, "payments")
		return t.hurryPays(o, c.clock.Now())
	})
	if err != nil {
		return OrderView{}, fmt.Errorf("cancel order: %w", err)
	}
	return c.ReadOrder(ctx, id)
}

// BasketChange is what an order shall be of instead.
type BasketChange struct {
	Lines []Line        `json:"lines"`
	Total payment.Money `json:"total"`
}

// ChangeOrder changes what an open order is of. Once a payment was begun the price
// that the shopper's wallet shows stands, and so does the order: ErrConflict.
func (c *Checkout) ChangeOrder(ctx context.Context, id string, change BasketChange) (OrderView, error) {
	if err := (OrderRequest{Key: id, Lines: change.Lines, Total: change.Total}).validate(); err != nil {
		return OrderView{}, err
	}
	lines, err := json.Marshal(change.Lines)
	if err != nil {
		return OrderView{}, fmt.Errorf("write lines: %w", err)
	}
	err = c.onOrder(ctx, id, func(t *tx, o *order) error {
		begun, err := t.pays(o.id)
		if err != nil {
			return err
		}
		if (o.state != payment.OrderOpen || len(begun) > 0) && !c.policy.ChangesWhilePaying() {
			return fmt.Errorf("order is %s and being paid: %w", o.state, ErrConflict)
		}
		return t.exec("UPDATE orders SET lines = ?, description = ?, total_minor = ?, currency = ? WHERE id = ?",
			string(lines), describe(change.Lines), change.Total.Minor, string(change.Total.Currency), o.id)
	})
	if err != nil {
		return OrderView{}, fmt.Errorf("change order: %w", err)
	}
	return c.ReadOrder(ctx, id)
}

// ReturnToOrder is what a shopper's browser says on coming back from a provider's
// page. It proves nothing: the payments of the order are asked about now, instead
// of at their time.
func (c *Checkout) ReturnToOrder(ctx context.Context, id string) (OrderView, error) {
	err := c.onOrder(ctx, id, func(t *tx, o *order) error {
		if c.policy.TrustsReturn() {
			return c.believeReturn(t, o)
		}
		c.wakeAfter(t, "payments")
		return t.hurryPays(o, c.clock.Now())
	})
	if err != nil {
		return OrderView{}, fmt.Errorf("return to order: %w", err)
	}
	return c.ReadOrder(ctx, id)
}

// believeReturn books the pending payments of an order as made, in full. Only a
// wrong Policy comes here.
func (c *Checkout) believeReturn(t *tx, o *order) error {
	begun, err := t.pays(o.id)
	if err != nil {
		return err
	}
	for _, p := range begun {
		if p.state == payment.Pending {
			return c.book(t, o, p, Trade{Reference: p.reference, Standing: Paid, Amount: p.amount, PaidAt: c.clock.Now()})
		}
	}
	return nil
}
