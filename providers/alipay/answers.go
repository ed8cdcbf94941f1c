package alipay

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
)

// desk writes answers: it signs them and puts them into the provider's form
// (§3, §13). The mock and the gateway's dialect share it, so that an injected
// refusal looks like a real one.
type desk struct {
	ring  *keyring
	clock clock.Clock
}

// reply is a good answer of a method: the node's members, and whether it says
// only that the payment is in process.
type reply struct {
	node    *node
	pending bool
}

// good begins the node of a success.
func good() *node { return result(codeSuccess) }

func result(code string) *node {
	made := &node{}
	made.text("code", code)
	made.text("msg", messageOf(code))
	return made
}

// errorNode is where failures go whose method is not known (§3).
const errorNode = "error_response"

// contentType is that of every answer of gateway.do, JSON as it is (§3).
const contentType = "text/html;charset=utf-8"

// answer signs a node and writes it under its name. A key seals the content
// first (§2).
func (d desk) answer(name, content, key string, signed bool) (*proxy.Answer, error) {
	if key != "" {
		sealed, err := seal(key, []byte(content))
		if err != nil {
			return nil, fmt.Errorf("seal an answer: %w", err)
		}
		content = `"` + sealed + `"`
	}
	body := `{"` + name + `":` + content
	if signed {
		identity := d.ring.signing(d.clock.Now())
		signature, err := keys.Sign(identity.pair, content)
		if err != nil {
			return nil, err
		}
		if identity.sn != "" {
			body += `,"alipay_cert_sn":"` + identity.sn + `"`
		}
		body += `,"sign":"` + signature + `"`
	}
	return d.dressed(http.StatusOK, contentType, body+"}"), nil
}

// refusal is a failure in the method's node, signed as the options say. The
// HTTP status is 200 all the same (§3).
func (d desk) refusal(name string, f *failure) (*proxy.Answer, error) {
	signed := true
	switch d.ring.config.Options.UnsignedErrors {
	case UnsignedAll:
		signed = false
	case UnsignedEarly:
		signed = !f.early
	}
	return d.answer(name, f.node().String(), "", signed)
}

// dressed is an answer with the headers of real ones.
func (d desk) dressed(status int, kind, body string) *proxy.Answer {
	return &proxy.Answer{Status: status, Reason: http.StatusText(status), Body: []byte(body), Header: proxy.Header{
		{Name: "Server", Value: "Tengine"},
		{Name: "Date", Value: d.clock.Now().UTC().Format(http.TimeFormat)},
		{Name: "Content-Type", Value: kind},
		{Name: "Content-Length", Value: strconv.Itoa(len(body))},
	}}
}
