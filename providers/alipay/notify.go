package alipay

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/ledger"
)

// noticeType is that of every notification about a trade (§7).
const noticeType = "trade_status_sync"

// notice is what every notification about an order says, in its state (§7).
func (o *order) notice() parameters {
	id, logon := o.buyer()
	said := parameters{
		"notify_type": noticeType, "charset": "utf-8", "version": "1.0", "sign_type": signRSA2,
		"app_id": o.account.AppID, "auth_app_id": o.account.AppID, "seller_id": o.account.SellerID,
		"trade_no": o.tradeNo, "out_trade_no": o.asked.OutTradeNo, "trade_status": o.state,
		"total_amount": o.asked.Total.Decimal(), "subject": o.asked.Subject, "body": o.asked.Body,
		"passback_params": o.asked.Passback, "gmt_create": wireTime(o.created), "buyer_logon_id": logon,
	}
	buyer := "buyer_id"
	if o.account.BuyerOpenID {
		buyer = "buyer_open_id"
	}
	said[buyer] = id
	if o.everPaid() {
		amount, paid := o.asked.Total.Decimal(), o.buyerPaid().Decimal()
		said["gmt_payment"], said["fund_bill_list"] = wireTime(o.shown(o.paid.CapturedAt)), o.funds("fundChannel")
		said["receipt_amount"], said["invoice_amount"], said["buyer_pay_amount"] = amount, paid, paid
		said["point_amount"], said["voucher_detail_list"] = "0.00", o.vouchers()
	}
	return said.full()
}

// full drops what is empty: clients disagree on whether an empty field is
// signed (§7).
func (p parameters) full() parameters {
	maps.DeleteFunc(p, func(_, value string) bool { return value == "" })
	return p
}

// notifyPaid begins to tell that a trade is paid. The lock is held.
func (p *Provider) notifyPaid(ctx context.Context, o *order) {
	p.announce(ctx, o, o.notice(), ledger.Notification{Trial: o.trial, About: ledger.AboutPayment(o.paid)})
}

// finishLater tells, later, that a paid trade is finished: a second notice of
// one payment, under an id of its own (§6, §7).
func (p *Provider) finishLater(ctx context.Context, o *order, after time.Duration) {
	arose := trace.SpanContextFromContext(ctx)
	p.Agenda.After(o.trial, after, func(ctx context.Context) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if o.state != stateSuccess {
			return
		}
		o.state = stateFinished
		p.notifyPaid(trace.ContextWithSpanContext(ctx, arose), o)
	})
}

// notifyClosed begins to tell that a trade was closed unpaid, which only the
// older matrix and some payments' conduct do, and only for an app and a phone's
// page (§7).
func (p *Provider) notifyClosed(ctx context.Context, o *order) {
	if o.method != appPay && o.method != wapPay || (!p.options.OlderNotices && !o.behaviour.TellsFailure(ctx)) {
		return
	}
	said := o.notice()
	said["gmt_close"] = wireTime(o.closed)
	known, err := p.Book.Payment(o.key)
	if err != nil {
		return // the book closed it an instant ago
	}
	p.announce(ctx, o, said, ledger.Notification{Trial: o.trial, About: ledger.AboutPayment(known)})
}

// notifyRefunded begins to tell of a refund: a payment's notice with what went
// back, TRADE_CLOSED if that was all (§7). total is the sum of all refunds.
func (p *Provider) notifyRefunded(ctx context.Context, o *order, done ledger.Refund, total payment.Money) {
	if p.options.SilentRefunds {
		return
	}
	said := o.notice()
	said["refund_fee"], said["send_back_fee"] = total.Decimal(), done.Amount.Decimal()
	said["out_biz_no"] = string(done.Reference)
	layout := timeLayout + ".000"
	if p.options.WholeSecondsRefund {
		layout = timeLayout
	}
	said["gmt_refund"] = beijing(o.shown(done.EndedAt)).Format(layout)
	if o.state == stateClosed {
		said["gmt_close"] = wireTime(o.closed)
	}
	p.announce(ctx, o, said, ledger.Notification{Trial: o.trial, About: ledger.AboutRefund(done, o.paid.ProviderReference)})
}

// announce hands news to the outbox, as the order's conduct bends it. An order
// without a notify_url is told nothing (§7).
func (p *Provider) announce(ctx context.Context, o *order, said parameters, notification ledger.Notification) {
	if o.asked.NotifyURL == "" || o.behaviour.Silent(ctx) {
		return
	}
	notification = p.Bent(ctx, o.behaviour, &p.mu, notification)
	conduct := o.behaviour.Conduct()
	o.behaviour.Now(ctx, time.Time{})
	id, to := newNotifyID(p.ports.Clock.Now()), o.asked.NotifyURL
	arose := trace.SpanContextFromContext(ctx) // deliveries belong to what they tell of
	notification.Deliver = func(ctx context.Context, n int) ledger.Delivery {
		told := maps.Clone(said)
		told["notify_id"] = id
		if n > 0 && conduct.NotifyFreshIDs {
			told["notify_id"] = newNotifyID(p.ports.Clock.Now())
		}
		if n == 1 && notification.Copies > 0 {
			p.mu.Lock()
			o.behaviour.Repeats(ctx)
			p.mu.Unlock()
		}
		request, err := noticeTo(to, told, p.ring.signing(p.ports.Clock.Now()), o.shown(p.ports.Clock.Now()))
		if err != nil {
			return ledger.Delivery{Err: err}
		}
		return p.deliver(trace.ContextWithSpanContext(ctx, arose), notification.Trial, request)
	}
	p.Outbox.Send(notification)
}

// deliver sends. Only HTTP 200 with the word success acknowledges (§7).
func (p *Provider) deliver(ctx context.Context, trial faults.Trial, request *proxy.Request) ledger.Delivery {
	answer, err := p.ports.Courier.Deliver(ctx, trial, request)
	if err != nil {
		return ledger.Delivery{Err: err}
	}
	return ledger.Delivery{Acknowledged: p.options.acknowledges(answer), Status: answer.Status}
}

// acknowledgement is the body that ends the deliveries (§7).
const acknowledgement = "success"

func (o Options) acknowledges(answer *proxy.Answer) bool {
	body := string(answer.Body)
	if o.LenientAck {
		body = strings.ToLower(strings.TrimSpace(body))
	}
	return answer.Status == 200 && body == acknowledgement
}

// noticeTo is a signed delivery (§7).
func noticeTo(to string, said parameters, with *identity, now time.Time) (*proxy.Request, error) {
	read, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("read the notify_url: %w", err)
	}
	said["notify_time"] = wireTime(now)
	if said["sign"], err = keys.Sign(with.pair, said.noticeString()); err != nil {
		return nil, err
	}
	body := []byte(said.encoded())
	return &proxy.Request{Method: "POST", Target: read.RequestURI(), Scheme: read.Scheme, Body: body,
		Header: proxy.Header{
			{Name: "Host", Value: read.Host},
			{Name: "User-Agent", Value: "Mozilla/4.0"},
			{Name: "Content-Type", Value: "application/x-www-form-urlencoded; charset=utf-8"},
			{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		}}, nil
}
