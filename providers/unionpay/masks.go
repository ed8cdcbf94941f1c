package unionpay

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

// Body implements proxy.Dialect. A body that is no list of pairs, such as a
// page, is not shown at all: what cannot be read cannot be masked.
func (d *Dialect) Body(r *proxy.Request, a *proxy.Answer) string {
	written, raw := encoded, r.Body
	if a != nil {
		written, raw = plain, a.Body
	}
	if len(raw) == 0 {
		return ""
	}
	values, err := written.parse(string(raw))
	if err != nil {
		return fmt.Sprintf("(%d bytes that are no pairs)", len(raw))
	}
	shown := make(map[string]any, len(values))
	for name, value := range values {
		shown[name] = strings.ToValidUTF8(certificateHint(name, value), "?")
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(providers.Masked(shown, personal)); err != nil {
		return fmt.Sprintf("(%d bytes that cannot be shown: %v)", len(raw), err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// certificateHint shortens a certificate to its serial: the rest is the same in
// every message.
func certificateHint(name, value string) string {
	if name != "signPubKeyCert" && name != "encryptPubKeyCert" {
		return value
	}
	parsed, _, err := keys.CertificateKey(value)
	if err != nil {
		return "(no certificate)"
	}
	return "(certificate " + parsed.SerialNumber.String() + ")"
}

// personal names the fields that say who somebody is or let somebody pay.
func personal(name string) bool {
	switch name {
	case "accNo", "customerInfo", "qrNo", "encryptedInfo", "phoneNo", "cvn2", "expired", "certifId", "customerNm",
		"smsCode", "pin", "payCardNo", "cardTransData", "riskRateInfo", "customerIp", "sign":
		return true
	default:
		return false
	}
}
