package unionpay

import (
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults/proxy"
)

// desk writes answers: it signs them and dresses them in the provider's
// headers. The mock and the gateway's dialect share it, so that an injected
// refusal looks like a real one.
type desk struct {
	ring  *keyring
	clock clock.Clock
}

// echoes are the values of a request that its answer repeats.
func echoes() []string {
	return []string{"version", "encoding", "signMethod", "txnType", "txnSubType", "bizType", "accessType", "merId",
		"orderId", "txnTime", "reqReserved"}
}

// chinese reports whether a respMsg can be in Chinese: the mock writes UTF-8
// only.
func (v fields) chinese() bool { return !strings.EqualFold(v["encoding"], "gbk") }

// good makes and signs an answer that carries a request out.
func (d desk) good(asked fields, given reply) (*proxy.Answer, error) {
	if given.location != "" {
		return d.dressed(http.StatusFound, "text/html;charset=UTF-8", nil,
			proxy.HeaderLine{Name: "Location", Value: given.location}), nil
	}
	values := asked.echoed(echoes()...)
	for name, value := range given.values {
		values[name] = value
	}
	return d.pairs(values)
}

// bad makes an answer that refuses. A browser is shown a page instead (§2).
func (d desk) bad(from endpoint, asked fields, f *failure) (*proxy.Answer, error) {
	if from == front {
		return d.page(http.StatusOK, message(f.code, f.detail, true)), nil
	}
	values := fields{}
	for name, value := range asked.echoed(echoes()...) {
		if oneLine(value) || name == "reqReserved" {
			values[name] = value
		}
	}
	values["respCode"], values["respMsg"] = f.code, message(f.code, f.detail, asked.chinese())
	return d.pairs(values)
}

// pairs signs values and writes them on one line (§4).
func (d desk) pairs(values fields) (*proxy.Answer, error) {
	if values["respMsg"] == "" {
		values["respMsg"] = message(values["respCode"], "", values.chinese())
	}
	if err := d.ring.sign(values); err != nil {
		return nil, err
	}
	return d.dressed(http.StatusOK, "text/html;charset=UTF-8", plain.write(values)), nil
}

// page is an HTML page whose message sits in an element of class end_error
// (§2).
func (d desk) page(status int, said string) *proxy.Answer {
	body := "<!DOCTYPE html>\n<html><head><meta charset=\"UTF-8\"><title>银联在线支付</title></head>\n" +
		"<body><div class=\"end_error\">" + html.EscapeString(said) + "</div></body></html>\n"
	return d.dressed(status, "text/html;charset=UTF-8", []byte(body))
}

// dressed is an answer with its headers; its length is always told (§4).
func (d desk) dressed(status int, kind string, body []byte, more ...proxy.HeaderLine) *proxy.Answer {
	header := proxy.Header{
		{Name: "Server", Value: "nginx"},
		{Name: "Date", Value: d.clock.Now().UTC().Format(http.TimeFormat)},
		{Name: "Content-Type", Value: kind},
		{Name: "Content-Length", Value: strconv.Itoa(len(body))},
	}
	return &proxy.Answer{Status: status, Reason: http.StatusText(status), Header: append(header, more...), Body: body}
}
