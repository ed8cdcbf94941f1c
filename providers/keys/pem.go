package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ErrNotRSA says that a text is no RSA key, or no certificate of one.
var ErrNotRSA = errors.New("not an RSA key in PEM")

// PEM writes one block.
func PEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// PublicPEM writes the public half of the key (PKIX).
func (k Key) PublicPEM() (string, error) {
	pair, err := k.Signer()
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(&pair.public)
	if err != nil {
		return "", fmt.Errorf("encode a public key: %w", err)
	}
	return PEM("PUBLIC KEY", der), nil
}

// ReadPublic reads a PKIX public key; ErrNotRSA if it is none.
func ReadPublic(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, ErrNotRSA
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse a public key: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, ErrNotRSA
	}
	return key, nil
}

// ReadPrivate reads a PKCS#8 private key; ErrNotRSA if it is none.
func ReadPrivate(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, ErrNotRSA
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse a private key: %w", err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, ErrNotRSA
	}
	return key, nil
}

// CertificateKey reads a certificate and its public key.
func CertificateKey(text string) (*x509.Certificate, *rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, nil, ErrNotRSA
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("parse a certificate: %w", err)
	}
	key, ok := parsed.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, nil, ErrNotRSA
	}
	return parsed, key, nil
}

// Pair is an ordinary key pair as merchants are given theirs: PKCS#8 and PKIX
// in PEM.
type Pair struct {
	Key     *rsa.PrivateKey
	Private string
	Public  string
}

// NewPair generates an ordinary key: every client's library must load it.
func NewPair() (Pair, error) {
	made, err := rsa.GenerateKey(rand.Reader, Bits)
	if err != nil {
		return Pair{}, fmt.Errorf("generate an RSA key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return Pair{}, fmt.Errorf("encode a private key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&made.PublicKey)
	if err != nil {
		return Pair{}, fmt.Errorf("encode a public key: %w", err)
	}
	return Pair{Key: made, Private: PEM("PRIVATE KEY", private), Public: PEM("PUBLIC KEY", public)}, nil
}
