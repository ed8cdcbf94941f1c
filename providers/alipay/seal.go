package alipay

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
)

// aesKeyLength is that of the key that the console gives (§2).
const aesKeyLength = 16

// errUnsealable is wrapped by all that goes wrong in sealing and unsealing.
var errUnsealable = errors.New("not sealed with this key")

// seal encrypts with AES/CBC/PKCS7 under an initial vector of zeros (§2), in
// base64.
func seal(key string, plain []byte) (string, error) {
	block, err := blockOf(key)
	if err != nil {
		return "", err
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(padded, padded)
	return base64.StdEncoding.EncodeToString(padded), nil
}

// unseal is the reverse of seal.
func unseal(key, sealed string) ([]byte, error) {
	block, err := blockOf(key)
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(raw) == 0 || len(raw)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("read what is sealed: %w", errUnsealable)
	}
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(raw, raw)
	padding := int(raw[len(raw)-1])
	if padding == 0 || padding > aes.BlockSize ||
		!bytes.HasSuffix(raw, bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, fmt.Errorf("open what is sealed: %w", errUnsealable)
	}
	return raw[:len(raw)-padding], nil
}

// blockOf is AES-128 under a key in base64.
func blockOf(key string) (cipher.Block, error) {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != aesKeyLength {
		return nil, fmt.Errorf("an AES key that is not 16 bytes in base64: %w", errUnsealable)
	}
	return aes.NewCipher(raw)
}
