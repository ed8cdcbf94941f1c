// Package clients is what the merchant's clients do alike whatever the
// provider: they read keys, and they follow no redirects.
package clients

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// ErrNoPEM is a key or certificate that is not PEM.
var ErrNoPEM = errors.New("no PEM block")

// PrivateKey reads an RSA key, PKCS #8 or PKCS #1. It fails with ErrNoPEM, or
// with what is wrong with the key.
func PrivateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, ErrNoPEM
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse PKCS #8: %w", err)
	}
	key, isRSA := parsed.(*rsa.PrivateKey)
	if !isRSA {
		return nil, fmt.Errorf("%T is not an RSA key", parsed)
	}
	return key, nil
}

// PublicKey reads an RSA key, PKIX or that of a certificate, whose issuer and
// dates are not looked at. It fails as PrivateKey does.
func PublicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, ErrNoPEM
	}
	parsed, err := publicKey(block)
	if err != nil {
		return nil, err
	}
	key, isRSA := parsed.(*rsa.PublicKey)
	if !isRSA {
		return nil, fmt.Errorf("%T is not an RSA key", parsed)
	}
	return key, nil
}

func publicKey(block *pem.Block) (any, error) {
	if block.Type == "CERTIFICATE" {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse certificate: %w", err)
		}
		return certificate.PublicKey, nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse public key: %w", err)
	}
	return key, nil
}

// WithoutRedirects is a client that returns answers as they are. Following a
// redirect would hand a signed charge, barcode included, to whom it was not
// signed for; and one to a cashier is the shopper's to follow. Without a client
// it is http.DefaultClient's like.
func WithoutRedirects(client *http.Client) *http.Client {
	if client == nil {
		client = http.DefaultClient
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// CheckURL fails if an address is not an absolute URL.
func CheckURL(address string) error {
	if parsed, err := url.Parse(address); err != nil || parsed.Host == "" {
		return fmt.Errorf("%q is not an absolute URL", address)
	}
	return nil
}
