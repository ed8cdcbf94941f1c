package wechatpay

import (
	"bytes"
	"fmt"

	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
)

// Body implements proxy.Dialect. Notifications are shown decrypted. A body
// that is no JSON object is not shown at all: what cannot be read cannot be
// masked.
func (d *Dialect) Body(r *proxy.Request, a *proxy.Answer) string {
	raw := r.Body
	if a != nil {
		raw = a.Body
	}
	if len(raw) == 0 {
		return ""
	}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("<")) {
		return bodyV2(raw)
	}
	values, err := parse(raw)
	if err != nil {
		return fmt.Sprintf("(%d bytes that are no JSON object)", len(raw))
	}
	if a == nil {
		if opened, err := d.open(r); err == nil && opened.values != nil {
			values["resource"] = opened.values
		}
	}
	return string(encode(providers.Masked(values, personal)))
}

// personal names the members that say who somebody is or let somebody pay, and
// ciphertexts, which nobody can read.
func personal(name string) bool {
	switch name {
	case "openid", "sub_openid", "auth_code", "bank_account", "real_name", "user_received_account",
		"payer_client_ip", "spbill_create_ip", "ciphertext", "sign_information", "truncated_sign_message":
		return true
	default:
		return false
	}
}
