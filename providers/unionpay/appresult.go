package unionpay

import (
	"encoding/json"
	"fmt"

	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

// AppResult is what the phone control hands to the merchant's app after a
// success: {"sign","data"}, where data names the tn and the certificate that
// signs it (§13). The signature is that of the wire over data, as far as is
// known. A forged one is signed with a key that nobody knows, and needs no
// payment. It fails with providers.ErrUnknownCode for a tn that was never
// given out, and with providers.ErrNotPayable for one that is not paid: then the
// control says "fail" or "cancel" and hands over nothing.
func (p *Provider) AppResult(tn string, forged bool) (string, error) {
	p.mu.Lock()
	o := p.codes[tn]
	succeeded := o != nil && (o.state == paid || o.state == voided) && stateOf(o.code) == payment.Captured
	p.mu.Unlock()
	switch {
	case o == nil:
		return "", fmt.Errorf("app result of %q: %w", tn, providers.ErrUnknownCode)
	case !succeeded && !forged:
		return "", fmt.Errorf("app result of %q, which is not paid: %w", tn, providers.ErrNotPayable)
	}
	own := p.ring.current()
	pair := own.pair
	if forged {
		key, err := keys.GenerateFast()
		if err != nil {
			return "", fmt.Errorf("make a key that nobody knows: %w", err)
		}
		if pair, err = key.Signer(); err != nil {
			return "", fmt.Errorf("make a key that nobody knows: %w", err)
		}
	}
	data := "pay_result=success&tn=" + tn + "&cert_id=" + own.parsed.SerialNumber.String()
	sign, err := keys.Sign(pair, digest(data))
	if err != nil {
		return "", fmt.Errorf("sign an app result: %w", err)
	}
	text, err := json.Marshal(struct {
		Sign string `json:"sign"`
		Data string `json:"data"`
	}{sign, data})
	if err != nil {
		return "", fmt.Errorf("write an app result: %w", err)
	}
	return string(text), nil
}
