package alipay

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
)

// restScheme begins the Authorization of v3 (§13).
const restScheme = "ALIPAY-SHA256withRSA"

// restWindow is how old a request of v3 may be unless it says so itself (§13).
const restWindow = 10 * time.Minute

// The headers of v3 (§13).
const (
	headerTimestamp = "alipay-timestamp"
	headerNonce     = "alipay-nonce"
	headerSignature = "alipay-signature"
	headerSN        = "alipay-sn"
	headerTrace     = "alipay-trace-id"
	headerEncrypt   = "alipay-encrypt-type"
	headerRoots     = "alipay-root-cert-sn"
	headerToken     = "alipay-app-auth-token"
)

// restRequest is a request of v3 as it arrived, its header names in any case.
type restRequest struct {
	method, target string
	header         proxy.Header
	body           []byte
}

// authorization is the header of that name, read.
type authorization struct {
	fields parameters
	signed string // what stands between the scheme and ,sign
}

// readAuthorization reads name=value separated by commas. The signature is the
// last one: what stands before it is signed as it stands (§13).
func readAuthorization(header string) (authorization, bool) {
	rest, found := strings.CutPrefix(header, restScheme+" ")
	signed, signature, cut := strings.Cut(rest, ",sign=")
	if !found || !cut || signature == "" {
		return authorization{}, false
	}
	read := authorization{signed: signed, fields: parameters{"sign": signature}}
	for field := range strings.SplitSeq(signed, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		read.fields[name] = value
	}
	return read, true
}

// restMessage is what a merchant signs in v3 (§13).
func restMessage(signed string, r restRequest) string {
	message := signed + "\n" + r.method + "\n" + r.target + "\n" + string(r.body) + "\n"
	if token := r.header.First(headerToken); token != "" {
		message += token + "\n"
	}
	return message
}

// restAnswerMessage is what the provider signs in v3 (§13).
func restAnswerMessage(timestamp, nonce string, body []byte) string {
	return timestamp + "\n" + nonce + "\n" + string(body) + "\n"
}

// rest answers a request of v3: the same methods over the same book.
func (p *Provider) rest(ctx context.Context, trial faults.Trial, r restRequest) (*proxy.Answer, error) {
	c, refused := p.admitREST(r)
	var done reply
	if refused == nil {
		c.ctx, c.trial = ctx, trial
		done, refused = p.act(c)
	}
	if refused != nil {
		return p.desk.restRefusal(refused, 0)
	}
	key := ""
	if c.sealed {
		key = c.account.AESKey
	}
	return p.desk.restAnswer(p.restStatus(done), restBody(done.node), key, true)
}

func (p *Provider) restStatus(done reply) int {
	switch {
	case !done.pending:
		return http.StatusOK
	case p.options.RESTPendingStatus != 0:
		return p.options.RESTPendingStatus
	default:
		return http.StatusAccepted
	}
}

// restBody is a node without code and msg, which v3 does not have (§13).
func restBody(n *node) string { return (&node{members: n.members[2:]}).String() }

// admitREST checks in the order of the gateway.
func (p *Provider) admitREST(r restRequest) (call, *failure) {
	said, ok := readAuthorization(r.header.First("Authorization"))
	if !ok {
		return call{}, refuse("isv.missing-timestamp") // sic (§13)
	}
	who, refused := p.appOf(said.fields["app_id"])
	if refused != nil {
		return call{}, refused
	}
	if refused := p.checkREST(who, said, r); refused != nil {
		return call{}, refused
	}
	path, _, _ := strings.Cut(r.target, "?")
	named, known := methodAt(path)
	if !known || r.method != http.MethodPost {
		return call{}, refuse("isv.invalid-method")
	}
	read := parameters{"biz_content": string(r.body), "encrypt_type": r.header.First(headerEncrypt)}
	business, refused := businessOf(who, read)
	if refused != nil {
		return call{}, refused
	}
	return call{method: named, account: who, business: business, notifyURL: business.text("notify_url"),
		sealed: read["encrypt_type"] != ""}, nil
}

// checkREST demands the app's signature over a fresh request.
func (p *Provider) checkREST(who *account, said authorization, r restRequest) *failure {
	if who.key == nil {
		return refuse(subNoSignatureKey)
	}
	roots := r.header.First(headerRoots)
	if roots == "" {
		roots = p.ring.roots // go-pay sends none
	}
	if refused := p.checkSerials(who, said.fields["app_cert_sn"], roots); refused != nil {
		return refused
	}
	if !keys.Verifies(who.key, restMessage(said.signed, r), said.fields["sign"]) {
		return p.badSignature(restMessage(said.signed, r))
	}
	if said.fields["timestamp"] == "" {
		return refuse("isv.missing-timestamp")
	}
	if !said.fresh(p.ports.Clock.Now()) {
		return refuse("isv.invalid-timestamp")
	}
	return nil
}

// fresh reports whether a request is not too old, which it may say itself.
func (a authorization) fresh(now time.Time) bool {
	milli, err := strconv.ParseInt(a.fields["timestamp"], 10, 64)
	if err != nil {
		return false
	}
	window := restWindow
	if asked, err := strconv.ParseUint(a.fields["expired_seconds"], 10, 31); err == nil {
		window = time.Duration(asked) * time.Second
	}
	return absolute(now.Sub(time.UnixMilli(milli))) <= window
}

// restAnswer is an answer of v3, signed in its headers. A key seals the body.
func (d desk) restAnswer(status int, body, key string, signed bool) (*proxy.Answer, error) {
	kind := "application/json;charset=utf-8"
	if key != "" {
		sealed, err := seal(key, []byte(body))
		if err != nil {
			return nil, err
		}
		body, kind = sealed, "text/plain;charset=utf-8"
	}
	answer := d.dressed(status, kind, body)
	answer.Header.Set(headerTrace, keys.Hex(32))
	if key != "" {
		answer.Header.Set(headerEncrypt, "AES")
	}
	if !signed {
		return answer, nil
	}
	now := d.clock.Now()
	return answer, d.restSign(&answer.Header, answer.Body, strconv.FormatInt(now.UnixMilli(), 10), d.ring.signing(now))
}

// restSign signs a body of the provider's and sets the headers.
func (d desk) restSign(header *proxy.Header, body []byte, timestamp string, with *identity) error {
	nonce := header.First(headerNonce)
	if nonce == "" {
		nonce = keys.Hex(32)
	}
	signature, err := keys.Sign(with.pair, restAnswerMessage(timestamp, nonce, body))
	if err != nil {
		return err
	}
	header.Set(headerTimestamp, timestamp)
	header.Set(headerNonce, nonce)
	header.Set(headerSignature, signature)
	if with.sn != "" {
		header.Set(headerSN, with.sn)
	}
	return nil
}

// restRefusal is a failure in v3: 400, or 500 when nobody knows, with the
// gateway's codes cut down (§13). A status of 0 is the failure's own.
func (d desk) restRefusal(f *failure, status int) (*proxy.Answer, error) {
	if status == 0 {
		status = http.StatusBadRequest
		if f.code == codeUnknown {
			status = http.StatusInternalServerError
		}
	}
	code := f.sub
	for _, prefix := range []string{"isv.", "isp.", "aop."} {
		code = strings.TrimPrefix(code, prefix)
	}
	body := &node{}
	body.text("code", code)
	body.text("message", f.message)
	link := &node{}
	link.text("link", "https://open.alipay.com/api/errCheck?traceId="+keys.Hex(32))
	link.text("desc", "解决方案")
	body.raw("links", "["+link.String()+"]")
	return d.restAnswer(status, body.String(), "", d.ring.config.Options.SignedRESTErrors)
}
