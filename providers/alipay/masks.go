package alipay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
)

// Body implements proxy.Dialect. What is sealed is shown opened, parameters and
// forms as an object. What cannot be read is not shown at all: it cannot be
// masked.
func (d *Dialect) Body(r *proxy.Request, a *proxy.Answer) string {
	if a != nil {
		return d.answerBody(r, a)
	}
	if asked, ok := d.asked(r); ok {
		if asked.rest {
			return shown(asked.business.values, len(r.Body))
		}
		values := objectOf(asked.read)
		if asked.business.values != nil {
			values["biz_content"] = asked.business.values
		}
		return shown(values, len(r.Body))
	}
	if said, ok := readNotice(r); ok {
		return shown(objectOf(said.read), len(r.Body))
	}
	return unreadable(len(r.Body))
}

func (d *Dialect) answerBody(r *proxy.Request, a *proxy.Answer) string {
	asked, isCall := d.asked(r)
	if !isCall {
		const word = 16 // an acknowledgement; longer texts may say anything
		if len(a.Body) <= word {
			return string(a.Body)
		}
		return unreadable(len(a.Body))
	}
	answered := d.answered(asked, a)
	for _, member := range []string{"sub_msg", "message"} {
		if strings.Contains(answered.values.text(member), echo) {
			answered.values.values[member] = "(echoes the request)"
		}
	}
	if answered.rest || answered.values.values == nil {
		return shown(answered.values.values, len(a.Body))
	}
	return shown(map[string]any{answered.name: answered.values.values, "sign": answered.signature,
		"alipay_cert_sn": answered.sn}, len(a.Body))
}

// objectOf is parameters as an object, with JSON inside them as such.
func objectOf(read parameters) map[string]any {
	values := map[string]any{}
	for name, value := range maps.All(read) {
		values[name] = value
	}
	if inner, err := parse([]byte(read["biz_content"])); err == nil {
		values["biz_content"] = inner.values
	}
	return values
}

// shown is an object for people, masked. size is that of the raw body.
func shown(values map[string]any, size int) string {
	if values == nil {
		return unreadable(size)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(providers.Masked(values, personal)); err != nil {
		return unreadable(size)
	}
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

func unreadable(size int) string {
	if size == 0 {
		return ""
	}
	return fmt.Sprintf("(%d bytes that cannot be read)", size)
}

// personal names the members that say who somebody is or let somebody pay,
// and those that hold certificates and keys.
func personal(name string) bool {
	switch name {
	case "buyer_id", "buyer_user_id", "buyer_open_id", "buyer_logon_id", "open_id", "auth_code", "auth_token",
		"app_auth_token", "alipay_cert_content", "seller_email", "operator_id":
		return true
	default:
		return false
	}
}
