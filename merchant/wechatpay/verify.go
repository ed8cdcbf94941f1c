package wechatpay

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// window is how far a message's timestamp may be from ours (section 2.3).
const window = 5 * time.Minute

// Errors of verification: the message cannot be proven to be the provider's,
// recent and unaltered.
var (
	errUnsigned  = errors.New("signature headers are missing")
	errStale     = errors.New("timestamp is more than 5 minutes off")
	errUnknown   = errors.New("signed with an unknown key")
	errSignature = errors.New("signature does not verify")
)

// Verify implements merchant.Notifications; it serves answers as well. A
// signature the provider sends wrong on purpose (WECHATPAY/SIGNTEST/…) fails
// like any wrong one; that is what it is for.
func (c *Client) Verify(ctx context.Context, header http.Header, body []byte) error {
	serial := header.Get("Wechatpay-Serial")
	if serial == "" || header.Get("Wechatpay-Signature") == "" || header.Get("Wechatpay-Nonce") == "" {
		return errUnsigned
	}
	if err := c.fresh(header.Get("Wechatpay-Timestamp")); err != nil {
		return err
	}
	public, known := c.keys.find(serial, c.clock.Now())
	if !known && c.config.Mode == ModeCertificates {
		c.refresh(ctx, serial)
		public, known = c.keys.find(serial, c.clock.Now())
	}
	if !known {
		return fmt.Errorf("serial %.64q: %w", serial, errUnknown)
	}
	return checkSignature(public, header, body)
}

func (c *Client) fresh(timestamp string) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("timestamp %.32q: %w", timestamp, errStale)
	}
	now := c.clock.Now().Unix()
	limit := int64(window / time.Second)
	if seconds <= now-limit || seconds >= now+limit {
		return fmt.Errorf("timestamp %d at %d: %w", seconds, now, errStale)
	}
	return nil
}

// checkSignature checks the signature over the bytes as they came: JSON that
// was read and written again is another message.
func checkSignature(public *rsa.PublicKey, header http.Header, body []byte) error {
	signature, err := base64.StdEncoding.DecodeString(header.Get("Wechatpay-Signature"))
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	message := lines(header.Get("Wechatpay-Timestamp"), header.Get("Wechatpay-Nonce"), string(body))
	digest := sha256.Sum256([]byte(message))
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	return nil
}

// sealed is an encrypted resource (sections 2.4 and 5).
type sealed struct {
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	AssociatedData string `json:"associated_data"`
	Nonce          string `json:"nonce"`
}

// open decrypts a resource with the APIv3 key. The nonce's length is checked
// first, because GCM panics on another.
func (s sealed) open(key string) ([]byte, error) {
	if s.Algorithm != "AEAD_AES_256_GCM" {
		return nil, fmt.Errorf("algorithm %.32q is not ours", s.Algorithm)
	}
	ciphertext, err := base64.StdEncoding.DecodeString(s.Ciphertext)
	if err != nil {
		return nil, fmt.Errorf("decode ciphertext: %w", err)
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, fmt.Errorf("use APIv3 key: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use GCM: %w", err)
	}
	if len(s.Nonce) != gcm.NonceSize() {
		return nil, fmt.Errorf("nonce has %d bytes, wants %d", len(s.Nonce), gcm.NonceSize())
	}
	plain, err := gcm.Open(nil, []byte(s.Nonce), ciphertext, []byte(s.AssociatedData))
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return plain, nil
}
