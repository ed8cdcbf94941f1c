package unionpay

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
)

// maxBody bounds a request; no transaction needs as much.
const maxBody = 1 << 20

// Wire implements providers.Provider.
func (p *Provider) Wire() http.Handler { return providers.Patiently(http.HandlerFunc(p.serve)) }

// serve is one exchange: the books change in handle, then the answer is made
// and signed, and only then can anything happen to it.
func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		// The request did not arrive whole: there is nobody to answer.
		panic(http.ErrAbortHandler)
	}
	answer, err := p.answer(r, body)
	if err != nil {
		http.Error(w, "sign the answer", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	for _, line := range answer.Header {
		header[line.Name] = append(header[line.Name], line.Value)
	}
	w.WriteHeader(answer.Status)
	// An answer that cannot be written is the network's business, not the
	// book's: what was done stays done.
	_, _ = w.Write(answer.Body)
}

// answer is what a request gets. What the gateway does not serve gets a page.
func (p *Provider) answer(r *http.Request, body []byte) (*proxy.Answer, error) {
	target := targetOf(r)
	path, _, _ := strings.Cut(target, "?")
	from, known := endpointOf(target)
	switch {
	case endpoint(path) == cashier:
		return p.cashierPage(target), nil
	case !known:
		return p.desk.page(http.StatusNotFound, "请求的接口不存在"), nil
	case r.Method != http.MethodPost:
		return p.desk.page(http.StatusMethodNotAllowed, "请求方法不支持"), nil
	}
	asked, err := encoded.parse(string(body))
	if err != nil {
		return p.desk.bad(from, fields{}, refuse(codeFormat, ""))
	}
	// What is done for a caller that hangs up is done all the same.
	ctx := context.WithoutCancel(r.Context())
	trial := faults.Trial(r.Header.Get(providers.TrialHeader))
	who, refused := p.admit(from, asked)
	if refused != nil {
		return p.desk.bad(from, asked, refused)
	}
	given, refused := p.act(call{ctx: ctx, from: from, asked: asked, account: who, trial: trial})
	if refused != nil {
		return p.desk.bad(from, asked, refused)
	}
	return p.desk.good(asked, given)
}

// targetOf is the raw request target; a proxied request has it in absolute
// form.
func targetOf(r *http.Request) string {
	target := r.RequestURI
	if rest, absolute := strings.CutPrefix(target, "http://"); absolute {
		_, path, _ := strings.Cut(rest, "/")
		return "/" + path
	}
	return target
}

// admit checks a request's form, then who asks and the signature, then whether
// the endpoint does this at all. The wallet checks a front request that a
// browser posts in the same way.
func (p *Provider) admit(from endpoint, asked fields) (*account, *failure) {
	if asked["signMethod"] == bySM3 {
		return nil, refuse(codeFormat, "signMethod 12 (SM3)")
	}
	if refused := checkForm(asked); refused != nil {
		return nil, refused
	}
	if asked["signature"] == "" {
		return nil, refuse(codeMissing, "signature")
	}
	who := p.ring.merchants[asked["merId"]]
	switch {
	case who == nil:
		return nil, refuse(codeMerchant, "merId")
	case !who.proves(asked):
		return nil, refuse(codeSignature, "")
	case !from.served(asked.transaction()):
		return nil, refuse(codeForbidden, string(asked.transaction()))
	case asked.transaction().fresh() && !p.options.current(asked["txnTime"], p.ports.Clock.Now()):
		return nil, refuse(or(p.options.Stale, codeFormat), "txnTime")
	}
	return who, nil
}

// act carries a proven call out.
func (p *Provider) act(c call) (reply, *failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c.asked.transaction() {
	case consume, shown:
		return p.once(c, p.place)
	case scanned:
		return p.once(c, p.scan)
	case refund:
		return p.once(c, p.refund)
	case void:
		return p.once(c, p.void)
	case reversal:
		return p.reverse(c)
	case queryByOrder, queryByID:
		return p.query(c)
	default:
		return p.encryptKey()
	}
}

// encryptKey gives the certificate to encrypt sensitive fields under (§1).
func (p *Provider) encryptKey() (reply, *failure) {
	if p.ring.config.Platform.Encrypt == "" {
		return reply{}, refuse(codeForbidden, "")
	}
	return accepted(fields{"certType": "01", "encryptPubKeyCert": onWire(p.ring.config.Platform.Encrypt)}), nil
}

// cashierPage is what a browser finds at the end of a front request. The mock
// has no page to pay on: shoppers pay with their wallet, which takes the
// page's address.
func (p *Provider) cashierPage(target string) *proxy.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.codes["https://"+Host+target] == nil {
		return p.desk.page(http.StatusOK, message(codeNone, "", true))
	}
	return p.desk.dressed(http.StatusOK, "text/html;charset=UTF-8",
		[]byte("<!DOCTYPE html>\n<html><body><div class=\"cashier\">请使用云闪付完成支付</div></body></html>\n"))
}

// cashierURL is the address of the cashier page of one order.
func cashierURL(number string) string {
	return "https://" + Host + string(cashier) + "?" + url.Values{"transNumber": {number}}.Encode()
}
