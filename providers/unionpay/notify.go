package unionpay

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// notifyPayment begins to tell what became of a payment. Back products tell of
// failure too (§9); front ones do not, and never fail for good here. The lock is
// held.
func (p *Provider) notifyPayment(ctx context.Context, o *order) {
	values := o.result(stateOf(o.code) == payment.Captured)
	values["respCode"] = o.code
	about := ledger.AboutPayment(o.paid)
	if o.state == failed {
		about = journal.Entry{Method: payment.MethodBarcode, MerchantReference: o.key.Reference, Amount: o.amount()}
	}
	p.announce(ctx, o, o.trade, values, about)
}

// notifyUndone begins to tell that a refund or void is done. The lock is held.
func (p *Provider) notifyUndone(ctx context.Context, u *undo, about journal.Entry) {
	code := p.undoCode(u)
	values := u.result(code == codeOK)
	values["respCode"] = code
	p.announce(ctx, u.origin, u.trade, values, about)
}

// announce hands news about a trade to the outbox, as the conduct of its
// payment bends it. What is sent never changes: there is no id of its own and
// no time under the signature, so copies are alike to the last byte.
func (p *Provider) announce(ctx context.Context, o *order, t *trade, values fields, about journal.Entry) {
	if o.behaviour.Silent(ctx) {
		return
	}
	for _, name := range []string{"version", "encoding", "signMethod"} {
		values[name] = t.asked[name]
	}
	values["respMsg"] = message(values["respCode"], "", values.chinese())
	made := sync.OnceValues(func() (*proxy.Request, error) {
		if err := p.ring.sign(values); err != nil {
			return nil, err
		}
		return notificationTo(t.asked["backUrl"], values)
	})
	notification := p.Bent(ctx, o.behaviour, &p.mu, ledger.Notification{Trial: o.trial, About: about})
	arose := trace.SpanContextFromContext(ctx) // deliveries belong to what they tell of
	notification.Deliver = func(ctx context.Context, n int) ledger.Delivery {
		ctx = trace.ContextWithSpanContext(ctx, arose)
		if n == 1 && notification.Copies > 0 {
			p.mu.Lock()
			o.behaviour.Repeats(ctx)
			p.mu.Unlock()
		}
		request, err := made()
		if err != nil {
			return ledger.Delivery{Err: err}
		}
		return p.deliver(ctx, notification, request)
	}
	p.Outbox.Send(notification)
}

// deliver sends once. The status alone acknowledges; the body is ignored (§9).
func (p *Provider) deliver(ctx context.Context, notification ledger.Notification, request *proxy.Request) ledger.Delivery {
	answer, err := p.ports.Courier.Deliver(ctx, notification.Trial, request.Clone())
	if err != nil {
		return ledger.Delivery{Err: err}
	}
	taken := answer.Status == 200 || (p.options.AckRedirect && answer.Status == 302)
	return ledger.Delivery{Acknowledged: taken, Status: answer.Status}
}

// notificationTo is a delivery of signed values. The address keeps its query:
// a merchant's framework may merge that with the form (§9).
func notificationTo(to string, values fields) (*proxy.Request, error) {
	read, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("read the backUrl: %w", err)
	}
	body := encoded.write(values)
	return &proxy.Request{Method: "POST", Target: read.RequestURI(), Scheme: read.Scheme, Body: body,
		Header: proxy.Header{
			{Name: "Host", Value: read.Host},
			{Name: "User-Agent", Value: "Mozilla/4.0"},
			{Name: "Content-Type", Value: "application/x-www-form-urlencoded;charset=" + strings.ToUpper(values["encoding"])},
			{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		}}, nil
}
