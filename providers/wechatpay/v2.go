package wechatpay

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

// v2 is the older API: XML, signed with a shared key (§2.8, §3.6). It is
// another way to the same orders: what v2 creates, v3 sees, and the reverse.

// v2Route is what a v2 path asks for.
func v2Route(path string) (route, bool) {
	made := route{method: http.MethodPost, v2: true, scene: codepay}
	switch path {
	case "/pay/micropay":
		made.operation = faults.PayCode
	case "/pay/unifiedorder":
		made.operation = faults.Create
	case "/pay/orderquery":
		made.operation = faults.Query
	case "/pay/closeorder":
		made.operation = faults.Close
	case "/secapi/pay/reverse":
		made.operation, made.mutual = faults.Reverse, true
	case "/secapi/pay/refund":
		made.operation, made.mutual = faults.Refund, true
	case "/pay/refundquery":
		made.operation = faults.RefundQuery
	default:
		return route{}, false
	}
	return made, true
}

// callV2 is a v2 request whose sender has proven who it is.
type callV2 struct {
	call
	form     document
	signType string
}

// serveV2 answers a v2 request. But for a missing certificate the status is
// always 200 (§2.8).
func (p *Provider) serveV2(r *http.Request, found route, body []byte) *proxy.Answer {
	certificate := r.Header.Get(providers.ClientCertificateHeader)
	if found.mutual && certificate != "" {
		if refused := p.checkCertificate(certificate); refused != "" {
			return p.desk.nginx(refused)
		}
	}
	c, refused := p.proven(r, body)
	if refused != nil {
		return p.desk.badV2(c, refused, nil)
	}
	if found.mutual && certificate != "" && !c.account.owns(certificate) {
		return p.desk.badV2(c, coded(200, "CERT_ERROR"), nil)
	}
	c.route = found
	given, refused := p.actV2(&c)
	if refused != nil {
		return p.desk.badV2(c, refused, given)
	}
	return p.desk.goodV2(c, given)
}

// checkCertificate says as nginx does why a client's certificate will not do:
// there is none, or no merchant has it. Without TLS nobody asks (§3.6).
func (p *Provider) checkCertificate(fingerprint string) string {
	if fingerprint == proxy.NoClientCertificate {
		return "No required SSL certificate was sent"
	}
	for _, who := range p.ring.merchants {
		if who.owns(fingerprint) {
			return ""
		}
	}
	return "The SSL certificate error"
}

// owns reports whether a certificate's fingerprint is the merchant's.
func (a *account) owns(fingerprint string) bool {
	return a.fingerprint != "" && strings.EqualFold(a.fingerprint, fingerprint)
}

// proven reads a request and checks who sent it: an XML document, of a
// merchant, signed with its key.
func (p *Provider) proven(r *http.Request, body []byte) (callV2, *failure) {
	c := callV2{call: call{ctx: context.WithoutCancel(r.Context()), target: targetOf(r), body: body,
		trial: faults.Trial(r.Header.Get(providers.TrialHeader))}, signType: signMD5}
	if r.Method != http.MethodPost {
		return c, coded(200, "REQUIRE_POST_METHOD")
	}
	if len(body) == 0 {
		return c, coded(200, "POST_DATA_EMPTY")
	}
	form, err := parseXML(body)
	switch {
	case errors.Is(err, errNotUTF8):
		return c, coded(200, "NOT_UTF8")
	case err != nil:
		return c, coded(200, "XML_FORMAT_ERROR")
	}
	c.form, c.signType = form, form.signTypeOf()
	who := p.ring.merchants[form.get("mch_id")]
	switch {
	case form.get("mch_id") == "":
		return c, lacking("mch_id")
	case who == nil:
		return c, coded(200, "MCHID_NOT_EXIST")
	case form.get("sign") == "":
		return c, lacking("sign")
	case !form.signed(who.APIv2Key, c.signType):
		return c, coded(200, "SIGNERROR")
	}
	c.account = who
	return c, nil
}

// actV2 carries a call out. What it gives beside a refusal stands in the
// refusal too.
func (p *Provider) actV2(c *callV2) (document, *failure) {
	if refused := checkParams(c.form, paramsOf(c.route.operation)); refused != nil {
		return nil, refused
	}
	if refused := p.checkAppV2(*c); refused != nil {
		return nil, refused
	}
	switch c.route.operation {
	case faults.Create:
		return p.unifiedOrder(c)
	case faults.PayCode:
		return p.micropay(c)
	case faults.Query:
		return p.orderQuery(c)
	case faults.Close:
		return p.closeOrder(c)
	case faults.Reverse:
		return p.reverseV2(c)
	case faults.Refund:
		return p.refundV2(c)
	default:
		return p.refundQueryV2(c)
	}
}

// checkAppV2 tells an appid that nobody has from one of another merchant.
func (p *Provider) checkAppV2(c callV2) *failure {
	named := c.form.get("appid")
	if named == c.account.AppID {
		return nil
	}
	for _, other := range p.ring.merchants {
		if other.AppID == named {
			return coded(200, "APPID_MCHID_NOT_MATCH")
		}
	}
	return coded(200, "APPID_NOT_EXIST")
}

// goodV2 makes and signs an answer: with the request's type of signature.
func (d desk) goodV2(c callV2, given document) *proxy.Answer {
	return d.xml(d.signedV2(c, append(document{{name: "result_code", value: "SUCCESS"}}, given...)))
}

// signedV2 puts what every signed answer begins with before the rest.
func (d desk) signedV2(c callV2, rest document) document {
	made := document{{name: "return_code", value: "SUCCESS"}, {name: "return_msg", value: "OK"},
		{name: "appid", value: c.form.get("appid")}, {name: "mch_id", value: c.account.MchID},
		{name: "nonce_str", value: keys.Letters(16)}, {name: "sign"}}
	at := len(made) - 1
	made = append(made, rest...)
	made[at].value = made.sign(c.account.APIv2Key, c.signType)
	return made
}

// badV2 makes an answer that refuses. What the provider could not read or
// trust is answered unsigned, by return_code alone; a business refusal is
// signed and has an err_code (§2.8).
func (d desk) badV2(c callV2, f *failure, given document) *proxy.Answer {
	code := codeV2(f)
	if communication(code) || c.account == nil {
		made := document{{name: "return_code", value: "FAIL"}, {name: "return_msg", value: f.message}}
		if d.ring.config.Options.CommunicationCodes {
			made = append(made, field{name: "err_code", value: code}, field{name: "err_code_des", value: f.message})
		}
		return d.xml(made)
	}
	rest := document{{name: "result_code", value: "FAIL"}, {name: "err_code", value: code},
		{name: "err_code_des", value: f.message}}
	return d.xml(d.signedV2(c, append(rest, given...)))
}

// xml dresses a document in the provider's headers.
func (d desk) xml(body document) *proxy.Answer {
	return d.plain(http.StatusOK, "text/xml; charset=utf-8", body.encode())
}

// nginx is the answer of the server before the API: a page with the reason
// (not verified).
func (d desk) nginx(reason string) *proxy.Answer {
	page := "<html>\r\n<head><title>400 " + reason + "</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n" +
		"<center>" + reason + "</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	return d.plain(http.StatusBadRequest, "text/html", []byte(page))
}

// plain is an answer without a signature in its headers.
func (d desk) plain(status int, kind string, body []byte) *proxy.Answer {
	return &proxy.Answer{Status: status, Reason: http.StatusText(status), Body: body, Header: proxy.Header{
		{Name: "Server", Value: "nginx"},
		{Name: "Date", Value: d.clock.Now().UTC().Format(http.TimeFormat)},
		{Name: "Content-Type", Value: kind},
		{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		{Name: "Keep-Alive", Value: "timeout=8"}}}
}
