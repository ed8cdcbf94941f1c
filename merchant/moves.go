package merchant

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/payquake/payquake/payment"
)

// This file holds every statement that changes a state. Each asks payment
// whether the move is legal, so that no path can invent a move.

func (t *tx) moveOrder(o *order, next payment.OrderState, now time.Time) error {
	if o.state == next {
		return nil
	}
	if !o.state.MayBecome(next) {
		return fmt.Errorf("order %s from %q to %q: %w", o.id, o.state, next, errMove)
	}
	o.state = next
	err := t.exec("UPDATE orders SET state = ?, next_action_at = 0 WHERE id = ?", string(next), o.id)
	if err != nil {
		return fmt.Errorf("move order %s: %w", o.id, err)
	}
	return t.remember(o.id, next, now)
}

func (t *tx) remember(orderID string, state payment.OrderState, now time.Time) error {
	err := t.exec("INSERT INTO order_history (order_id, state, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
		orderID, string(state), now.UnixNano())
	if err != nil {
		return fmt.Errorf("remember state of order %s: %w", orderID, err)
	}
	return nil
}

// movePay moves a payment and ends its work; whoever leaves it pending
// schedules it instead. When the last pending payment of an open order ends,
// the order's own expiry is due again.
func (t *tx) movePay(p *pay, next payment.State) error {
	if !p.state.MayBecome(next) {
		return fmt.Errorf("payment %s from %q to %q: %w", p.id, p.state, next, errMove)
	}
	p.state = next
	err := t.exec(`UPDATE payments SET state = ?, provider_reference = ?, captured_minor = ?, captured_currency = ?,
		captured_at = ?, next_action_at = 0 WHERE id = ?`,
		string(next), string(p.providerReference), p.captured.Minor, string(p.captured.Currency), nanos(p.capturedAt), p.id)
	if err != nil {
		return fmt.Errorf("move payment %s: %w", p.id, err)
	}
	return nil
}

func (t *tx) moveRefund(r *refund, next payment.RefundState, due time.Time) error {
	if !r.state.MayBecome(next) {
		return fmt.Errorf("refund %s from %q to %q: %w", r.id, r.state, next, errMove)
	}
	r.state = next
	err := t.exec("UPDATE refunds SET state = ?, provider_reference = ?, next_action_at = ? WHERE id = ?",
		string(next), string(r.providerReference), nanos(due), r.id)
	if err != nil {
		return fmt.Errorf("move refund %s: %w", r.id, err)
	}
	return nil
}

// reopen takes a paid order back to open. Only a wrong Policy comes here.
func (t *tx) reopen(o *order, now, expires time.Time) error {
	o.state = payment.OrderOpen
	if err := t.exec("UPDATE orders SET state = ?, next_action_at = ? WHERE id = ?", string(o.state), expires.UnixNano(), o.id); err != nil {
		return fmt.Errorf("reopen order %s: %w", o.id, err)
	}
	err := t.exec("UPDATE order_history SET at = ? WHERE order_id = ? AND state = ?", now.UnixNano(), o.id, string(o.state))
	if err != nil {
		return fmt.Errorf("remember state of order %s: %w", o.id, err)
	}
	return nil
}

// handOver lists what people must look at; listing it again changes nothing.
func (t *tx) handOver(p *pay, r *refund, reason string, now time.Time) error {
	id, refundID, reference, amount := p.id, "", string(p.reference), p.amount
	if !p.captured.IsZero() {
		amount = p.captured
	}
	if r != nil {
		id, refundID, reference, amount = r.id, r.id, string(r.reference), r.amount
	}
	err := t.exec(`INSERT INTO handed_over (id, at, order_id, payment_id, refund_id, reference, amount_minor, currency, reason)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		id, now.UnixNano(), p.orderID, p.id, refundID, reference, amount.Minor, string(amount.Currency), reason)
	if err != nil {
		return fmt.Errorf("hand over %s: %w", reference, err)
	}
	return nil
}

func (t *tx) insertOrder(o *order, expires time.Time) (bool, error) {
	inserted, err := t.changed(`INSERT INTO orders (id, order_key, fingerprint, shopper, description, lines, total_minor,
		currency, state, traceparent, created_at, next_action_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (order_key) DO NOTHING`,
		o.id, o.key, o.fingerprint, o.shopper, o.description, o.lines, o.total.Minor, string(o.total.Currency),
		string(o.state), o.traceparent, nanos(o.createdAt), nanos(expires))
	if err != nil || !inserted {
		return false, err
	}
	return true, t.remember(o.id, o.state, o.createdAt)
}

// insertPay makes the intent durable. Its row is held from the start, since
// the caller is about to send it; a crash leaves it to the workers.
func (t *tx) insertPay(p *pay) error {
	err := t.exec(`INSERT INTO payments (id, order_id, payment_key, provider, method, reference, amount_minor, currency,
		state, request_path, request_body, tries, created_at, next_action_at, busy_until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.id, p.orderID, p.key, string(p.provider), string(p.method), string(p.reference), p.amount.Minor,
		string(p.amount.Currency), string(p.state), p.request.Path, p.request.Body, p.tries, nanos(p.createdAt),
		nanos(p.createdAt), nanos(p.busyUntil))
	if err != nil {
		return fmt.Errorf("store payment %s: %w", p.reference, err)
	}
	return nil
}

func (t *tx) insertRefund(r *refund) (bool, error) {
	inserted, err := t.changed(`INSERT INTO refunds (id, order_id, payment_id, provider, request_id, reference,
		amount_minor, currency, state, cause, request_path, request_body, created_at, next_action_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (order_id, request_id) DO NOTHING`,
		r.id, r.orderID, r.paymentID, string(r.provider), r.requestID, string(r.reference), r.amount.Minor,
		string(r.amount.Currency), string(r.state), r.cause, r.request.Path, r.request.Body, nanos(r.createdAt), nanos(r.dueAt))
	if err != nil {
		return false, fmt.Errorf("store refund %s: %w", r.reference, err)
	}
	return inserted, nil
}

// insertRelease lets goods go when they are due, once per key.
func (t *tx) insertRelease(orderID, key string, due time.Time) error {
	err := t.exec(`INSERT INTO releases (id, order_id, created_at, next_action_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, key, orderID, due.UnixNano(), due.UnixNano())
	if err != nil {
		return fmt.Errorf("store release of order %s: %w", orderID, err)
	}
	return nil
}

// schedulePay keeps a pending payment's progress and frees its row. A payment
// that became final meanwhile is not woken again.
func (t *tx) schedulePay(p *pay, due time.Time) error {
	invitation, err := json.Marshal(p.invitation)
	if err != nil {
		return fmt.Errorf("write invitation: %w", err)
	}
	answered := 0
	if p.answered {
		answered = 1
	}
	err = t.exec(`UPDATE payments SET answered = ?, invitation = ?, tries = ?, asks = ?, absent_at = ?, next_action_at = ?,
		busy_until = 0 WHERE id = ? AND state = ?`,
		answered, string(invitation), p.tries, p.asks, nanos(p.absentAt), nanos(due), p.id, string(payment.Pending))
	if err != nil {
		return fmt.Errorf("schedule payment %s: %w", p.reference, err)
	}
	return nil
}

// hurryPays makes the pending payments of an order due that nobody works on.
func (t *tx) hurryPays(o *order, now time.Time) error {
	err := t.exec("UPDATE payments SET next_action_at = ? WHERE order_id = ? AND state = ? AND next_action_at > ? AND busy_until <= ?",
		now.UnixNano(), o.id, string(payment.Pending), now.UnixNano(), now.UnixNano())
	if err != nil {
		return fmt.Errorf("hurry payments of order %s: %w", o.id, err)
	}
	return nil
}

func (t *tx) scheduleRefund(r *refund, due time.Time) error {
	err := t.exec(`UPDATE refunds SET tries = ?, asks = ?, absent_at = ?, next_action_at = ?, busy_until = 0
		WHERE id = ? AND state IN ('requested', 'processing')`,
		r.tries, r.asks, nanos(r.absentAt), nanos(due), r.id)
	if err != nil {
		return fmt.Errorf("schedule refund %s: %w", r.reference, err)
	}
	return nil
}

// wakeOrder makes an open order's expiry due again, as far as it is still ahead.
func (t *tx) wakeOrder(o *order, expires time.Time) error {
	if o.state != payment.OrderOpen {
		return nil
	}
	if err := t.exec("UPDATE orders SET next_action_at = ? WHERE id = ?", expires.UnixNano(), o.id); err != nil {
		return fmt.Errorf("wake order %s: %w", o.id, err)
	}
	return nil
}
