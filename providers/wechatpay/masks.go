package wechatpay

import (
	"fmt"

	"github.com/payquake/payquake/faults/proxy"
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
	values, err := parse(raw)
	if err != nil {
		return fmt.Sprintf("(%d bytes that are no JSON object)", len(raw))
	}
	if a == nil {
		if opened, err := d.open(r); err == nil && opened.values != nil {
			values["resource"] = opened.values
		}
	}
	return string(encode(masked(values)))
}

// masked hides people and secrets, at any depth, in place.
func masked(value any) any {
	switch read := value.(type) {
	case map[string]any:
		for name, inner := range read {
			read[name] = masked(inner)
			if text, ok := inner.(string); ok && personal(name) {
				read[name] = hint(text)
			}
		}
	case []any:
		for i, inner := range read {
			read[i] = masked(inner)
		}
	}
	return value
}

// personal names the members that say who somebody is or let somebody pay, and
// ciphertexts, which nobody can read.
func personal(name string) bool {
	switch name {
	case "openid", "sub_openid", "auth_code", "bank_account", "real_name", "user_received_account",
		"payer_client_ip", "ciphertext", "sign_information", "truncated_sign_message":
		return true
	default:
		return false
	}
}

// hint leaves enough to tell two values apart by eye, and no more.
func hint(text string) string {
	const kept = 3
	runes := []rune(text)
	if len(runes) <= 2*kept {
		return "***"
	}
	return string(runes[:kept]) + "***"
}
