package merchant

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/payquake/payquake/payment"
)

// holdRelease reports ErrBusy while an attempt to release goods of the order
// is in the air, or was made and not answered: whether a full refund came before or after the goods left
// must not be left to chance.
func (c *Checkout) holdRelease(t *tx, o *order) error {
	flying := 0
	row := t.row(`SELECT COUNT(*) FROM releases WHERE order_id = ? AND released_at = 0
		AND (busy_until > ? OR tries > 0 AND next_action_at > 0)`, o.id, c.clock.Now().UnixNano())
	if err := row.Scan(&flying); err != nil {
		return fmt.Errorf("look for releases of order %s: %w", o.id, err)
	}
	if flying > 0 {
		return fmt.Errorf("goods of order %s are being released: %w", o.id, ErrBusy)
	}
	return nil
}

// letter is what fulfilment receives.
type letter struct {
	OrderID        string `json:"order_id"`
	OrderKey       string `json:"order_key"`
	IdempotencyKey string `json:"idempotency_key"`
}

// advanceRelease posts a release until fulfilment has taken it. Goods of an
// order whose whole capture goes back, or may, stay.
func (c *Checkout) advanceRelease(ctx context.Context, key string) error {
	var o *order
	var tries int
	send := false
	err := c.store.update(ctx, func(t *tx) error {
		var orderID string
		if err := t.row("SELECT order_id FROM releases WHERE id = ?", key).Scan(&orderID); err != nil {
			return absent(err, "release")
		}
		var err error
		if o, err = t.lockOrder(orderID); err != nil {
			return err
		}
		row := t.row("SELECT tries FROM releases WHERE id = ? AND released_at = 0 AND next_action_at > 0", key)
		if err := row.Scan(&tries); err != nil {
			return absent(err, "open release")
		}
		if send, err = c.mayRelease(t, o); err != nil {
			return err
		}
		if !send {
			return t.exec("UPDATE releases SET next_action_at = 0, busy_until = 0 WHERE id = ?", key)
		}
		return t.exec("UPDATE releases SET tries = tries + 1 WHERE id = ?", key)
	})
	if err != nil || !send {
		return err
	}
	refusal := c.post(inTraceOf(ctx, o), letter{OrderID: o.id, OrderKey: o.key, IdempotencyKey: key})
	now := c.clock.Now()
	return c.store.update(ctx, func(t *tx) error {
		if refusal != nil {
			due := now.Add(wait(c.timers.OutboxEvery))
			return t.exec("UPDATE releases SET next_action_at = ?, busy_until = 0 WHERE id = ?", due.UnixNano(), key)
		}
		return t.exec("UPDATE releases SET released_at = ?, next_action_at = 0, busy_until = 0 WHERE id = ?", now.UnixNano(), key)
	})
}

// mayRelease reports whether an order is paid and stays so.
func (c *Checkout) mayRelease(t *tx, o *order) (bool, error) {
	if o.state != payment.OrderPaid {
		return false, nil
	}
	p, err := t.pay(o.paidBy)
	if err != nil {
		return false, err
	}
	all, err := t.refunds(o.id)
	if err != nil {
		return false, err
	}
	taken, err := refundedOf(all, p.id, notRefused)
	return taken.Minor < p.captured.Minor, err
}

// post hands one letter to fulfilment; any 2xx means it has it.
func (c *Checkout) post(ctx context.Context, l letter) error {
	body, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write release: %w", err)
	}
	limited, cancel := c.bounded(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodPost, c.settings.FulfilmentURL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("address fulfilment: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", l.IdempotencyKey)
	response, err := c.settings.Client.Do(request)
	if err != nil {
		return fmt.Errorf("post release: %w", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)); err != nil {
		return fmt.Errorf("read fulfilment's answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("fulfilment answered %s", response.Status)
	}
	return nil
}
