package unionpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fields are the pairs of a message.
type fields map[string]string

// digest is the lower-case hex of SHA-256 over all pairs but the signature,
// sorted by name, as they are and not as they are encoded (section 5).
func (f fields) digest() string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "signature" {
			pairs = append(pairs, name+"="+f[name])
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(pairs, "&")))
	return hex.EncodeToString(sum[:])
}

// sign signs the hex text: SHA-256 runs twice, once openly and once inside the
// signature.
func (c *Client) sign(f fields) error {
	sum := sha256.Sum256([]byte(f.digest()))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	f["signature"] = base64.StdEncoding.EncodeToString(signature)
	return nil
}

// Errors of verification: the message cannot be proven to be the provider's.
var (
	errSignature   = errors.New("signature does not verify")
	errCertificate = errors.New("the message's certificate is not the provider's")
)

// owner is the name that the provider's certificates bear, as the third part
// of their subject (section 5).
const owner = "中国银联股份有限公司"

// verify checks a message against the certificate that it carries, after
// checking that certificate: whoever skips that believes anybody who can make
// one (section 16, defect 1).
func (c *Client) verify(f fields) error {
	block, _ := pem.Decode([]byte(f["signPubKeyCert"]))
	if block == nil {
		return fmt.Errorf("%w: there is none", errCertificate)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("%w: %w", errCertificate, err)
	}
	_, err = certificate.Verify(x509.VerifyOptions{Roots: c.roots, Intermediates: c.middle, CurrentTime: c.clock.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("%w: %w", errCertificate, err)
	}
	if parts := strings.Split(certificate.Subject.CommonName, "@"); len(parts) < 3 || parts[2] != owner {
		return fmt.Errorf("%w: it is of %.64q", errCertificate, certificate.Subject.CommonName)
	}
	key, isRSA := certificate.PublicKey.(*rsa.PublicKey)
	if !isRSA {
		return fmt.Errorf("%w: %T is not an RSA key", errCertificate, certificate.PublicKey)
	}
	signature, err := base64.StdEncoding.DecodeString(f["signature"])
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	sum := sha256.Sum256([]byte(f.digest()))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature); err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	return nil
}

// parsePairs reads an answer: pairs on one line, not percent-encoded. What
// stands in braces or brackets is opaque, ampersands included (section 4).
func parsePairs(text string) (fields, error) {
	read := fields{}
	depth, start := 0, 0
	take := func(pair string) error {
		name, value, found := strings.Cut(pair, "=")
		if _, twice := read[name]; !found || name == "" || twice {
			return fmt.Errorf("read pairs: %.64q is none, or stands there twice", pair)
		}
		read[name] = value
		return nil
	}
	for at, letter := range text {
		switch letter {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '&':
			if depth == 0 {
				if err := take(text[start:at]); err != nil {
					return nil, err
				}
				start = at + 1
			}
		}
	}
	return read, take(text[start:])
}
