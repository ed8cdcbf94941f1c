package alipay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// stringToSign joins the parameters that have a value, sorted by name, as they
// are and not as they are encoded (section 2).
func stringToSign(parameters map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if parameters[name] != "" {
			pairs = append(pairs, name+"="+parameters[name])
		}
	}
	return strings.Join(pairs, "&")
}

func (c *Client) sign(text string) (string, error) {
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// errSignature is a message that cannot be proven to be the provider's.
var errSignature = errors.New("signature does not verify")

// verify checks the provider's signature over a text, byte for byte as it came.
func (c *Client) verify(text, signature string) error {
	if signature == "" {
		return fmt.Errorf("%w: there is none", errSignature)
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	digest := sha256.Sum256([]byte(text))
	if err := rsa.VerifyPKCS1v15(c.theirs, crypto.SHA256, digest[:], raw); err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	return nil
}

// parameters are those of a call of a method with its business content,
// signed. Only the timestamp and the signature differ between two tries.
func (c *Client) parameters(method, content string) (url.Values, error) {
	given := map[string]string{
		"app_id": c.config.AppID, "method": method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2",
		"timestamp": wireTime(c.clock.Now()), "version": "1.0", "biz_content": content,
		"app_cert_sn": c.config.AppCertSN, "alipay_root_cert_sn": c.config.RootCertSN,
	}
	if begins(method) {
		given["notify_url"] = c.notifyURL
	}
	signature, err := c.sign(stringToSign(given))
	if err != nil {
		return nil, err
	}
	values := url.Values{"sign": {signature}}
	for name, value := range given {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values, nil
}

// begins reports whether a method begins a payment: to its notify_url
// everything about the payment is delivered, refunds included (section 7).
func begins(method string) bool {
	switch method {
	case methodPrecreate, methodCreate, methodPay, methodWap, methodApp:
		return true
	default:
		return false
	}
}

// The zone and the form of the provider's times (section 1).
const timeLayout = "2006-01-02 15:04:05"

func beijing() *time.Location { return time.FixedZone("", 8*60*60) }

func wireTime(at time.Time) string { return at.In(beijing()).Format(timeLayout) }

func readTime(text string) (time.Time, error) {
	at, err := time.ParseInLocation(timeLayout, text, beijing())
	if err != nil {
		return time.Time{}, fmt.Errorf("read time: %w", err)
	}
	return at, nil
}
