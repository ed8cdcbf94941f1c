package merchant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/payquake/payquake/payment"
)

// A basket holds orders of several shops that are paid with one payment. Its
// orders are ordinary ones: each is captured under a reference of its own,
// released, refunded and closed by itself. What they share is only how their
// payments are started: by one request, whose bytes every part keeps, so that
// each can go on alone where a killed process was.

// BasketRequest is what a shopper wants to buy of several shops at once. Key is
// the shopper's idempotency key for the whole.
type BasketRequest struct {
	Key    string         `json:"key"`
	Orders []OrderRequest `json:"orders"`
}

// BasketView is a basket as the shop's API shows it.
type BasketView struct {
	ID     string      `json:"id"`
	Key    string      `json:"key"`
	Orders []OrderView `json:"orders"`
}

// PlaceBasket stores the orders of a basket, all or none. A repeated key
// returns the basket it made, or ErrConflict if it asks for something else;
// created tells which. It fails with ErrInvalid for fewer than two orders, and
// for an order whose total is not the sum of its lines.
func (c *Checkout) PlaceBasket(ctx context.Context, r BasketRequest) (view BasketView, created bool, err error) {
	if r.Key == "" || len(r.Orders) < 2 {
		return BasketView{}, false, fmt.Errorf("place basket: a key and at least two orders are needed: %w", ErrInvalid)
	}
	b := basket{id: newID("B"), key: r.Key}
	if b.fingerprint, err = r.fingerprint(); err != nil {
		return BasketView{}, false, err
	}
	var orders []*order
	for _, asked := range r.Orders {
		o, err := c.newOrder(ctx, asked)
		if err != nil {
			return BasketView{}, false, fmt.Errorf("place basket: %w", err)
		}
		orders = append(orders, o)
		b.orderIDs = append(b.orderIDs, o.id)
	}
	asked := b.fingerprint
	err = c.store.update(ctx, func(t *tx) error {
		if created, err = t.insertBasket(b); err != nil {
			return err
		}
		if !created {
			b, err = scanBasket(t.row("SELECT "+basketColumns+" FROM baskets WHERE basket_key = ?", r.Key))
			return err
		}
		for _, o := range orders {
			fresh, err := t.insertOrder(o, c.expiry(o))
			if err == nil && !fresh {
				err = fmt.Errorf("order key %q was used before: %w", o.key, ErrConflict)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return BasketView{}, false, fmt.Errorf("place basket: %w", err)
	case b.fingerprint != asked:
		return BasketView{}, false, fmt.Errorf("place basket: key %q was used for another basket: %w", r.Key, ErrConflict)
	}
	if view, err = c.viewBasket(ctx, b); err != nil {
		return BasketView{}, false, err
	}
	return view, created, nil
}

// fingerprint tells a repeated request from another one under the same key.
func (r BasketRequest) fingerprint() (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write basket: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

func (c *Checkout) viewBasket(ctx context.Context, b basket) (BasketView, error) {
	view := BasketView{ID: b.id, Key: b.key}
	for _, id := range b.orderIDs {
		o, err := c.readOrder(ctx, id)
		if err != nil {
			return BasketView{}, fmt.Errorf("read basket: %w", err)
		}
		view.Orders = append(view.Orders, o.view())
	}
	return view, nil
}

// StartBasket starts one payment for all orders of a basket, or goes on with
// the one the key already names. All its orders must be open. It fails with
// ErrInvalid when the provider does not combine payments.
func (c *Checkout) StartBasket(ctx context.Context, basketID string, r StartRequest) (PaymentView, error) {
	provider, err := c.provider(r.Provider)
	if err != nil {
		return PaymentView{}, err
	}
	if r.Key == "" || r.Method == payment.MethodBarcode {
		return PaymentView{}, fmt.Errorf("start basket: a key and a method with a code are needed: %w", ErrInvalid)
	}
	b, err := scanBasket(c.store.reads.QueryRowContext(ctx, c.store.bind("SELECT "+basketColumns+" FROM baskets WHERE id = ?"), basketID))
	if err != nil {
		return PaymentView{}, fmt.Errorf("start basket: %w", err)
	}
	var parts []*pay
	var send bool
	err = c.store.update(ctx, func(t *tx) (err error) {
		parts, send, err = c.chooseBasketStart(t, b, r, provider)
		return err
	})
	if !send && err == nil {
		return parts[0].view(), nil
	}
	booked := parts
	if err == nil {
		booked, err = c.sendParts(context.WithoutCancel(ctx), parts, provider)
	}
	if err != nil {
		if send {
			for _, part := range parts {
				c.unsure.add(part.held())
			}
		}
		return PaymentView{}, fmt.Errorf("start basket: %w", err)
	}
	return booked[0].view(), nil
}

// chooseBasketStart finds the parts that the request is about, or stores new
// ones; send tells whether the caller is to send their request now. The orders
// are locked in the order of their ids, as everywhere: two baskets that share
// orders must not wait for each other.
func (c *Checkout) chooseBasketStart(t *tx, b basket, r StartRequest, provider Provider) (parts []*pay, send bool, err error) {
	locked := map[string]*order{}
	for _, id := range slices.Sorted(slices.Values(b.orderIDs)) {
		if locked[id], err = t.lockOrder(id); err != nil {
			return nil, false, err
		}
	}
	for _, id := range b.orderIDs {
		started, err := t.pays(id)
		if err != nil {
			return nil, false, err
		}
		at := slices.IndexFunc(started, func(p *pay) bool { return p.key == r.Key })
		if at >= 0 {
			parts = append(parts, started[at])
		}
	}
	if len(parts) > 0 {
		first := parts[0]
		alone := func(p *pay) bool { return p.request != first.request }
		if first.method != r.Method || first.provider != r.Provider || len(parts) != len(b.orderIDs) || slices.ContainsFunc(parts, alone) {
			return nil, false, fmt.Errorf("key %q was used for another payment: %w", r.Key, ErrConflict)
		}
		return parts, false, nil // the workers go on with what is unanswered
	}
	return c.newParts(t, b, locked, r, provider)
}

// newParts stores a payment for each order, all with the one request.
func (c *Checkout) newParts(t *tx, b basket, locked map[string]*order, r StartRequest, provider Provider) ([]*pay, bool, error) {
	now := c.clock.Now()
	whole := &pay{reference: payment.MerchantReference(newID("C")), method: r.Method, createdAt: now}
	var parts []*pay
	var names []string
	intent := c.intent(&order{}, whole, r)
	for _, id := range b.orderIDs {
		o := locked[id]
		if o.state != payment.OrderOpen {
			return nil, false, fmt.Errorf("order %s is %s: %w", o.id, o.state, ErrConflict)
		}
		part := &pay{id: newID("Y"), orderID: o.id, key: r.Key, provider: r.Provider, method: r.Method,
			reference: payment.MerchantReference(newID("P")), amount: o.total, state: payment.Pending, tries: 1, createdAt: now,
			busyUntil: now.Add(c.timers.lease())}
		sum, err := intent.Amount.Add(o.total)
		if err != nil {
			return nil, false, fmt.Errorf("add up the basket: %w: %w", ErrInvalid, err)
		}
		intent.Amount = sum
		intent.Parts = append(intent.Parts, Part{Reference: part.reference, Amount: o.total, Description: o.description})
		names = append(names, o.description)
		parts = append(parts, part)
	}
	intent.Description = strings.Join(names, ", ")
	request, err := provider.PrepareStart(intent)
	if err != nil {
		return nil, false, err
	}
	for _, part := range parts {
		part.request = request
		if err := t.insertPay(part); err != nil {
			return nil, false, err
		}
	}
	return parts, true, nil
}

// sendParts sends the request of a combined payment once and books its answer
// to every part.
func (c *Checkout) sendParts(ctx context.Context, parts []*pay, provider Provider) ([]*pay, error) {
	limited, cancel := c.bounded(ctx)
	answer := provider.Start(limited, parts[0].asked(), parts[0].request)
	cancel()
	booked := make([]*pay, len(parts))
	for i, part := range parts {
		fresh, err := c.onPay(ctx, part, func(t *tx, o *order, fresh *pay) error { return c.bookStart(t, o, fresh, answer) })
		if err != nil {
			return nil, err
		}
		booked[i] = fresh
	}
	return booked, nil
}

// basket is one row of baskets.
type basket struct {
	id, key, fingerprint string
	orderIDs             []string
}

const basketColumns = "id, basket_key, fingerprint, order_ids"

func scanBasket(row scanner) (basket, error) {
	var b basket
	var ids string
	err := row.Scan(&b.id, &b.key, &b.fingerprint, &ids)
	b.orderIDs = strings.Fields(ids)
	return b, absent(err, "basket")
}

func (t *tx) insertBasket(b basket) (bool, error) {
	inserted, err := t.changed(`INSERT INTO baskets (id, basket_key, fingerprint, order_ids) VALUES (?, ?, ?, ?)
		ON CONFLICT (basket_key) DO NOTHING`, b.id, b.key, b.fingerprint, strings.Join(b.orderIDs, " "))
	if err != nil {
		return false, fmt.Errorf("store basket %s: %w", b.id, err)
	}
	return inserted, nil
}
