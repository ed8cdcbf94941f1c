package unionpay

import (
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/payquake/payquake/providers/keys"
)

// The sign methods (§5).
const (
	byCertificate = "01"
	bySecureKey   = "11"
	bySM3         = "12" // refused
)

// signed is the string under a signature: all values but it, sorted by name in
// byte order, not encoded (§5). Empty values count: each client signs what it
// sends (§4).
func (v fields) signed() string {
	var joined strings.Builder
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if name != "signature" {
			joined.WriteString("&" + name + "=" + v[name])
		}
	}
	return strings.TrimPrefix(joined.String(), "&")
}

// digest is lower-case hex of SHA-256.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// sign is the signature of method 01: SHA-256 runs twice, once over the string
// and once over the hexadecimal digits of that (§5).
func (v fields) sign(pair crypto.Signer) (string, error) {
	signature, err := keys.Sign(pair, digest(v.signed()))
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", v["orderId"], err)
	}
	return signature, nil
}

// seal is the signature of method 11 (§5).
func (v fields) seal(secureKey string) string {
	return digest(v.signed() + "&" + digest(secureKey))
}

// sealed reports whether the values carry that signature.
func (v fields) sealed(secureKey string) bool {
	return secureKey != "" && subtle.ConstantTimeCompare([]byte(v.seal(secureKey)), []byte(v["signature"])) == 1
}

// proves reports whether a merchant signed these values, with whichever method
// they name.
func (a *account) proves(v fields) bool {
	switch v["signMethod"] {
	case byCertificate:
		return v["certId"] == a.CertID && keys.Verifies(a.key, digest(v.signed()), v["signature"])
	case bySecureKey:
		return v.sealed(a.SecureKey)
	default:
		return false
	}
}

// sign signs values of the provider's, with the method that they name: 11 under
// the merchant's secure key, else 01 with the certificate inline. An empty value
// is never sent, and so must not be signed either (§4).
func (r *keyring) sign(v fields) error {
	maps.DeleteFunc(v, func(_, value string) bool { return value == "" })
	if v["signMethod"] == bySecureKey {
		if who := r.merchants[v["merId"]]; who != nil && who.SecureKey != "" {
			v["signature"] = v.seal(who.SecureKey)
			return nil
		}
	}
	v["signMethod"] = byCertificate
	return r.current().sign(v)
}

// sign puts the identity's certificate and signature into the values.
func (i identity) sign(v fields) error {
	v["signPubKeyCert"] = i.pem
	signature, err := v.sign(i.pair)
	if err != nil {
		return err
	}
	v["signature"] = signature
	return nil
}
