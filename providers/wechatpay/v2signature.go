package wechatpay

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the provider's default, however broken
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
)

// The signature types of v2 (§2.8).
const (
	signMD5  = "MD5"
	signHMAC = "HMAC-SHA256"
)

// signTypeOf is a message's signature type: MD5 if it names none.
func (d document) signTypeOf() string {
	if named := d.get("sign_type"); named != "" {
		return named
	}
	return signMD5
}

// signString is all parameters that are not empty, but for the signature
// itself, sorted by name, and the API key (§2.8).
func (d document) signString(key string) string {
	var pairs []string
	for _, f := range d {
		if f.name != "sign" && f.value != "" {
			pairs = append(pairs, f.name+"="+f.written())
		}
	}
	slices.SortFunc(pairs, func(a, b string) int {
		one, _, _ := strings.Cut(a, "=")
		other, _, _ := strings.Cut(b, "=")
		return strings.Compare(one, other)
	})
	return strings.Join(append(pairs, "key="+key), "&")
}

// sign is the signature under an APIv2 key, in upper-case hexadecimal digits;
// "" for a type that does not exist.
func (d document) sign(key, signType string) string {
	text := []byte(d.signString(key))
	switch signType {
	case signMD5:
		sum := md5.Sum(text) //nolint:gosec // see above
		return strings.ToUpper(hex.EncodeToString(sum[:]))
	case signHMAC:
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(text)
		return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
	default:
		return ""
	}
}

// signed reports whether a document's signature is the key's.
func (d document) signed(key, signType string) bool {
	want := d.sign(key, signType)
	return key != "" && want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(d.get("sign"))) == 1
}

// brokenDigits changes the last digit of a signature.
func brokenDigits(signature string) string {
	if signature == "" {
		return "0"
	}
	last := "0"
	if signature[len(signature)-1] == '0' {
		last = "1"
	}
	return signature[:len(signature)-1] + last
}
