package merchant

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/payquake/payquake/payment"
)

// maxNotification bounds what a stranger can make us read.
const maxNotification = 1 << 20

// notified serves deliveries of one kind: verify, read, book, and only then
// acknowledge, since the provider forgets what was acknowledged.
func (c *Checkout) notified(provider Provider, book func(context.Context, Provider, []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		refusal := c.receive(w, r, provider, book)
		status, body := provider.Reply(refusal)
		if refusal != nil {
			status = statusOf(refusal, status)
			slog.Warn("refuse notification", "provider", provider.Name(), "error", refusal)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if _, err := w.Write(body); err != nil {
			slog.Warn("answer notification", "error", err) // the provider will deliver again
		}
	}
}

func (c *Checkout) receive(w http.ResponseWriter, r *http.Request, provider Provider,
	book func(context.Context, Provider, []byte) error) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotification))
	if err != nil {
		return fmt.Errorf("read notification: %w: %w", ErrInvalid, err)
	}
	if err := provider.Verify(r.Context(), r.Header, body); err != nil && !c.policy.TrustUnverified(err) {
		return fmt.Errorf("verify notification: %w: %w", errForged, err)
	}
	// The provider may hang up after its own limit; what it told us counts.
	ctx := context.WithoutCancel(r.Context())
	if gap := c.policy.AcknowledgeFirst(); gap > 0 {
		go func() {
			if c.clock.Wait(ctx, gap) == nil {
				if err := book(ctx, provider, body); err != nil {
					slog.Error("book acknowledged notification", "error", err)
				}
			}
		}()
		return nil
	}
	return book(ctx, provider, body)
}

// bookPayment books a payment notification.
func (c *Checkout) bookPayment(ctx context.Context, provider Provider, body []byte) error {
	trade, err := provider.ReadPayment(body)
	if err != nil {
		return fmt.Errorf("read payment notification: %w: %w", ErrInvalid, err)
	}
	known := c.store.reads.QueryRowContext(ctx, c.store.bind("SELECT "+payColumns+
		" FROM payments WHERE provider = ? AND reference = ?"), string(provider.Name()), string(trade.Reference))
	seen, err := scanPay(known)
	if err != nil {
		return fmt.Errorf("find payment %s: %w", trade.Reference, err)
	}
	gap := c.policy.CheckOutside()
	if err := c.clock.Wait(ctx, gap); err != nil {
		return err
	}
	_, err = c.onPay(ctx, seen, func(t *tx, o *order, p *pay) error {
		raced := gap > 0 && seen.state == payment.Pending && p.state == payment.Captured
		if raced {
			c.wakeAfter(t, "releases")
			return t.insertRelease(o.id, newID("release-"), c.clock.Now())
		}
		if p.state == payment.Captured {
			return c.repeated(t, o)
		}
		return c.book(t, o, p, trade)
	})
	if err != nil {
		return fmt.Errorf("book payment %s: %w", trade.Reference, err)
	}
	return nil
}

// repeated acts on a notification of what is booked already: not at all, if
// the policy is right.
func (c *Checkout) repeated(t *tx, o *order) error {
	key, release := c.policy.ReleaseForRepeat(o.id)
	if !release {
		return nil
	}
	c.wakeAfter(t, "releases")
	return t.insertRelease(o.id, key, c.clock.Now())
}

// bookRefundNotification books a refund notification. It may come before the
// answer to the request, or before the payment's own notification.
func (c *Checkout) bookRefundNotification(ctx context.Context, provider Provider, body []byte) error {
	report, err := provider.ReadRefund(body)
	if err != nil {
		return fmt.Errorf("read refund notification: %w: %w", ErrInvalid, err)
	}
	known := c.store.reads.QueryRowContext(ctx, c.store.bind("SELECT "+refundColumns+
		" FROM refunds WHERE provider = ? AND reference = ?"), string(provider.Name()), string(report.Refund))
	seen, err := scanRefund(known)
	if err != nil {
		return fmt.Errorf("find refund %s: %w", report.Refund, err)
	}
	err = c.onRefund(ctx, seen, func(t *tx, o *order, r *refund) error {
		p, err := t.pay(r.paymentID)
		if err != nil {
			return err
		}
		if p.reference != report.Payment {
			return fmt.Errorf("refund %s is of payment %s, not %s: %w", r.reference, p.reference, report.Payment, ErrInvalid)
		}
		return c.bookRefund(t, o, r, report)
	})
	if err != nil {
		return fmt.Errorf("book refund %s: %w", report.Refund, err)
	}
	return nil
}
