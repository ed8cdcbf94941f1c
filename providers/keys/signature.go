// Package keys is the key material that mock providers share: RSA keys that
// sign fast (Key), PEM, random words, and SHA-256 signatures with PKCS#1 v1.5,
// which every provider here uses under a string of its own making.
//
// Nothing of it may outlive a run.
package keys

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Sign is the base64 RSASSA-PKCS1-v1_5 signature with SHA-256.
func Sign(pair crypto.Signer, message string) (string, error) {
	digest := sha256.Sum256([]byte(message))
	raw, err := pair.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("sign a message: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

// Verifies reports whether the signature is the key's over the message.
func Verifies(key *rsa.PublicKey, message, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(message))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw) == nil
}

// Broken is the signature with one bit of one byte changed: still base64, of
// the same length, and wrong.
func Broken(signature string) string {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(raw) == 0 {
		return "A" + signature
	}
	raw[len(raw)/2] ^= 1
	return base64.StdEncoding.EncodeToString(raw)
}
