package unionpay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

// trade is one orderId of a merchant: a payment, or what undoes one. Both draw
// their orderIds from the same numbers (§10, §12).
type trade struct {
	key     ledger.Key
	account *account
	asked   fields // of the request that began it
	// The numbers that the provider gives once it has done its part.
	queryID string
	traceNo string
	at      time.Time

	given   reply    // how the request was answered
	refused *failure // or refused

	order *order // one of the two is set
	undo  *undo
}

// state is how far a payment has come (§8.4).
type state string

// The states.
const (
	unpaid   state = "unpaid"
	paid     state = "paid"
	failed   state = "failed" // the payer was refused for good
	expired  state = "expired"
	voided   state = "voided"
	reversed state = "reversed"
)

// order is a payment. Money is the book's business; the order has the words of
// the wire.
type order struct {
	*trade
	state   state
	code    string // the respCode of a payment that is paid or failed
	created time.Time
	expires time.Time

	trial     faults.Trial // empty until somebody is known to own it
	behaviour *providers.Behaviour
	paid      ledger.Payment
}

// undo is a refund or a void, which are trades of their own.
type undo struct {
	*trade
	origin *order
	refund ledger.RefundKey // none: a void
}

// keyOf names the trade that values speak of by orderId.
func keyOf(v fields) ledger.Key {
	return ledger.Key{Account: v["merId"], Reference: payment.MerchantReference(v["orderId"])}
}

// once carries a new transaction out, unless its orderId is in use: that is 12,
// whether the txnTime differs or everything is the same (§10). In production
// another trade date may use an orderId again; here it is never forgotten.
func (p *Provider) once(c call, do func(call) (reply, *failure)) (reply, *failure) {
	if used := p.trades[keyOf(c.asked)]; used != nil {
		if p.options.ReplayResend && used.asked.signed() == c.asked.signed() {
			return used.given, used.refused
		}
		return reply{}, refuse(codeDuplicate, "")
	}
	given, refused := do(c)
	if made := p.trades[keyOf(c.asked)]; made != nil {
		made.given, made.refused = given, refused
	}
	return given, refused
}

// begin enters a new payment into the book. The lock is held.
func (p *Provider) begin(c call) (*order, *failure) {
	amount, refused := c.asked.amount()
	if refused != nil {
		return nil, refused
	}
	now := p.ports.Clock.Now()
	o := &order{trade: &trade{key: keyOf(c.asked), account: c.account, asked: c.asked}, state: unpaid, created: now,
		expires: p.expiry(c.asked, now)}
	o.trade.order = o
	intent := ledger.Intent{Key: o.key, Method: methodOf(c), Amount: amount}
	if _, err := p.Book.Begin(c.ctx, c.trial, intent); err != nil {
		return nil, refuse(codeGeneric, "")
	}
	p.trades[o.key] = o.trade
	p.adopt(o, c.trial)
	return o, nil
}

// defaultLife is how long an order without payTimeout can be paid (§11).
const defaultLife = 24 * time.Hour

// expiry is the last moment to pay (§8.3).
func (p *Provider) expiry(asked fields, now time.Time) time.Time {
	if until, err := readTime(asked["payTimeout"]); err == nil {
		return until
	}
	if life := p.options.CodeLife.Std(); life != 0 {
		return now.Add(life)
	}
	return now.Add(defaultLife)
}

// methodOf is how a payment is paid in words common to all providers.
func methodOf(c call) payment.Method {
	switch {
	case c.asked.transaction() == scanned:
		return payment.MethodBarcode
	case c.asked.transaction() == shown:
		return payment.MethodCode
	case c.from == app:
		return payment.MethodApp
	default:
		return payment.MethodWeb
	}
}

// adopt gives the order to its trial and takes the trial's next conduct. An
// order whose trial the gateway could not tell is adopted when its code is
// scanned.
func (p *Provider) adopt(o *order, trial faults.Trial) {
	if o.trial != "" || trial == "" {
		return
	}
	o.trial = trial
	o.behaviour = p.Roster.Next(trial)
	p.Book.Assign(o.key, trial)
	if o.behaviour.Conduct().CaptureBeforeClose {
		p.Agenda.After(trial, o.expires.Sub(p.ports.Clock.Now())+time.Millisecond, func(ctx context.Context) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.arriveLate(ctx, o)
		})
	}
}

// amount is what the order asks for; begin has read it.
func (t *trade) amount() payment.Money {
	fen, _ := strconv.ParseInt(t.asked["txnAmt"], 10, 64)
	return payment.Fen(fen)
}

// late reports whether the last moment to pay has passed.
func (o *order) late(now time.Time) bool { return now.After(o.expires) }

// number gives a trade its queryId and traceNo.
func (p *Provider) number(ctx context.Context, t *trade) {
	t.at, t.traceNo = p.ports.Clock.Now(), p.nextTrace()
	if t.order != nil {
		t.at = t.order.behaviour.Now(ctx, t.at)
	}
	t.queryID = p.options.newQueryID(t.traceNo, t.at)
	p.byQueryID[t.queryID] = t
}

// capture takes the money and begins to say so. The lock is held.
func (p *Provider) capture(ctx context.Context, o *order, payer faults.Trial, code string) error {
	numbered := o.queryID != "" // a scan's answer has told it already
	if !numbered {
		p.number(ctx, o.trade)
	}
	taken, err := p.Book.Capture(ctx, o.key, payer, payment.ProviderReference(o.queryID))
	if err != nil {
		if !numbered {
			delete(p.byQueryID, o.queryID)
			o.queryID = ""
		}
		return fmt.Errorf("capture order %s: %w", o.key.Reference, err)
	}
	o.paid, o.state, o.code = taken, paid, code
	p.notifyPayment(ctx, o)
	return nil
}

// age ends an order that nobody paid in time (§8.3). It is looked at whenever
// a merchant asks, which nobody can tell from a timer.
func (p *Provider) age(ctx context.Context, o *order) {
	if o.state != unpaid || !o.late(p.ports.Clock.Now()) {
		return
	}
	if err := p.Book.Close(ctx, o.key, "payTimeout has passed"); err == nil {
		o.state, o.code = expired, or(p.options.Expired, codeFailed)
	}
}

// captureLate lets the payer's money arrive when the merchant gives the order
// up: with the first query after payTimeout, or with a reversal.
func (p *Provider) captureLate(c call, o *order) {
	p.adopt(o, c.trial)
	p.arriveLate(c.ctx, o)
}

// arriveLate takes the money of an order that nobody has paid, if its conduct
// says so and the wallet is able to; at payTimeout it comes by itself, since a
// merchant that never asks must lose it all the same. After the allowed time it
// is 42, "debited, but late" (§7).
func (p *Provider) arriveLate(ctx context.Context, o *order) {
	if !o.behaviour.Conduct().CaptureBeforeClose || o.state != unpaid || o.trial == "" {
		return
	}
	code := codeOK
	if o.late(p.ports.Clock.Now()) {
		code = or(p.options.Late, codeLate)
	}
	if err := p.capture(ctx, o, o.trial, code); err == nil {
		o.behaviour.CapturedLate(ctx)
	}
}

// decline ends a payment whose payer was refused for good.
func (p *Provider) decline(ctx context.Context, o *order, code string) {
	if err := p.Book.Decline(ctx, o.key, code); err != nil {
		return // begun a moment ago, under the same lock: it is in the book
	}
	o.state, o.code = failed, code
	p.notifyPayment(ctx, o)
}

// pay is one try to take the money. A refusal has an issuer's code (§7).
func (p *Provider) pay(ctx context.Context, o *order, payer faults.Trial) (string, error) {
	if refused := o.behaviour.Refuses(ctx); refused != "" {
		return issuerCode(refused), nil
	}
	err := p.capture(ctx, o, payer, codeOK)
	if errors.Is(err, ledger.ErrNotEnough) {
		return codeBalance, nil
	}
	return "", err
}
