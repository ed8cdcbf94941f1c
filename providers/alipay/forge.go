package alipay

import (
	"errors"
	"fmt"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// errNoForgery says that an exchange begins no payment to forge about.
var errNoForgery = errors.New("the exchange begins no payment")

// Forge implements proxy.Dialect. The forged notification is right in every
// way: everything in it is known to whoever sees the order, and what an edit
// leaves wrong is all that protects a merchant.
func (d *Dialect) Forge(r *proxy.Request, _ *proxy.Answer) (*proxy.Request, error) {
	asked, ok := d.asked(r)
	operation := asked.method.operation()
	who := d.ring.apps[asked.appID]
	total := asked.business.money("total_amount")
	if !ok || (operation != faults.Create && operation != faults.PayCode) || who == nil || total.Minor == 0 {
		return nil, fmt.Errorf("forge a notification: %w: %w", errNoForgery, proxy.ErrCannotEdit)
	}
	to := asked.notifyURL
	if to == "" {
		to = d.remembered(asked.appID)
	}
	if to == "" {
		return nil, fmt.Errorf("forge a notification: no notify_url is known: %w", proxy.ErrCannotEdit)
	}
	now := d.clock.Now()
	return noticeTo(to, fiction(asked, who, now), d.ring.signing(now), now)
}

// fiction is the news that the payment succeeded.
func fiction(asked asked, who *account, now time.Time) parameters {
	b := asked.business
	o := &order{account: who, method: asked.method, state: stateSuccess, tradeNo: newTradeNo(now), created: now, shopper: "nobody",
		asked: orderParams{OutTradeNo: b.text("out_trade_no"), Subject: b.text("subject"), Body: b.text("body"),
			Passback: b.text("passback_params"), Total: b.money("total_amount"), Buyer: b.text("buyer_id")}}
	o.paid = ledger.Payment{ProviderReference: payment.ProviderReference(o.tradeNo), CapturedAt: now}
	said := o.notice()
	said["notify_id"] = newNotifyID(now)
	return said
}
