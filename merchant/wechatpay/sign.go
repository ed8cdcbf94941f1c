package wechatpay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/payquake/payquake/merchant"
)

// scheme is the Authorization scheme of section 2.1.
const scheme = "WECHATPAY2-SHA256-RSA2048"

// signer proves that requests come from the merchant.
type signer struct {
	merchantID, serial string
	key                *rsa.PrivateKey
	clock              merchant.Clock
}

// lines joins parts into a sign string: each ends with a line feed, the last
// one too.
func lines(parts ...string) string { return strings.Join(parts, "\n") + "\n" }

// sign returns the base64 signature of a sign string: PKCS #1 v1.5 over SHA-256.
func (s *signer) sign(message string) (string, error) {
	digest := sha256.Sum256([]byte(message))
	signature, err := rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// authorization is the header that signs a request. The timestamp and nonce
// are new on each try; method, path and body are what is being repeated.
func (s *signer) authorization(method, path, body string) (string, error) {
	return s.authorizationAt(method, path, body, stamp{strconv.FormatInt(s.clock.Now().Unix(), 10), nonce()})
}

// stamp is what makes two signatures of one request differ.
type stamp struct{ timestamp, nonce string }

func (s *signer) authorizationAt(method, path, body string, at stamp) (string, error) {
	signature, err := s.sign(lines(method, path, at.timestamp, at.nonce, body))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`%s mchid="%s",nonce_str="%s",timestamp="%s",serial_no="%s",signature="%s"`,
		scheme, s.merchantID, at.nonce, at.timestamp, s.serial, signature), nil
}

// nonce is 26 random letters and digits; up to 32 are customary.
func nonce() string { return rand.Text() }

// inAppParameters signs what the wallet's browser needs to pay (section 2.7).
func (s *signer) inAppParameters(appID, prepayID string, at stamp) (map[string]string, error) {
	chosen := "prepay_id=" + prepayID
	signature, err := s.sign(lines(appID, at.timestamp, at.nonce, chosen))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"appId": appID, "timeStamp": at.timestamp, "nonceStr": at.nonce, "package": chosen, "signType": "RSA", "paySign": signature,
	}, nil
}

// appParameters signs what the shop's app needs to pay (section 2.7); the
// prepay id is signed bare here.
func (s *signer) appParameters(appID, prepayID string, at stamp) (map[string]string, error) {
	signature, err := s.sign(lines(appID, at.timestamp, at.nonce, prepayID))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"appid": appID, "partnerid": s.merchantID, "prepayid": prepayID, "package": "Sign=WXPay",
		"noncestr": at.nonce, "timestamp": at.timestamp, "sign": signature,
	}, nil
}
