package unionpay

import (
	"crypto/x509/pkix"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/providers/keys"
)

// impostors pose as the provider. To a merchant that does not check the chain
// both look right (§16.1).
type impostors struct {
	// foreign has a key that nobody knows and signed its own certificate.
	foreign identity
	// unchained has the provider's key in a certificate that no authority of the
	// provider's issued.
	unchained identity
}

// pose makes them.
func pose(leaf identity, now clock.Clock) (impostors, error) {
	maker := Keys{Clock: now}
	key, err := maker.signer()
	if err != nil {
		return impostors{}, err
	}
	from := now.Now().Add(-certificateSlack)
	self, err := issue(wish{name: leafName(), key: key.Public(), from: from}, &certified{pair: key})
	if err != nil {
		return impostors{}, err
	}
	authority, err := maker.authority("payquake TEST ONLY OCA"+keys.Digits(2), nil)
	if err != nil {
		return impostors{}, err
	}
	other, err := issue(wish{name: pkix.Name{CommonName: leaf.parsed.Subject.CommonName}, key: leaf.pair.Public(), from: from}, authority)
	if err != nil {
		return impostors{}, err
	}
	return impostors{foreign: identity{pem: onWire(self.text), parsed: self.parsed, pair: key},
		unchained: identity{pem: onWire(other.text), parsed: other.parsed, pair: leaf.pair}}, nil
}
