package manifest

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// Keys come as PEM, private ones in PKCS #8. Clients want them in many shapes.

// Shapes are the functions by which settings have keys reshaped.
func Shapes() Vars { return Vars{"bare": bare, "pkcs1": pkcs1, "p12": p12} }

var (
	errNoPEM = errors.New("this is no PEM")
	errNoRSA = errors.New("this is no RSA key")
)

// bare is a PEM's base64 alone, on one line: how Alipay's clients take keys.
func bare(text string) (string, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return "", fmt.Errorf("bare(…): %w", errNoPEM)
	}
	lines := strings.Split(strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: block.Bytes}))), "\n")
	return strings.Join(lines[1:len(lines)-1], ""), nil
}

func rsaKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errNoPEM
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, is := key.(*rsa.PrivateKey)
	if !is {
		return nil, errNoRSA
	}
	return private, nil
}

// pkcs1 is an RSA private key as PEM in PKCS #1: "BEGIN RSA PRIVATE KEY".
func pkcs1(text string) (string, error) {
	key, err := rsaKey(text)
	if err != nil {
		return "", fmt.Errorf("pkcs1(…): %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})), nil
}

// p12 is a certificate with its key in a PKCS #12 store (.p12, .pfx) that old
// clients open too.
func p12(certificate, key, password string) (string, error) {
	private, err := rsaKey(key)
	if err != nil {
		return "", fmt.Errorf("p12(…): key: %w", err)
	}
	block, _ := pem.Decode([]byte(certificate))
	if block == nil {
		return "", fmt.Errorf("p12(…): certificate: %w", errNoPEM)
	}
	shown, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("p12(…): %w", err)
	}
	store, err := pkcs12.LegacyDES.Encode(private, shown, nil, password)
	if err != nil {
		return "", fmt.Errorf("p12(…): %w", err)
	}
	return string(store), nil
}
