package merchant

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/payquake/payquake/payment"
)

// Errors the checkout's callers must tell apart; all are wrapped.
var (
	ErrInvalid  = errors.New("invalid")      // the request can never be right
	ErrNotFound = errors.New("not found")    // nothing under this id or reference
	ErrConflict = errors.New("conflict")     // right in itself, not in this state
	ErrBusy     = errors.New("busy")         // ask again in a moment
	errMove     = errors.New("illegal move") // a bug of ours; nothing is written
)

// order is one row of orders.
type order struct {
	id, key, fingerprint, shopper, description, lines string
	total                                             payment.Money
	state                                             payment.OrderState
	refunded                                          payment.Money
	paidBy, traceparent                               string
	createdAt                                         time.Time
}

const orderColumns = `id, order_key, fingerprint, shopper, description, lines, total_minor, currency, state,
	refunded_minor, paid_by, traceparent, created_at`

func scanOrder(row scanner) (*order, error) {
	var o order
	var created int64
	err := row.Scan(&o.id, &o.key, &o.fingerprint, &o.shopper, &o.description, &o.lines, &o.total.Minor,
		&o.total.Currency, &o.state, &o.refunded.Minor, &o.paidBy, &o.traceparent, &created)
	o.refunded.Currency, o.createdAt = o.total.Currency, instant(created)
	return &o, absent(err, "order")
}

// pay is one row of payments. absentAt is when the provider first said that
// it knows nothing of it; answered is whether a create call was ever answered.
type pay struct {
	id, orderID, key      string
	provider              payment.ProviderName
	method                payment.Method
	reference             payment.MerchantReference
	providerReference     payment.ProviderReference
	amount                payment.Money
	state                 payment.State
	captured              payment.Money
	capturedAt            time.Time
	request               Request
	answered              bool
	invitation            Invitation
	tries, asks           int
	absentAt, createdAt   time.Time
	nextAction, busyUntil time.Time
}

const payColumns = `id, order_id, payment_key, provider, method, reference, provider_reference, amount_minor,
	currency, state, captured_minor, captured_currency, captured_at, request_path, request_body, answered, invitation,
	tries, asks, absent_at, created_at, next_action_at, busy_until`

func scanPay(row scanner) (*pay, error) {
	var p pay
	var capturedAt, answered, absentAt, created, next, busy int64
	var invitation string
	err := row.Scan(&p.id, &p.orderID, &p.key, &p.provider, &p.method, &p.reference, &p.providerReference,
		&p.amount.Minor, &p.amount.Currency, &p.state, &p.captured.Minor, &p.captured.Currency, &capturedAt,
		&p.request.Path, &p.request.Body, &answered, &invitation, &p.tries, &p.asks, &absentAt, &created, &next, &busy)
	if err != nil {
		return nil, absent(err, "payment")
	}
	if err := json.Unmarshal([]byte(invitation), &p.invitation); err != nil {
		return nil, fmt.Errorf("read invitation of %s: %w", p.id, err)
	}
	p.capturedAt, p.answered, p.absentAt = instant(capturedAt), answered != 0, instant(absentAt)
	p.createdAt, p.nextAction, p.busyUntil = instant(created), instant(next), instant(busy)
	return &p, nil
}

func (p *pay) asked() Asked {
	return Asked{Reference: p.reference, Method: p.method, Request: p.request}
}

func (r *refund) asked(p *pay) RefundAsked {
	return RefundAsked{Payment: p.reference, Refund: r.reference, Request: r.request}
}

func (p *pay) held() hold { return hold{table: "payments", id: p.id, until: p.busyUntil} }

func (p *pay) barcode() bool { return p.method == payment.MethodBarcode }

// Why a refund was made.
const (
	causeAsked       = "asked"        // the shopper or the shop wants it
	causeLate        = "late"         // the order was closed when the money came
	causeSecond      = "second"       // the order was already paid
	causeWrongAmount = "wrong-amount" // the capture is not what was due
)

// refund is one row of refunds.
type refund struct {
	id, orderID, paymentID string
	provider               payment.ProviderName
	requestID              string
	reference              payment.RefundReference
	providerReference      payment.ProviderReference
	amount                 payment.Money
	state                  payment.RefundState
	cause                  string
	request                Request
	tries, asks            int
	absentAt, createdAt    time.Time
	dueAt                  time.Time // when it is first asked for; only while it is new
}

const refundColumns = `id, order_id, payment_id, provider, request_id, reference, provider_reference, amount_minor,
	currency, state, cause, request_path, request_body, tries, asks, absent_at, created_at`

func scanRefund(row scanner) (*refund, error) {
	var r refund
	var absentAt, created int64
	err := row.Scan(&r.id, &r.orderID, &r.paymentID, &r.provider, &r.requestID, &r.reference, &r.providerReference,
		&r.amount.Minor, &r.amount.Currency, &r.state, &r.cause, &r.request.Path, &r.request.Body, &r.tries, &r.asks,
		&absentAt, &created)
	r.absentAt, r.createdAt = instant(absentAt), instant(created)
	return &r, absent(err, "refund")
}

// automatic reports whether nobody asked for the refund.
func (r *refund) automatic() bool { return r.cause != causeAsked }

// absent gives a missing row our own error class.
func absent(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return err
}

// lockOrder reads an order and holds it until the transaction ends. Every
// change to anything that belongs to an order takes this lock first; there is
// no other lock order.
func (t *tx) lockOrder(id string) (*order, error) {
	return scanOrder(t.row("SELECT "+orderColumns+" FROM orders WHERE id = ?"+t.store.forUpdate(), id))
}

func (t *tx) pay(id string) (*pay, error) {
	return scanPay(t.row("SELECT "+payColumns+" FROM payments WHERE id = ?", id))
}

func (t *tx) refund(id string) (*refund, error) {
	return scanRefund(t.row("SELECT "+refundColumns+" FROM refunds WHERE id = ?", id))
}

func (t *tx) refunds(orderID string) ([]*refund, error) {
	rows, err := t.rows("SELECT "+refundColumns+" FROM refunds WHERE order_id = ? ORDER BY created_at, id", orderID)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanRefund)
}

func (t *tx) pays(orderID string) ([]*pay, error) {
	rows, err := t.rows("SELECT "+payColumns+" FROM payments WHERE order_id = ? ORDER BY created_at, id", orderID)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanPay)
}

// newID makes an unguessable id of 1+26 letters and digits, which every
// provider accepts as a reference.
func newID(prefix string) string { return prefix + rand.Text() }
