package alipay

import (
	"context"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

// The states of a trade (§6). The zero value is an order that has no trade yet:
// a code that nobody scanned, or a payment that was refused.
const (
	stateNone     = ""
	stateOpen     = "WAIT_BUYER_PAY"
	stateSuccess  = "TRADE_SUCCESS"
	stateFinished = "TRADE_FINISHED"
	stateClosed   = "TRADE_CLOSED"
)

// The lives of orders and codes, in real time (§4, §6). That of a barcode is
// the wallet's, which shows a new one each minute.
const (
	shortLife   = 3 * time.Hour       // of a trade in front of a person: precreate, pay
	longLife    = 15 * 24 * time.Hour // of all others, and the longest
	codeLife    = 2 * time.Hour
	barcodeLife = time.Minute
	cancelLimit = 24 * time.Hour
)

// order is what the provider knows of an out_trade_no, and the trade that
// belongs to it once there is one. Money is the book's business; the order has
// the words of the wire.
type order struct {
	key     ledger.Key
	account *account
	method  method
	asked   orderParams

	state   string
	tradeNo string    // given with the trade
	created time.Time // of the trade
	closed  time.Time
	expires time.Time
	undone  bool // a cancel gave the money back

	trial     faults.Trial // empty until somebody is known to own it
	behaviour *providers.Behaviour

	qr       string
	qrUntil  time.Time
	shopper  faults.Trial // who scanned, opened, or showed the barcode
	awaiting *code        // the barcode that waits for a password
	paid     ledger.Payment
	coupon   payment.Money // of what was paid, the provider's own part
}

// code is something that a shopper scans or shows: the content of a QR code,
// or a barcode, whose order is known only once a merchant scanned it.
type code struct {
	order *order
	until time.Time
	owner faults.Trial // of a barcode: whose wallet shows it
	used  bool         // of a barcode
}

// usable reports whether a merchant may still pay with a barcode.
func (c *code) usable(now time.Time) bool {
	return c != nil && c.owner != "" && !c.used && !now.After(c.until)
}

// captured reports whether money was taken and not all given back.
func (o *order) captured() bool { return o.state == stateSuccess || o.state == stateFinished }

// everPaid reports whether money was ever taken.
func (o *order) everPaid() bool { return o.paid.ProviderReference != "" }

// expiry is when an order that begins at from can no longer be paid (§6).
func (a orderParams) expiry(from time.Time, usual time.Duration) time.Time {
	if !a.Until.IsZero() {
		return a.Until
	}
	if end, ok := lifeEnd(from, a.Life); ok {
		return end
	}
	return from.Add(usual)
}

// lookUp finds an order, nil if there is none.
func (p *Provider) lookUp(who *account, number string) *order {
	return p.orders[ledger.Key{Account: who.AppID, Reference: payment.MerchantReference(number)}]
}

// enter makes the order of a number, without a trade, or gives one that has
// none what is asked for now. The lock is held.
func (p *Provider) enter(c call, asked orderParams) *order {
	o := p.lookUp(c.account, asked.OutTradeNo)
	if o == nil {
		o = &order{key: ledger.Key{Account: c.account.AppID, Reference: payment.MerchantReference(asked.OutTradeNo)},
			account: c.account}
		p.orders[o.key] = o
	}
	o.method, o.asked = c.method, asked
	usual := longLife
	if c.method == precreate || c.method == pay {
		usual = shortLife
	}
	o.expires = asked.expiry(p.ports.Clock.Now(), usual)
	p.adopt(o, c.trial)
	return o
}

// adopt gives the order to its trial and takes the trial's next conduct. An
// order whose trial the gateway could not tell is adopted by its shopper's.
func (p *Provider) adopt(o *order, trial faults.Trial) {
	if o.trial != "" || trial == "" {
		return
	}
	o.trial = trial
	o.behaviour = p.Roster.Next(trial)
	p.Book.Assign(o.key, trial)
}

// begin makes the trade of an order (§6). The lock is held.
func (p *Provider) begin(ctx context.Context, o *order) error {
	if o.state != stateNone {
		return nil
	}
	intent := ledger.Intent{Key: o.key, Method: o.method.paidBy(), Amount: o.asked.Total}
	if _, err := p.Book.Begin(ctx, o.trial, intent); err != nil {
		return fmt.Errorf("begin trade %s: %w", o.key.Reference, err)
	}
	o.created = p.ports.Clock.Now()
	o.state, o.tradeNo = stateOpen, newTradeNo(o.created)
	p.trades[o.tradeNo] = o
	return nil
}

// capture takes the money and begins to notify. The lock is held.
func (p *Provider) capture(ctx context.Context, o *order, payer faults.Trial) error {
	coupon := o.behaviour.Coupon(ctx, o.asked.Total)
	paid, err := p.Book.CaptureWithCoupon(ctx, o.key, payer, payment.ProviderReference(o.tradeNo), coupon)
	if err != nil {
		return fmt.Errorf("capture order %s: %w", o.key.Reference, err)
	}
	o.paid, o.state, o.awaiting, o.shopper, o.coupon = paid, stateSuccess, nil, payer, coupon
	atOnce, later := o.behaviour.Finishes(ctx)
	if p.options.FinishAtOnce || atOnce {
		o.state = stateFinished
	}
	p.notifyPaid(ctx, o)
	if later > 0 {
		p.finishLater(ctx, o, later)
	}
	return nil
}

// buyerPaid is what the shopper paid: all but the coupon.
func (o *order) buyerPaid() payment.Money {
	return payment.Money{Minor: o.asked.Total.Minor - o.coupon.Minor, Currency: o.asked.Total.Currency}
}

// shown is a time as the merchant is told it, by the clock that this order's
// conduct gives the provider.
func (o *order) shown(at time.Time) time.Time { return at.Add(o.behaviour.Conduct().Skew) }

// funds says where the money came from. The channel's member is named differently
// in answers and in notifications (§7).
func (o *order) funds(member string) string {
	if o.coupon.Minor == 0 {
		return funds(member, o.asked.Total.Decimal())
	}
	return fmt.Sprintf(`[{"amount":"%s","%s":"ALIPAYACCOUNT"},{"amount":"%s","%s":"MCOUPON"}]`, o.buyerPaid().Decimal(), member, o.coupon.Decimal(), member)
}

// vouchers are the coupons of an order: one, of the provider's own; "" if none.
func (o *order) vouchers() string {
	if o.coupon.Minor == 0 {
		return ""
	}
	return fmt.Sprintf(`[{"amount":"%[1]s","merchant_contribute":"0.00","name":"满减优惠","other_contribute":"%[1]s","type":"ALIPAY_COMMON_ITEM_VOUCHER","voucher_id":"2015102600073002039000002D5O"}]`, o.coupon.Decimal())
}

// end closes an open trade (§6). The lock is held.
func (p *Provider) end(ctx context.Context, o *order, reason string) error {
	if err := p.Book.Close(ctx, o.key, reason); err != nil {
		return fmt.Errorf("close order %s: %w", o.key.Reference, err)
	}
	o.state, o.awaiting, o.closed = stateClosed, nil, p.ports.Clock.Now()
	p.notifyClosed(ctx, o)
	return nil
}

// age lets time close what was not paid in time (§6). It is looked at whenever
// somebody asks, which nobody can tell from a timer.
func (p *Provider) age(ctx context.Context, o *order) error {
	if o.state != stateOpen || p.ports.Clock.Now().Before(o.expires) {
		return nil
	}
	return p.end(ctx, o, "not paid in time")
}

// repeated decides on a number whose trade exists (§6): nil means that the same
// trade goes on.
func (o *order) repeated(asked orderParams) *failure {
	switch {
	case o.captured():
		return refuse(subPaid)
	case o.state == stateClosed:
		return refuse(subClosed)
	case o.asked.Total != asked.Total || o.asked.Subject != asked.Subject:
		return refuse(subInconsistent)
	case o.asked.Buyer != asked.Buyer && o.asked.Buyer != "" && asked.Buyer != "":
		return refuse(subOtherBuyer)
	default:
		return nil
	}
}

// unknown is the provider's own way to say that nobody knows (§5).
func (p *Provider) unknown() *failure { return p.desk.unknown() }

func (d desk) unknown() *failure {
	if sub := d.ring.config.Options.UnknownOutcome; sub != "" {
		return refuse(sub)
	}
	return refuse(subUnknown)
}

// buyer is the shopper as the app is shown them: always the same person for a
// trial, or whom the merchant named (§1). Before either is known there is none.
func (o *order) buyer() (id, logon string) {
	if o.shopper == "" && o.asked.Buyer == "" {
		return "", ""
	}
	who := "buyer of " + string(o.shopper)
	if o.asked.Buyer != "" {
		who = o.asked.Buyer
	}
	logon = "132****" + digitsOf("logon "+who, 4)
	switch {
	case o.asked.Buyer != "":
		id = o.asked.Buyer
	case o.account.BuyerOpenID:
		id = "0" + digitsOf("open "+who, 32)
	default:
		id = "2088" + digitsOf(who, 12)
	}
	return id, logon
}
