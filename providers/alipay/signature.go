package alipay

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"

	"github.com/payquake/payquake/providers/keys"
)

// The signature types (§2). Requests may be signed with either; the provider
// itself signs with RSA2.
const (
	signRSA2 = "RSA2"
	signRSA  = "RSA"
)

// verifiesType reports whether a request's signature is the key's over the
// message, with the hash that the type names.
func verifiesType(key *rsa.PublicKey, kind, message, signature string) bool {
	if kind != signRSA {
		return keys.Verifies(key, message, signature)
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	digest := sha1.Sum([]byte(message))
	return rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], raw) == nil
}

// signedBy reports whether a request's parameters bear the key's signature.
// Clients disagree on empty values: those that have one are left out first,
// and kept when that does not verify (§2).
func (p parameters) signedBy(key *rsa.PublicKey) bool {
	for _, empties := range []bool{false, true} {
		if verifiesType(key, p["sign_type"], p.toSign(empties, "sign"), p["sign"]) {
			return true
		}
	}
	return false
}

// noticeString is what a notification's signature is over: neither sign nor
// sign_type (§7).
func (p parameters) noticeString() string { return p.toSign(true, "sign", "sign_type") }
