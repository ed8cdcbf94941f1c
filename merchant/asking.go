package merchant

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/payment"
)

// advancePayment does the next step of a pending payment: send again, ask,
// undo or give up. Which one follows from its row and its age alone, so that a
// new process goes on where a killed one was.
func (c *Checkout) advancePayment(ctx context.Context, id string) error {
	p, o, err := c.readPay(ctx, id)
	if err != nil {
		return err
	}
	ctx = inTraceOf(ctx, o)
	provider, err := c.provider(p.provider)
	if err != nil {
		return err
	}
	now := c.clock.Now()
	age := now.Sub(p.createdAt)
	wanted := o.state == payment.OrderOpen
	switch {
	case p.state != payment.Pending:
		return c.letGo(ctx, p)
	case c.sendsAgain(p, now) && wanted:
		return c.tryAgain(ctx, o, p, provider)
	case !c.policy.AsksByItself(p.method):
		return c.letGo(ctx, p)
	case p.barcode() && c.mayReverse(age, wanted):
		return c.undo(ctx, p, provider)
	case !p.barcode() && (age >= wait(c.timers.GiveUpAfter) || !wanted):
		return c.giveUp(ctx, p, provider)
	default:
		return c.bookAsked(ctx, p, c.ask(ctx, p, provider), false)
	}
}

// tryAgain goes on with a create that nobody answered: it is sent as it was, or
// its number is given up to make way for another.
func (c *Checkout) tryAgain(ctx context.Context, o *order, p *pay, provider Provider) error {
	anew := false
	err := c.store.update(ctx, func(t *tx) (err error) {
		anew, err = c.recreates(t, o, p)
		return err
	})
	switch {
	case err != nil:
		return err
	case anew:
		return c.giveUp(ctx, p, provider)
	}
	p.tries++
	_, err = c.send(ctx, p, provider)
	return err
}

// letGo frees a row that wants nothing more.
func (c *Checkout) letGo(ctx context.Context, p *pay) error {
	return c.store.update(ctx, func(t *tx) error {
		return t.exec("UPDATE payments SET next_action_at = 0, busy_until = 0 WHERE id = ?", p.id)
	})
}

// mayReverse reports whether an undecided barcode payment is old enough to be
// undone: at once by the provider's rule when its order needs it no more.
func (c *Checkout) mayReverse(age time.Duration, wanted bool) bool {
	least := wait(c.timers.MinReverseAge)
	if wanted {
		least = max(least, wait(c.timers.ReverseAfter))
	}
	return age >= least
}

// ask queries a payment. An answer about another one is no answer: what became
// of the asked one is not known.
func (c *Checkout) ask(ctx context.Context, p *pay, provider Provider) TradeAnswer {
	limited, cancel := c.bounded(ctx)
	answer := provider.Query(limited, p.asked())
	cancel()
	other := answer.Trade.Reference
	if answer.Outcome != OK || other == p.reference {
		return answer
	}
	detail := fmt.Sprintf("asked about %s, answered about %.64q", p.reference, other)
	if c.policy.TakesOtherAnswer(p.reference, other) {
		if err := c.bookPayment(ctx, provider, told{Trade: answer.Trade}); err != nil {
			detail += ": " + err.Error()
		}
	}
	return TradeAnswer{Result: Result{Detail: detail}}
}

// giveUp ends a payment nobody made: query, close, query. The second query is
// the point: the close may have lost a race with the shopper, and its own
// answer proves nothing (it says yes to payments that never existed).
func (c *Checkout) giveUp(ctx context.Context, p *pay, provider Provider) error {
	if c.policy.CloseUnasked() {
		return c.closeUnasked(ctx, p, provider)
	}
	answer := c.ask(ctx, p, provider)
	open := answer.Outcome == OK && (answer.Trade.Standing == Unpaid || answer.Trade.Standing == Deciding)
	if open || answer.Class == NotFound { // a create still under way finds its number used up
		limited, cancel := c.bounded(ctx)
		provider.Close(limited, p.asked())
		cancel()
		answer = c.ask(ctx, p, provider)
	}
	return c.bookAsked(ctx, p, answer, true)
}

// closeUnasked takes any answer to a close for the end, a refusal because the
// payment was made included. Only a wrong Policy comes here.
func (c *Checkout) closeUnasked(ctx context.Context, p *pay, provider Provider) error {
	limited, cancel := c.bounded(ctx)
	provider.Close(limited, p.asked())
	cancel()
	_, err := c.onPay(ctx, p, func(t *tx, o *order, fresh *pay) error {
		if fresh.state != payment.Pending {
			return nil
		}
		return c.endUnpaid(t, o, fresh, payment.Closed)
	})
	return err
}

// undo reverses a barcode payment whose result is still unknown: query,
// reverse, query, until the last says that it ended.
//
// Once a reverse was sent, a query alone proves nothing any more: it may say
// "paid" while the reverse is still under way, and goods that left then are
// gone when the money goes back. So the sending is made durable, and from then
// on a reverse must be answered before anything is believed. (A provider that
// refuses to reverse a number that it does not know uses nothing up; then only
// absence seen twice ends the payment, and AbsentGap must be longer than a
// request can be under way.)
func (c *Checkout) undo(ctx context.Context, p *pay, provider Provider) error {
	if p.tries < reversing {
		answer := c.ask(ctx, p, provider)
		open := answer.Outcome == OK && (answer.Trade.Standing == Unpaid || answer.Trade.Standing == Deciding)
		if !open && answer.Class != NotFound {
			return c.bookAsked(ctx, p, answer, true)
		}
		if err := c.markReversing(ctx, p); err != nil {
			return err
		}
	}
	limited, cancel := c.bounded(ctx)
	reversed := provider.Reverse(limited, p.asked())
	cancel()
	if reversed.Outcome == Indeterminate {
		return c.bookAsked(ctx, p, TradeAnswer{}, true) // it may still arrive: reverse again
	}
	answer := c.ask(ctx, p, provider)
	if reversed.Outcome == OK && answer.Trade.Standing == Paid {
		answer = TradeAnswer{} // a query that is behind the reverse
	}
	return c.bookAsked(ctx, p, answer, true)
}

// reversing is the number of tries that marks a barcode payment for which a
// reverse was sent. The charge itself is tried once: its code is good for one.
const reversing = 2

// markReversing makes durable that a reverse is about to be sent.
func (c *Checkout) markReversing(ctx context.Context, p *pay) error {
	err := c.store.update(ctx, func(t *tx) error {
		return t.exec("UPDATE payments SET tries = ? WHERE id = ? AND state = ?", reversing, p.id, string(payment.Pending))
	})
	if err != nil {
		return fmt.Errorf("mark the reverse of payment %s: %w", p.reference, err)
	}
	p.tries = reversing
	return nil
}

// bookAsked books the answer to a query and schedules the next step if the
// payment is still pending. Ending tells that its time is over: then an
// absence counts, seen twice with a gap between.
func (c *Checkout) bookAsked(ctx context.Context, p *pay, answer TradeAnswer, ending bool) error {
	_, err := c.onPay(ctx, p, func(t *tx, o *order, fresh *pay) error {
		if fresh.state == payment.Captured && answer.Outcome == OK && answer.Trade.Standing == Unpaid && c.policy.MovesBack() {
			return t.reopen(o, c.clock.Now(), c.expiry(o))
		}
		if fresh.reference != p.reference || fresh.state != payment.Pending {
			return nil
		}
		now := c.clock.Now()
		fresh.asks++
		switch {
		case answer.Outcome == OK:
			fresh.absentAt = time.Time{}
			if ending && answer.Trade.Standing == Paid && !p.barcode() && !c.policy.BookLate() {
				return c.endUnpaid(t, o, fresh, payment.Closed)
			}
			if err := c.book(t, o, fresh, answer.Trade); err != nil {
				return err
			}
		case answer.Outcome == Failed && answer.Class == NotFound && fresh.invitation.isCode():
			// The provider gave a code for it under a proven signature: whoever now
			// says that it does not exist is behind, or is not the provider.
		case answer.Outcome == Failed && answer.Class == NotFound:
			if fresh.absentAt.IsZero() {
				fresh.absentAt = now
			} else if ending && now.Sub(fresh.absentAt) >= wait(c.timers.AbsentGap) {
				return c.endUnpaid(t, o, fresh, payment.Closed)
			}
		}
		if fresh.state != payment.Pending {
			return nil
		}
		due := c.nextStep(fresh)
		if ending {
			due = now.Add(min(c.timers.backoff(fresh.asks), 4*wait(c.timers.AbsentGap)))
		}
		return t.schedulePay(fresh, due)
	})
	return err
}

func wait(d Duration) time.Duration { return time.Duration(d) }
