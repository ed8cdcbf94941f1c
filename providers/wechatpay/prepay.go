package wechatpay

import (
	"crypto/sha256"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/ledger"
)

// prepay creates an order, or re-enters one (§3.1, §4.3).
func (p *Provider) prepay(c call) (reply, *failure) {
	asked, print, refused := p.readOrder(c, prepayForm(c.route.scene))
	if refused != nil {
		return reply{}, refused
	}
	if refused := p.checkNotifyURL(asked.NotifyURL); refused != nil {
		return reply{}, refused
	}
	expires, refused := p.expiry(asked.TimeExpire)
	if refused != nil {
		return reply{}, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.lookUp(c.account, asked.OutTradeNo)
	if o == nil {
		o, refused = p.create(c, asked, print)
		if refused != nil {
			return reply{}, refused
		}
		o.expires = expires
	} else if refused := p.reenter(c, o, print); refused != nil {
		return reply{}, refused
	}
	return reply{200, p.issue(o).json()}, nil
}

// readOrder checks what every order request must satisfy before the order's
// state is looked at.
func (p *Provider) readOrder(c call, form []member) (orderParams, [sha256.Size]byte, *failure) {
	var asked orderParams
	value, refused := fill(c.body, form, p.options.AllowUnknownMembers, &asked)
	if refused != nil {
		return asked, [sha256.Size]byte{}, refused
	}
	if refused := p.checkAccount(c, asked.MchID, &asked.AppID); refused != nil {
		return asked, [sha256.Size]byte{}, refused
	}
	return asked, fingerprint(c.route.scene, value), nil
}

// checkAccount compares the body's mchid and appid with who signed.
func (p *Provider) checkAccount(c call, mchid string, appid *string) *failure {
	if mchid != c.account.MchID {
		return badParam(place{Field: "/mchid", Value: mchid, Issue: "mchid不匹配", Location: "body"}, "mchid不匹配")
	}
	if appid != nil && *appid != c.account.AppID {
		return &failure{400, "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配", internalAppIDMismatch, nil}
	}
	return nil
}

// fingerprint hashes all parameters and the scene, whatever their order and
// spacing. The barcode is left out: a shopper's wallet shows a new one each
// minute, and the order stays the same.
func fingerprint(scene scene, value map[string]any) [sha256.Size]byte {
	if who, ok := value["payer"].(map[string]any); ok {
		delete(who, "auth_code")
	}
	return sha256.Sum256(append([]byte(scene+"\n"), encode(value)...))
}

// checkNotifyURL: no query string, and by option what the real provider can
// reach (§1).
func (p *Provider) checkNotifyURL(text string) *failure {
	read, err := url.Parse(text)
	bad := err != nil || read.Host == "" || read.RawQuery != "" || read.ForceQuery || read.Fragment != "" ||
		(read.Scheme != "https" && read.Scheme != "http")
	if !bad && p.options.StrictNotifyURL {
		_, notIP := netip.ParseAddr(read.Hostname())
		bad = read.Scheme != "https" || notIP == nil || read.Hostname() == "localhost"
	}
	if bad {
		return badParam(place{Field: "/notify_url", Value: text, Issue: "格式错误", Location: "body"}, "notify_url格式错误")
	}
	return nil
}

// expiry is the last moment to pay: 7 days, or as asked, raised to a minute
// and cut to 90 days (§3.1).
func (p *Provider) expiry(text string) (time.Time, *failure) {
	asked, refused := moment("/time_expire", text)
	return p.bounded(asked), refused
}

// bounded is the last moment to pay, given what was asked, if anything.
func (p *Provider) bounded(asked time.Time) time.Time {
	now := p.ports.Clock.Now()
	if asked.IsZero() {
		return now.Add(orderLife)
	}
	if asked.Before(now.Add(leastOrder)) {
		return now.Add(leastOrder)
	}
	if asked.After(now.Add(longestOrder)) {
		return now.Add(longestOrder)
	}
	return asked
}

// moment reads a time of the wire's; none is no time.
func moment(field, text string) (time.Time, *failure) {
	if text == "" {
		return time.Time{}, nil
	}
	read, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, badParam(place{Field: field, Value: text, Issue: "时间格式错误", Location: "body"},
			strings.TrimPrefix(field, "/")+"格式错误，应为rfc3339格式")
	}
	return read, nil
}

// create enters a new order into the book. The lock is held.
func (p *Provider) create(c call, asked orderParams, print [sha256.Size]byte) (*order, *failure) {
	key := ledger.Key{Account: c.account.MchID, Reference: payment.MerchantReference(asked.OutTradeNo)}
	o := &order{key: key, account: c.account, scene: c.route.scene, params: asked, print: print,
		created: p.ports.Clock.Now(), state: stateNotPay}
	intent := ledger.Intent{Key: key, Method: c.route.scene.method(), Amount: o.amount()}
	if _, err := p.Book.Begin(c.ctx, c.trial, intent); err != nil {
		return nil, systemError()
	}
	p.orders[key] = o
	p.adopt(o, c.trial)
	return o, nil
}

// reenter decides on a number that is in use (§4.3). What has been paid or
// closed is answered before what differs: a merchant that asks again must
// learn that it is paid.
func (p *Provider) reenter(c call, o *order, print [sha256.Size]byte) *failure {
	p.age(c.ctx, o)
	p.adopt(o, c.trial)
	switch {
	case o.poisoned:
		return p.mismatched()
	case o.captured():
		return p.options.PrepayPaid.or(orderPaid())
	case o.state == stateClosed || o.state == stateRevoked:
		return orderClosed()
	case o.print != print:
		return p.mismatched()
	case o.expired(p.ports.Clock.Now()) && !p.options.RefreshExpired:
		return orderClosed()
	case o.expired(p.ports.Clock.Now()):
		o.expires = p.ports.Clock.Now().Add(orderLife)
	}
	return nil
}

// mismatched refuses a number that stands for something else.
func (p *Provider) mismatched() *failure {
	return p.options.Reentry.or(&failure{400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", internalReentry, nil})
}

// issued is a fresh code: the prepay id, and what a shopper is shown, under the
// name that v3 gives it.
type issued struct{ prepayID, member, shown string }

// json is the answer of v3.
func (i issued) json() []byte { return encode(map[string]string{i.member: i.shown}) }

// issue makes a fresh code for the order. The lock is held.
func (p *Provider) issue(o *order) issued {
	now := p.ports.Clock.Now()
	if p.options.OldCodeDies {
		for text, old := range p.codes {
			if old.order == o {
				delete(p.codes, text)
			}
		}
	}
	prepay := newPrepayID(now)
	switch o.scene {
	case native:
		shown := "weixin://wxpay/bizpayurl?pr=" + keys.Letters(9) + "zz"
		p.codes[shown] = &code{order: o, until: now.Add(prepayLife)}
		return issued{prepay, "code_url", shown}
	case h5:
		shown := "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=" + prepay +
			"&package=" + strings.TrimLeft(keys.Digits(10), "0") + "7"
		p.codes[shown] = &code{order: o, until: now.Add(h5Life)}
		return issued{prepay, "h5_url", shown}
	default:
		p.codes[prepay] = &code{order: o, until: now.Add(prepayLife)}
		return issued{prepay, "prepay_id", prepay}
	}
}
