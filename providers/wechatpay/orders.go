package wechatpay

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

// scene is how an order is paid, named as its path is.
type scene string

// The scenes.
const (
	native  scene = "native"
	jsapi   scene = "jsapi"
	app     scene = "app"
	h5      scene = "h5"
	codepay scene = "codepay"
)

// prepaid reports whether the scene begins with a prepay request.
func (s scene) prepaid() bool { return s == native || s == jsapi || s == app || s == h5 }

// method is the scene in words common to all providers.
func (s scene) method() payment.Method {
	switch s {
	case jsapi:
		return payment.MethodInApp
	case app:
		return payment.MethodApp
	case h5:
		return payment.MethodWeb
	case codepay:
		return payment.MethodBarcode
	default:
		return payment.MethodCode
	}
}

// tradeType is the scene as trade_type says it (§3.2).
func (s scene) tradeType() string {
	switch s {
	case h5:
		return "MWEB"
	case codepay:
		return "MICROPAY"
	default:
		return strings.ToUpper(string(s))
	}
}

// The trade states (§4.1).
const (
	stateNotPay     = "NOTPAY"
	stateSuccess    = "SUCCESS"
	stateRefund     = "REFUND"
	stateClosed     = "CLOSED"
	stateRevoked    = "REVOKED"
	stateUserPaying = "USERPAYING"
	statePayError   = "PAYERROR"
)

// The lifetimes of orders and codes, in real time (§3.1, §3.6).
const (
	orderLife    = 7 * 24 * time.Hour
	longestOrder = 90 * 24 * time.Hour
	leastOrder   = time.Minute
	prepayLife   = 2 * time.Hour
	h5Life       = 5 * time.Minute
	barcodeLife  = time.Minute
	passwordLife = 45 * time.Second
)

// order is what the provider knows of an out_trade_no. Money is the book's
// business; the order has the words of the wire.
type order struct {
	key     ledger.Key
	account *account
	scene   scene
	params  orderParams
	// print is a hash of all parameters of the first request: re-entry must
	// repeat them.
	print [sha256.Size]byte
	// unsettled is the same without settle_info, of a combined payment.
	unsettled [sha256.Size]byte
	// subs are what a combined payment consists of; whole is the combined
	// payment that a sub order belongs to.
	subs    []*order
	whole   *order
	created time.Time
	asked   time.Time // when the shopper was last asked for a password
	expires time.Time
	state   string
	// poisoned: closed before it was ever created. The number is used up, and
	// queries still do not know it (§3.3).
	poisoned bool

	trial     faults.Trial // empty until somebody is known to own it
	behaviour *providers.Behaviour

	scanner  faults.Trial // who scanned the native code first
	awaiting *code        // the barcode that waits for a password
	paid     ledger.Payment
	coupon   int64 // of what was paid, the provider's own part
	// v2 is the signature type of an order that v2 created, and is notified of.
	v2        string
	reversals int       // reversals that were put off
	refunded  time.Time // when the last refund was accepted
}

// adopt gives the order to its trial and takes the trial's next conduct. An
// order whose trial the gateway could not tell is adopted when its code is
// scanned.
//
// A combined payment is one payment: its sub orders share one behaviour.
func (p *Provider) adopt(o *order, trial faults.Trial) {
	if o.whole != nil {
		o = o.whole
	}
	if o.trial != "" || trial == "" {
		return
	}
	o.trial, o.behaviour = trial, p.Roster.Next(trial)
	if o.subs == nil {
		p.Book.Assign(o.key, trial)
	}
	for _, sub := range o.subs {
		sub.trial, sub.behaviour = o.trial, o.behaviour
		p.Book.Assign(sub.key, trial)
	}
}

// unpaid reports whether the shopper can still pay the order as it is.
func (o *order) unpaid() bool { return o.state == stateNotPay || o.state == stateUserPaying }

// captured reports whether money was taken and not reversed.
func (o *order) captured() bool { return o.state == stateSuccess || o.state == stateRefund }

// age lets time do what it does to orders: unpaid for seven days is closed,
// a barcode order that nobody confirms is revoked (§3.1, §3.6). It is looked
// at whenever somebody asks, which nobody can tell from a timer.
func (p *Provider) age(ctx context.Context, o *order) {
	if o.whole != nil {
		o = o.whole
	}
	now := p.ports.Clock.Now()
	switch {
	case o.state == stateUserPaying && now.Sub(o.asked) >= passwordLife:
		if _, err := p.Book.Reverse(ctx, o.key); err == nil {
			o.state, o.awaiting = stateRevoked, nil
		}
	case o.state == stateNotPay && now.Sub(o.created) >= orderLife:
		// What is not closed in the book is not closed, and the next one to look
		// tries again.
		_ = p.end(ctx, o, "unpaid for seven days")
	}
}

// end closes an order that is not captured, with all its sub orders.
func (p *Provider) end(ctx context.Context, o *order, reason string) error {
	ending := o.subs
	if ending == nil && !o.poisoned {
		ending = []*order{o}
	}
	for _, each := range ending {
		if err := p.Book.Close(ctx, each.key, reason); err != nil {
			return fmt.Errorf("end order %s: %w", each.key.Reference, err)
		}
		each.state = stateClosed
	}
	o.state = stateClosed
	return nil
}

// expired reports whether the last moment to pay has passed. The order is not
// closed by that (§3.1).
func (o *order) expired(now time.Time) bool { return now.After(o.expires) }

// amount is what the order asks for.
func (o *order) amount() payment.Money { return payment.Fen(o.params.Amount.Total) }

// capture takes the money and, but for barcodes, begins to notify. The lock is
// held.
func (p *Provider) capture(ctx context.Context, o *order, payer faults.Trial) error {
	if o.subs != nil {
		return p.captureCombined(ctx, o, payer)
	}
	if err := p.take(ctx, o, payer); err != nil {
		return err
	}
	p.notifyPaid(ctx, o)
	return nil
}

// take moves the money of one order of the book, and tells nobody.
func (p *Provider) take(ctx context.Context, o *order, payer faults.Trial) error {
	reference := payment.ProviderReference(newTransactionID(p.ports.Clock.Now()))
	coupon := o.behaviour.Coupon(ctx, o.amount())
	paid, err := p.Book.CaptureWithCoupon(ctx, o.key, payer, reference, coupon)
	if err != nil {
		return fmt.Errorf("capture order %s: %w", o.key.Reference, err)
	}
	o.coupon = coupon.Minor
	o.paid, o.state, o.awaiting = paid, stateSuccess, nil
	p.transactions[string(paid.ProviderReference)] = o
	return nil
}

// openID is the shopper's id under the merchant's appid: what the merchant
// gave for jsapi, else made from the wallet, stable and different under each
// appid (§1).
func (o *order) openID() string {
	if o.params.Payer.OpenID != "" {
		return o.params.Payer.OpenID
	}
	hash := sha256.Sum256([]byte(o.params.AppID + "\n" + string(o.paid.PaidBy)))
	return "o" + base64.RawURLEncoding.EncodeToString(hash[:])[:27]
}

// lookUp finds an order, nil if there is none.
func (p *Provider) lookUp(who *account, number string) *order {
	return p.orders[ledger.Key{Account: who.MchID, Reference: payment.MerchantReference(number)}]
}

// payerTotal is what the shopper paid: all but the coupon.
func (o *order) payerTotal() int64 { return o.params.Amount.Total - o.coupon }

// payerPart is the shopper's share of a refund.
func (o *order) payerPart(refund int64) int64 {
	return refund - o.coupon*refund/o.params.Amount.Total
}

// shown is a time as the merchant is told it, by the clock that this order's
// conduct gives the provider.
func (o *order) shown(at time.Time) time.Time { return at.Add(o.behaviour.Conduct().Skew) }
