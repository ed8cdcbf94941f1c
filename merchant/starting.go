package merchant

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/payment"
)

// StartRequest asks to start a payment for an order. Key is an idempotency
// key within the order.
type StartRequest struct {
	Key       string               `json:"key"`
	Provider  payment.ProviderName `json:"provider"`
	Method    payment.Method       `json:"method"`
	AuthCode  string               `json:"auth_code,omitempty"`
	ShopperID string               `json:"shopper_id,omitempty"`
	// Address is the shopper's IP address as the shop saw it.
	Address string `json:"-"`
}

// StartPayment starts a payment of an open order, or goes on with the one the
// key already names. A barcode payment is never charged again while one of the
// order is undecided. What is undecided at the end is pending, and the workers
// go on with it.
func (c *Checkout) StartPayment(ctx context.Context, orderID string, r StartRequest) (PaymentView, error) {
	provider, err := c.provider(r.Provider)
	if err != nil {
		return PaymentView{}, err
	}
	if r.Key == "" {
		return PaymentView{}, fmt.Errorf("start payment: key is missing: %w", ErrInvalid)
	}
	var p *pay
	var send bool
	err = c.onOrder(ctx, orderID, func(t *tx, o *order) (err error) {
		p, send, err = c.chooseStart(t, o, r, provider)
		return err
	})
	if !send && err == nil {
		return p.view(), nil
	}
	booked := p
	if err == nil {
		// The shopper's connection may break; the call must still be booked.
		booked, err = c.send(context.WithoutCancel(ctx), p, provider)
	}
	if err != nil {
		if send {
			c.unsure.add(p.held())
		}
		return PaymentView{}, fmt.Errorf("start payment: %w", err)
	}
	return booked.view(), nil
}

// chooseStart finds the payment the request is about, or stores a new one;
// send tells whether the caller is to send its request now.
func (c *Checkout) chooseStart(t *tx, o *order, r StartRequest, provider Provider) (p *pay, send bool, err error) {
	started, err := t.pays(o.id)
	if err != nil {
		return nil, false, err
	}
	for _, p := range started {
		if p.key != r.Key {
			continue
		}
		if p.method != r.Method || p.provider != r.Provider {
			return nil, false, fmt.Errorf("key %q was used for another payment: %w", r.Key, ErrConflict)
		}
		return c.repeatStart(t, o, p, r)
	}
	if o.state != payment.OrderOpen {
		return nil, false, fmt.Errorf("order is %s: %w", o.state, ErrConflict)
	}
	for _, p := range started {
		if r.Method == payment.MethodBarcode && p.barcode() && p.state == payment.Pending {
			return c.repeatStart(t, o, p, r)
		}
		if p.state == payment.Pending && c.policy.OffersOneCode() {
			return nil, false, fmt.Errorf("the order can be paid already: %w", ErrConflict)
		}
	}
	p = &pay{
		id: newID("Y"), orderID: o.id, key: r.Key, provider: r.Provider, method: r.Method,
		reference: c.policy.ReferenceFor(o.shopper, o.lines), amount: c.policy.Ask(o.total), state: payment.Pending,
		tries: 1, createdAt: c.clock.Now(),
	}
	if p.reference == "" {
		p.reference = payment.MerchantReference(newID("P"))
	}
	if p.request, err = provider.PrepareStart(c.intent(o, p, r)); err != nil {
		return nil, false, err
	}
	p.busyUntil = p.createdAt.Add(c.timers.lease())
	return p, true, t.insertPay(p)
}

func (c *Checkout) intent(o *order, p *pay, r StartRequest) StartIntent {
	return StartIntent{
		Reference: p.reference, Method: p.method, Amount: p.amount, Description: o.description,
		AuthCode: r.AuthCode, ShopperID: r.ShopperID, ShopperAddress: r.Address,
		ExpiresAt: p.createdAt.Add(time.Duration(c.timers.GiveUpAfter)),
	}
}

// repeatStart goes on with a payment that was started before. Only a create
// that nobody answered is sent again, as it was; a barcode never, because
// asking is safe and charging is not.
func (c *Checkout) repeatStart(t *tx, o *order, p *pay, r StartRequest) (*pay, bool, error) {
	now := c.clock.Now()
	if p.state != payment.Pending || o.state != payment.OrderOpen {
		return p, false, nil
	}
	if p.barcode() {
		if c.policy.ChargeAgain(p.reference) {
			return c.chargeAgain(t, o, p, r)
		}
		return p, false, nil
	}
	anew, err := c.recreates(t, o, p)
	if p.answered || anew || err != nil || p.busyUntil.After(now) {
		return p, false, err
	}
	p.tries++
	p.busyUntil = now.Add(c.timers.lease())
	err = t.exec("UPDATE payments SET tries = ?, busy_until = ? WHERE id = ?", p.tries, nanos(p.busyUntil), p.id)
	return p, true, err
}

// chargeAgain puts a new reference in the place of the undecided one, as a
// till does that makes its reference per attempt. Only a wrong Policy comes here.
func (c *Checkout) chargeAgain(t *tx, o *order, p *pay, r StartRequest) (*pay, bool, error) {
	provider, err := c.provider(p.provider)
	if err != nil {
		return nil, false, err
	}
	p.reference, p.createdAt = payment.MerchantReference(newID("P")), c.clock.Now()
	p.busyUntil = p.createdAt.Add(c.timers.lease())
	if p.request, err = provider.PrepareStart(c.intent(o, p, r)); err != nil {
		return nil, false, err
	}
	err = t.exec(`UPDATE payments SET reference = ?, request_path = ?, request_body = ?, created_at = ?, busy_until = ?
		WHERE id = ?`, string(p.reference), p.request.Path, p.request.Body, nanos(p.createdAt),
		nanos(p.busyUntil), p.id)
	return p, true, err
}

// send sends a payment's stored request and books the answer.
func (c *Checkout) send(ctx context.Context, p *pay, provider Provider) (*pay, error) {
	if p.tries > 1 && c.policy.RenewsRequest() {
		if err := c.renew(p, provider); err != nil {
			return nil, err
		}
	}
	limited, cancel := c.bounded(ctx)
	answer := provider.Start(limited, p.asked(), p.request)
	cancel()
	return c.onPay(ctx, p, func(t *tx, o *order, fresh *pay) error {
		if fresh.reference != p.reference {
			return nil // replaced meanwhile; the answer is about what was forgotten
		}
		fresh.tries = max(fresh.tries, p.tries)
		return c.bookStart(t, o, fresh, answer)
	})
}

// bookStart books the answer to a start. A payment that a notification has
// decided meanwhile keeps what it knows.
func (c *Checkout) bookStart(t *tx, o *order, p *pay, answer StartAnswer) error {
	if p.state != payment.Pending {
		return nil
	}
	switch answer.Outcome {
	case OK:
		p.answered, p.invitation = true, answer.Invitation
		if answer.Trade.Unconfirmed {
			return t.schedulePay(p, c.askedAt(p, c.clock.Now()))
		}
		if p.barcode() {
			if err := c.book(t, o, p, answer.Trade); err != nil || p.state != payment.Pending {
				return err
			}
		}
	case Failed:
		if surelyRefused(p, answer.Class) {
			return c.endUnpaid(t, o, p, payment.Declined)
		}
		// Something is known under this reference, or may be: ask at once.
		p.answered = true
		return t.schedulePay(p, c.askedAt(p, c.clock.Now()))
	default:
		if c.policy.DeclineUndecided(p.method) {
			return c.endUnpaid(t, o, p, payment.Declined)
		}
	}
	return t.schedulePay(p, c.nextStep(p))
}

// surelyRefused reports whether a refusal ends the payment. A refusal of a
// second try says nothing of the first, whose answer was lost.
func surelyRefused(p *pay, class Class) bool {
	switch class {
	case Declined, AuthCodeInvalid, NotEnough, Config, Offline:
		return p.tries <= 1
	default:
		return false
	}
}

// nextStep is when a pending payment is looked at next: soon, to send an
// unanswered create again, or at the next age of its query schedule.
func (c *Checkout) nextStep(p *pay) time.Time {
	now := c.clock.Now()
	if c.sendsAgain(p, now) {
		return now.Add(c.timers.backoff(p.tries))
	}
	return c.askedAt(p, p.createdAt.Add(c.timers.nextQuery(p.barcode(), now.Sub(p.createdAt))))
}

func (c *Checkout) sendsAgain(p *pay, now time.Time) bool {
	young := now.Sub(p.createdAt) < time.Duration(c.timers.GiveUpAfter)
	return !p.answered && !p.barcode() && p.tries < c.timers.Tries && young
}

// askedAt is due, or never when the policy does not ask.
func (c *Checkout) askedAt(p *pay, due time.Time) time.Time {
	if !c.policy.AsksByItself(p.method) {
		return time.Time{}
	}
	return due
}

// renew writes the request of a payment anew, as of now. Only a wrong Policy comes
// here.
func (c *Checkout) renew(p *pay, provider Provider) error {
	request, err := provider.PrepareStart(StartIntent{Reference: p.reference, Method: p.method, Amount: p.amount,
		Description: fmt.Sprintf("Try %d", p.tries), ExpiresAt: c.clock.Now().Add(time.Duration(c.timers.GiveUpAfter))})
	if err == nil {
		p.request = request
	}
	return err
}
