package wechatpay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

// maxBody bounds a request; no API of the provider's needs as much.
const maxBody = 1 << 20

// Wire implements providers.Provider.
func (p *Provider) Wire() http.Handler { return http.HandlerFunc(p.serve) }

// serve is one exchange: the books change in handle, then the answer is made
// and signed, and only then can anything happen to it.
func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		// The request did not arrive whole: there is nobody to answer.
		panic(http.ErrAbortHandler)
	}
	if found, known := routeOf(targetOf(r)); known && found.v2 {
		write(w, p.serveV2(r, found, body))
		return
	}
	asked := r.Header.Get(headerSerial)
	given, refused := p.handle(r, body)
	var answer *proxy.Answer
	if refused != nil {
		answer, err = p.desk.bad(refused, asked)
	} else {
		answer, err = p.desk.good(given, asked)
	}
	if err != nil {
		http.Error(w, "sign the answer", http.StatusInternalServerError)
		return
	}
	write(w, answer)
}

// write sends an answer with its header names spelled as they are.
func write(w http.ResponseWriter, answer *proxy.Answer) {
	header := w.Header()
	for _, line := range answer.Header {
		header[line.Name] = append(header[line.Name], line.Value)
	}
	w.WriteHeader(answer.Status)
	// An answer that cannot be written is the network's business, not the
	// book's: what was done stays done.
	_, _ = w.Write(answer.Body)
}

// handle checks in the order of protocol wechatpay §11: who asks, what the
// body is, then what the order's state allows.
func (p *Provider) handle(r *http.Request, body []byte) (reply, *failure) {
	target := targetOf(r)
	found, known := routeOf(target)
	if !known {
		return reply{}, noSuchPath(r.Method, target)
	}
	if r.Method != found.method {
		return reply{}, &failure{405, "METHOD_NOT_ALLOWED", "请求方法不支持", internalOther, nil}
	}
	if refused := p.checkHeaders(r); refused != nil {
		return reply{}, refused
	}
	who, refused := p.authenticate(r.Method, target, r.Header.Get("Authorization"), body)
	if refused != nil {
		return reply{}, refused
	}
	// What is done for a caller that hangs up is done all the same.
	ctx := context.WithoutCancel(r.Context())
	return p.act(call{ctx: ctx, route: found, target: target, body: body, account: who,
		trial: faults.Trial(r.Header.Get(providers.TrialHeader))})
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

// checkHeaders refuses what some gateways of the provider refuse, by option.
func (p *Provider) checkHeaders(r *http.Request) *failure {
	if p.options.StrictHeaders {
		for _, name := range []string{"User-Agent", "Accept"} {
			if r.Header.Get(name) == "" {
				return badParam(place{Field: name, Issue: "缺少Http头", Location: "header"}, "Http头缺少"+name)
			}
		}
	}
	serial := r.Header.Get(headerSerial)
	if p.options.UnknownSerialRefused && serial != "" && p.ring.named(serial) == nil {
		return badParam(place{Field: headerSerial, Value: serial, Issue: "序列号错误", Location: "header"},
			"平台证书序列号Wechatpay-Serial错误")
	}
	return nil
}

// authenticate answers each mistake with the text that merchants search for
// (§2.2). A nonce may come again: a client's retry over another host re-sends
// the identical signed request (§2.1).
func (p *Provider) authenticate(method, target, header string, body []byte) (*account, *failure) {
	said, err := parseAuthorization(header)
	switch {
	case errors.Is(err, errScheme):
		return nil, unauthorized("Http头Authorization认证类型不正确")
	case err != nil:
		return nil, unauthorized("Http头Authorization值格式错误")
	case !fresh(said.timestamp, p.ports.Clock.Now()):
		return nil, unauthorized("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
	}
	who, known := p.ring.merchants[said.mchID]
	switch {
	case !known:
		return nil, unauthorized("商户未申请过证书")
	case who.APIv3Key == "":
		return nil, unauthorized("商户未设置APIv3密钥")
	case who.Serial != said.serial:
		return nil, unauthorized("商户证书序列号有误")
	}
	message := requestMessage(method, target, said.timestamp, said.nonce, body)
	if !keys.Verifies(who.key, message, said.signature) {
		refused := unauthorized("错误的签名，验签失败")
		refused.detail = signDetail(method, target, message, p.options.OldSignDetail)
		return nil, refused
	}
	return who, nil
}

// act carries a proven call out.
func (p *Provider) act(c call) (reply, *failure) {
	if c.route.combined {
		return p.actCombined(c)
	}
	switch c.route.operation {
	case faults.Create:
		return p.prepay(c)
	case faults.PayCode:
		return p.codepay(c)
	case faults.Query:
		return p.query(c)
	case faults.Close:
		return p.close(c)
	case faults.Reverse:
		return p.reverse(c)
	case faults.Refund:
		return p.refund(c)
	case faults.RefundQuery:
		return p.queryRefund(c)
	default:
		return p.certificates(c)
	}
}

// actCombined does the same for what is asked of combined payments.
func (p *Provider) actCombined(c call) (reply, *failure) {
	switch c.route.operation {
	case faults.Create:
		return p.prepayCombined(c)
	case faults.Query:
		return p.queryCombined(c)
	default:
		return p.closeCombined(c)
	}
}
