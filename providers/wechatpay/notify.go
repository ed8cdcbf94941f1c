package wechatpay

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/ledger"
)

// envelope is a notification's body (§5).
type envelope struct {
	ID           string   `json:"id"`
	CreateTime   string   `json:"create_time"`
	ResourceType string   `json:"resource_type"`
	EventType    string   `json:"event_type"`
	Summary      string   `json:"summary"`
	Resource     resource `json:"resource"`
}

// The events (§5). Only success is pushed for payments.
const (
	eventPaid     = "TRANSACTION.SUCCESS"
	eventRefunded = "REFUND.SUCCESS"
	eventAbnormal = "REFUND.ABNORMAL"
	eventNoRefund = "REFUND.CLOSED"
)

// eventOf is what is told of a refund that has ended in a state, and its summary.
func eventOf(status string) (event, summary string) {
	switch status {
	case refundAbnormal:
		return eventAbnormal, "退款异常"
	case refundClosed:
		return eventNoRefund, "退款关闭"
	default:
		return eventRefunded, "退款成功"
	}
}

// news is one thing to tell: the decrypted resource never changes, the
// envelope may get a new id, and each delivery a new signature.
type news struct {
	event, summary, kind string
	plain                []byte
	created              time.Time
	apiKey               string
	associated           string
	// xml is the whole body of a notification of v2, which is signed within.
	xml []byte
}

// newNotificationID looks like the provider's own: a UUID-shaped word.
func newNotificationID() string {
	h := keys.Hex(32)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// sealed is the body under an id.
func (n news) sealed(id string) ([]byte, error) {
	if n.xml != nil {
		return n.xml, nil
	}
	nonce := keys.Letters(nonceLength)
	hidden, err := seal(n.apiKey, nonce, n.associated, n.plain)
	if err != nil {
		return nil, fmt.Errorf("seal notification %s: %w", id, err)
	}
	return encode(envelope{ID: id, CreateTime: wireTime(n.created), ResourceType: "encrypt-resource",
		EventType: n.event, Summary: n.summary, Resource: resource{OriginalType: n.kind, Algorithm: algorithm,
			Ciphertext: hidden, AssociatedData: n.associated, Nonce: nonce}}), nil
}

// notifyPaid begins to tell that an order is paid. Nothing is pushed for
// barcodes (§0.7). The lock is held.
func (p *Provider) notifyPaid(ctx context.Context, o *order) {
	if o.scene == codepay {
		return
	}
	plain, about := encode(o.transaction(stateSuccess)), ledger.AboutPayment(o.paid)
	if o.subs != nil {
		plain, about = encode(o.combined(false)), aboutCombined(o)
	}
	told := p.news(o, eventPaid, "支付成功", "transaction", plain)
	if o.v2 != "" {
		told.xml = noticeV2(o, keys.Letters(32)).encode()
	}
	p.announce(ctx, o, o.params.NotifyURL, told, ledger.Notification{Trial: o.trial, About: about})
}

// refundNotice is the decrypted resource of a refund notification: not quite
// the object of the query (§5).
type refundNotice struct {
	MchID               string            `json:"mchid"`
	OutTradeNo          string            `json:"out_trade_no"`
	TransactionID       string            `json:"transaction_id"`
	OutRefundNo         string            `json:"out_refund_no"`
	RefundID            string            `json:"refund_id"`
	RefundStatus        string            `json:"refund_status"`
	SuccessTime         string            `json:"success_time,omitempty"`
	UserReceivedAccount string            `json:"user_received_account"`
	Amount              refundNoticeMoney `json:"amount"`
}

// refundNoticeMoney has no currency, unlike the answers (§5).
type refundNoticeMoney struct {
	Total       int64 `json:"total"`
	Refund      int64 `json:"refund"`
	PayerTotal  int64 `json:"payer_total"`
	PayerRefund int64 `json:"payer_refund"`
}

// notifyRefunded begins to tell that a refund is done, where anybody is to be
// told. The lock is held.
func (p *Provider) notifyRefunded(ctx context.Context, r *refund, done ledger.Refund) {
	if r.notifyURL == "" {
		return
	}
	o := r.order
	event, summary := eventOf(refundStatus(done))
	said := refundNotice{
		MchID: o.params.MchID, OutTradeNo: o.params.OutTradeNo, TransactionID: string(o.paid.ProviderReference),
		OutRefundNo: string(done.Reference), RefundID: done.ProviderReference, RefundStatus: refundStatus(done),
		UserReceivedAccount: receivedAccount,
		Amount: refundNoticeMoney{Total: o.params.Amount.Total, Refund: done.Amount.Minor, PayerTotal: o.payerTotal(),
			PayerRefund: o.payerPart(done.Amount.Minor)}}
	if event == eventRefunded {
		said.SuccessTime = wireTime(o.shown(done.EndedAt))
	}
	told := p.news(o, event, summary, "refund", encode(said))
	p.announce(ctx, o, r.notifyURL, told,
		ledger.Notification{Trial: o.trial, About: ledger.AboutRefund(done, o.paid.ProviderReference)})
}

// news is what an order's merchant is told, under that merchant's key.
func (p *Provider) news(o *order, event, summary, kind string, plain []byte) news {
	told := news{event: event, summary: summary, kind: kind, plain: plain, created: o.shown(p.ports.Clock.Now()),
		apiKey: o.account.APIv3Key, associated: kind}
	if p.options.EmptyAssociatedData {
		told.associated = ""
	}
	return told
}

// announce hands news to the outbox, as the order's conduct bends it.
func (p *Provider) announce(ctx context.Context, o *order, to string, told news, notification ledger.Notification) {
	if o.behaviour.Silent(ctx) {
		return
	}
	id := newNotificationID()
	body, err := told.sealed(id)
	if err != nil {
		return // only an account without an APIv3 key: it gets none (§1)
	}
	notification = p.Bent(ctx, o.behaviour, &p.mu, notification)
	fresh, skew := o.behaviour.Conduct().NotifyFreshIDs || p.options.VaryNotificationIDs, o.behaviour.Now(ctx, time.Time{}).Sub(time.Time{})
	arose := trace.SpanContextFromContext(ctx) // deliveries belong to what they tell of
	notification.Deliver = func(ctx context.Context, n int) ledger.Delivery {
		ctx = trace.ContextWithSpanContext(ctx, arose)
		sent := body
		if n > 0 && fresh {
			again, err := told.sealed(newNotificationID())
			if err != nil {
				return ledger.Delivery{Err: err}
			}
			sent = again
		}
		if n == 1 && notification.Copies > 0 {
			p.mu.Lock()
			o.behaviour.Repeats(ctx)
			p.mu.Unlock()
		}
		if told.xml != nil {
			return p.deliverV2(ctx, notification, to, sent)
		}
		return p.deliver(ctx, parcel{notification.Trial, n, to, sent, skew})
	}
	p.Outbox.Send(notification)
}

// parcel is one delivery on its way.
type parcel struct {
	trial faults.Trial
	n     int
	to    string
	body  []byte
	skew  time.Duration // of the clock that it is signed by
}

// deliver signs and sends. The HTTP status alone acknowledges: a 200 whose
// body says FAIL is not sent again (§0.8).
func (p *Provider) deliver(ctx context.Context, sent parcel) ledger.Delivery {
	now := p.ports.Clock.Now()
	request, err := notificationTo(sent.to, sent.body)
	if err == nil {
		err = signWith(&request.Header, p.ring.notifying(sent.n, now), strconv.FormatInt(now.Add(sent.skew).Unix(), 10), sent.body)
	}
	if err != nil {
		return ledger.Delivery{Err: err}
	}
	answer, err := p.ports.Courier.Deliver(ctx, sent.trial, request)
	if err != nil {
		return ledger.Delivery{Err: err}
	}
	return ledger.Delivery{Acknowledged: answer.Status == 200 || answer.Status == 204, Status: answer.Status}
}

// deliverV2 sends a notification of v2, which its own body signs. The answer's
// body acknowledges.
func (p *Provider) deliverV2(ctx context.Context, notification ledger.Notification, to string, body []byte) ledger.Delivery {
	request, err := noticeTo(to, body)
	if err != nil {
		return ledger.Delivery{Err: err}
	}
	answer, err := p.ports.Courier.Deliver(ctx, notification.Trial, request)
	if err != nil {
		return ledger.Delivery{Err: err}
	}
	return ledger.Delivery{Acknowledged: acknowledgesV2(answer.Status, answer.Body), Status: answer.Status}
}

// noticeTo is a delivery of v2.
func noticeTo(to string, body []byte) (*proxy.Request, error) {
	request, err := notificationTo(to, body)
	if err == nil {
		request.Header.Set("Content-Type", "text/xml")
	}
	return request, err
}

// notificationTo is an unsigned delivery with the headers of real ones (§5).
func notificationTo(to string, body []byte) (*proxy.Request, error) {
	read, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("read the notify_url: %w", err)
	}
	return &proxy.Request{Method: "POST", Target: read.RequestURI(), Scheme: read.Scheme, Body: body,
		Header: proxy.Header{
			{Name: "Host", Value: read.Host},
			{Name: "User-Agent", Value: "Mozilla/4.0"},
			{Name: "Accept", Value: "*/*"},
			{Name: "Cache-Control", Value: "no-cache"},
			{Name: "Pragma", Value: "no-cache"},
			{Name: "Content-Type", Value: "application/json"},
			{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		}}, nil
}
