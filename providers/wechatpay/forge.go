package wechatpay

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
)

// errNoForgery says that an exchange begins no payment to forge about.
var errNoForgery = errors.New("the exchange begins no payment")

// Forge implements proxy.Dialect. The forged notification is right in every
// way: the true amount, a plausible transaction id, and a
// resource sealed with the true APIv3 key. An outsider would not have that
// key, but keys leak, and then what an edit leaves wrong is all that protects a
// merchant.
func (d *Dialect) Forge(r *proxy.Request, _ *proxy.Answer) (*proxy.Request, error) {
	found, known := routeOf(r.Target)
	if found.v2 {
		return d.forgeV2(r, found)
	}
	facts := d.Request(r)
	if !known || (facts.Operation != faults.Create && facts.Operation != faults.PayCode) {
		return nil, fmt.Errorf("forge a notification: %w: %w", errNoForgery, proxy.ErrCannotEdit)
	}
	who, known := d.ring.merchants[facts.Account]
	values, err := parse(r.Body)
	if !known || err != nil || facts.Amount.Minor == 0 {
		return nil, fmt.Errorf("forge a notification: %w: %w", errNoForgery, proxy.ErrCannotEdit)
	}
	body := reading{values}
	to := body.text("notify_url")
	if to == "" {
		to = d.remembered(facts.Account)
	}
	if to == "" {
		return nil, fmt.Errorf("forge a notification: no notify_url is known: %w", proxy.ErrCannotEdit)
	}
	told := d.fiction(found.scene, who, body, facts.Amount.Minor)
	if found.combined {
		told = d.combinedFiction(facts.Parts, found.scene, who, body)
	}
	return d.delivery(to, told)
}

// fiction is the news that the payment succeeded.
func (d *Dialect) fiction(scene scene, who *account, body reading, total int64) news {
	now := d.clock.Now()
	openID := body.text("payer", "openid")
	if openID == "" {
		openID = "o" + keys.Letters(27)
	}
	attach := body.text("attach")
	plain := encode(transaction{MchID: who.MchID, AppID: body.text("appid"), OutTradeNo: body.text("out_trade_no"),
		TransactionID: newTransactionID(now), TradeType: scene.tradeType(), TradeState: stateSuccess,
		TradeStateDesc: describe(stateSuccess), BankType: "OTHERS", Attach: &attach, SuccessTime: wireTime(now),
		Payer:  &payer{openID},
		Amount: &amount{Total: total, PayerTotal: &total, Currency: "CNY", PayerCurrency: "CNY"}})
	return paidNews(who, plain, now)
}

// paidNews seals a fiction as the provider would.
func paidNews(who *account, plain []byte, now time.Time) news {
	return news{event: eventPaid, summary: "支付成功", kind: "transaction", associated: "transaction",
		plain: plain, created: now, apiKey: who.APIv3Key}
}

// delivery signs the news.
func (d *Dialect) delivery(to string, told news) (*proxy.Request, error) {
	sealed, err := told.sealed(newNotificationID())
	if err != nil {
		return nil, err
	}
	request, err := notificationTo(to, sealed)
	if err != nil {
		return nil, err
	}
	now := d.clock.Now()
	key := d.ring.notifying(0, now)
	return request, signWith(&request.Header, key, strconv.FormatInt(now.Unix(), 10), sealed)
}
