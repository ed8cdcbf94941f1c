package alipay

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
)

// maxBody bounds a request; no method needs as much.
const maxBody = 1 << 20

// Wire implements providers.Provider.
func (p *Provider) Wire() http.Handler { return providers.Patiently(http.HandlerFunc(p.serve)) }

// serve is one exchange: the books change in the method, then the answer is
// made and signed, and only then can anything happen to it.
func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		// The request did not arrive whole: there is nobody to answer.
		panic(http.ErrAbortHandler)
	}
	target := targetOf(r)
	path, rest, _ := strings.Cut(target, "?")
	// What is done for a caller that hangs up is done all the same.
	ctx := context.WithoutCancel(r.Context())
	trial := faults.Trial(r.Header.Get(providers.TrialHeader))
	var answer *proxy.Answer
	switch {
	case path == GatewayPath:
		answer, err = p.gateway(ctx, trial, rest, formOf(r, body))
	case strings.HasPrefix(path, "/v3/"):
		answer, err = p.rest(ctx, trial, restRequest{r.Method, target, headersOf(r), body})
	default:
		answer = p.desk.brokenPage(http.StatusNotFound)
	}
	if err != nil {
		http.Error(w, "sign the answer", http.StatusInternalServerError)
		return
	}
	write(w, answer)
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

// formOf is the body if it is a form. A GET has none.
func formOf(r *http.Request, body []byte) string {
	if r.Method == http.MethodGet {
		return ""
	}
	return string(body)
}

// headersOf are the headers with the names as net/http has them.
func headersOf(r *http.Request) proxy.Header {
	var header proxy.Header
	for name, values := range r.Header {
		for _, value := range values {
			header = append(header, proxy.HeaderLine{Name: name, Value: value})
		}
	}
	return header
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

// gateway answers a request to gateway.do.
func (p *Provider) gateway(ctx context.Context, trial faults.Trial, query, form string) (*proxy.Answer, error) {
	read, err := readParameters(query, form)
	if err != nil {
		garbled := refuse("isv.invalid-parameter")
		garbled.early = true
		return p.desk.refusal(errorNode, garbled)
	}
	named := method(read["method"])
	c, refused := p.admit(read)
	if named.fromShopper() {
		if refused == nil {
			return p.showCashier(c)
		}
		return p.desk.errorPage(refused), nil
	}
	if refused != nil {
		return p.desk.refusal(named.node(), refused)
	}
	c.ctx, c.trial = ctx, trial
	done, refused := p.act(c)
	if refused != nil {
		return p.desk.refusal(named.node(), refused)
	}
	key := ""
	if c.sealed {
		key = c.account.AESKey
	}
	return p.desk.answer(named.node(), done.node.String(), key, true)
}

// act carries a proven call out.
func (p *Provider) act(c call) (reply, *failure) {
	switch c.method {
	case precreate:
		return p.precreate(c)
	case create:
		return p.create(c)
	case pay:
		return p.pay(c)
	case query:
		return p.query(c)
	case closeTrade:
		return p.close(c)
	case cancel:
		return p.cancel(c)
	case refund:
		return p.refund(c)
	case refundQuery:
		return p.queryRefund(c)
	default:
		return p.certificate(c)
	}
}
