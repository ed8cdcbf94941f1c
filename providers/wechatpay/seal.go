package wechatpay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
)

// algorithm names AES-256-GCM with the APIv3 key (§2.4).
const algorithm = "AEAD_AES_256_GCM"

// nonceLength is AES-GCM's; clients panic on any other (§2.4).
const nonceLength = 12

// errUnsealable is wrapped by all that goes wrong in sealing and unsealing.
var errUnsealable = errors.New("not sealed with this key")

// seal encrypts and authenticates; the tag follows the ciphertext.
func seal(key, nonce, associated string, plain []byte) (string, error) {
	gcm, err := gcmOf(key)
	if err != nil {
		return "", err
	}
	if len(nonce) != nonceLength {
		return "", fmt.Errorf("seal with a nonce of %d bytes: %w", len(nonce), errUnsealable)
	}
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), plain, []byte(associated))), nil
}

// unseal is the reverse of seal.
func unseal(key, nonce, associated, sealed string) ([]byte, error) {
	gcm, err := gcmOf(key)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(nonce) != nonceLength {
		return nil, fmt.Errorf("read what is sealed: %w", errUnsealable)
	}
	plain, err := gcm.Open(nil, []byte(nonce), raw, []byte(associated))
	if err != nil {
		return nil, fmt.Errorf("open what is sealed: %w", errUnsealable)
	}
	return plain, nil
}

// gcmOf is AES-256-GCM under an APIv3 key, which must have 32 bytes.
func gcmOf(key string) (cipher.AEAD, error) {
	block, err := aes.NewCipher([]byte(key))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("an APIv3 key of %d bytes: %w", len(key), errUnsealable)
	}
	return cipher.NewGCM(block)
}
