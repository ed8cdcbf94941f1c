package merchant

import (
	"fmt"

	"github.com/payquake/payquake/payment"
)

// recreates reports whether a payment whose create was sent and not answered is given up
// and made anew, instead of being asked for again with the same bytes. A part of
// a combined payment is not: the others hang on its request.
func (c *Checkout) recreates(t *tx, o *order, p *pay) (bool, error) {
	young := c.clock.Now().Sub(o.createdAt) < wait(c.timers.GiveUpAfter)
	unanswered := !p.answered && p.tries > 0
	if !unanswered || o.state != payment.OrderOpen || !young || !c.policy.Recreates(p.method) {
		return false, nil
	}
	together := 0
	err := t.row("SELECT COUNT(*) FROM payments WHERE request_body = ?", p.request.Body).Scan(&together)
	if err != nil {
		return false, fmt.Errorf("look for parts paid with %s: %w", p.reference, err)
	}
	return together == 1, nil
}

// recreate puts a payment with another reference in the place of one that surely
// ended, in the transaction that ends it. The key is the new one's, since
// whoever began it waits for a code under it; the old one stays in the books,
// and money that comes for it all the same goes back.
func (c *Checkout) recreate(t *tx, o *order, old *pay) error {
	provider, err := c.provider(old.provider)
	if err != nil {
		return err
	}
	now := c.clock.Now()
	p := &pay{
		id: newID("Y"), orderID: o.id, key: old.key, provider: old.provider, method: old.method, amount: old.amount,
		reference: payment.MerchantReference(newID("P")), state: payment.Pending, createdAt: now,
	}
	if p.request, err = provider.PrepareStart(c.intent(o, p, StartRequest{})); err != nil {
		return err
	}
	if err := t.exec("UPDATE payments SET payment_key = ? WHERE id = ?", old.key+"~"+old.id, old.id); err != nil {
		return fmt.Errorf("give the key of %s away: %w", old.reference, err)
	}
	c.wakeAfter(t, "payments")
	return t.insertPay(p)
}
