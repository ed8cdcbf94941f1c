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

// notified serves a provider's deliveries: verify, read, book, and only then
// acknowledge, since the provider forgets what was acknowledged.
func (c *Checkout) notified(provider Provider) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		refusal := c.receive(w, r, provider)
		if err := c.clock.Wait(r.Context(), c.policy.AnswersAfter()); err != nil {
			return // who asked has gone, and will ask again
		}
		reply := provider.Reply(refusal)
		if refusal != nil {
			reply.Status = statusOf(refusal, reply.Status)
			slog.Warn("refuse notification", "provider", provider.Name(), "error", refusal)
		}
		w.Header().Set("Content-Type", reply.ContentType)
		w.WriteHeader(reply.Status)
		if _, err := w.Write(reply.Body); err != nil {
			slog.Warn("answer notification", "error", err) // the provider will deliver again
		}
	}
}

func (c *Checkout) receive(w http.ResponseWriter, r *http.Request, provider Provider) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotification))
	if err != nil {
		return fmt.Errorf("read notification: %w: %w", ErrInvalid, err)
	}
	if err := provider.Verify(r.Context(), r.Header, c.policy.VerifiedBody(body)); err != nil && !c.policy.TrustUnverified(err) {
		return fmt.Errorf("verify notification: %w: %w", errForged, err)
	}
	if c.policy.RefusesCertificate(provider.Name(), r.Header, body) {
		return fmt.Errorf("verify notification: signed with a certificate that is not held: %w", errForged)
	}
	// The provider may hang up after its own limit; what it told us counts.
	ctx := context.WithoutCancel(r.Context())
	if gap := c.policy.AcknowledgeFirst(); gap > 0 {
		go func() {
			if c.clock.Wait(ctx, gap) == nil {
				if err := c.bookNotice(ctx, provider, body); err != nil {
					slog.Error("book acknowledged notification", "error", err)
				}
			}
		}()
		return nil
	}
	if err := c.bookNotice(ctx, provider, body); err != nil && !c.policy.AcknowledgesFailure(err) {
		return err
	}
	return nil
}

// bookNotice books what a notification says. Of several parts, those that were
// booked before one fails stay booked: the delivery comes again.
func (c *Checkout) bookNotice(ctx context.Context, provider Provider, body []byte) error {
	notice, err := provider.Read(body)
	if err != nil {
		return fmt.Errorf("read notification: %w: %w", ErrInvalid, err)
	}
	if len(notice.Trades) == 0 && notice.Refund == nil {
		return fmt.Errorf("notification speaks of nothing: %w", ErrInvalid)
	}
	for _, trade := range notice.Trades {
		if err := c.bookPayment(ctx, provider, told{trade, notice.ID}); err != nil {
			return fmt.Errorf("book payment %s: %w", trade.Reference, err)
		}
	}
	if notice.Refund == nil {
		return nil
	}
	if err := c.bookRefundNotice(ctx, provider, *notice.Refund); err != nil {
		return fmt.Errorf("book refund %s: %w", notice.Refund.Refund, err)
	}
	return nil
}

// confirmed is what a query says of a payment that a notification spoke of. As
// long as the query does not agree the notification is not acknowledged: it
// will come again, and the payment's own queries go on meanwhile.
func (c *Checkout) confirmed(ctx context.Context, p *pay, provider Provider) (Trade, error) {
	answer := c.ask(ctx, p, provider)
	if answer.Outcome != OK {
		return Trade{}, fmt.Errorf("query does not confirm: %s: %w", answer.Detail, ErrBusy)
	}
	if answer.Trade.Standing != Paid && answer.Trade.Standing != Ended {
		return Trade{}, fmt.Errorf("query says %s: %w", answer.Trade.Standing, ErrBusy)
	}
	return answer.Trade, nil
}

// told is what a message says of one payment, and the message's own id.
type told struct {
	Trade
	message string
}

// bookPayment books what a notification says of one payment.
func (c *Checkout) bookPayment(ctx context.Context, provider Provider, said told) error {
	trade := said.Trade
	known := c.store.reads.QueryRowContext(ctx, c.store.bind("SELECT "+payColumns+
		" FROM payments WHERE provider = ? AND reference = ?"), string(provider.Name()), string(trade.Reference))
	seen, err := scanPay(known)
	if err != nil {
		return err
	}
	// An amount that nobody asked for is no reason to send money back before the
	// provider was asked whether it means it.
	surprising := trade.Standing == Paid && !c.policy.AmountMatches(seen.amount, trade.Amount)
	if trade.Unconfirmed || surprising || c.policy.AsksAboutNotices() {
		if trade, err = c.confirmed(ctx, seen, provider); err != nil {
			return err
		}
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
			return c.repeated(t, o, said.message)
		}
		c.policy.ReleaseForRepeat(o.id, said.message, true)
		return c.book(t, o, p, trade)
	})
	return err
}

// repeated acts on a notification of what is booked already: not at all, if
// the policy is right.
func (c *Checkout) repeated(t *tx, o *order, message string) error {
	key, release := c.policy.ReleaseForRepeat(o.id, message, false)
	if !release {
		return nil
	}
	c.wakeAfter(t, "releases")
	return t.insertRelease(o.id, key, c.clock.Now())
}

// bookRefundNotice books what a notification says of a refund. It may come
// before the answer to the request, or before the payment's own notification.
func (c *Checkout) bookRefundNotice(ctx context.Context, provider Provider, report RefundReport) error {
	known := c.store.reads.QueryRowContext(ctx, c.store.bind("SELECT "+refundColumns+
		" FROM refunds WHERE provider = ? AND reference = ?"), string(provider.Name()), string(report.Refund))
	seen, err := scanRefund(known)
	if err != nil {
		return err
	}
	p, _, err := c.readPay(ctx, seen.paymentID)
	if err != nil {
		return err
	}
	if report.Payment != "" && p.reference != report.Payment {
		return fmt.Errorf("refund %s is of payment %s, not %s: %w", seen.reference, p.reference, report.Payment, ErrInvalid)
	}
	if report.Unconfirmed {
		answer := c.askRefund(ctx, p, seen, provider)
		if answer.Outcome != OK {
			return fmt.Errorf("query does not confirm: %s: %w", answer.Detail, ErrBusy)
		}
		report = answer.Report
	}
	return c.onRefund(ctx, seen, func(t *tx, o *order, r *refund) error { return c.bookRefund(t, o, r, report) })
}
