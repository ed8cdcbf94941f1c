package roles

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// Authority is a run's own certificate authority. Whoever is to believe that
// the gateway is a real provider host trusts it, and nothing else does; its
// key ends with the run.
type Authority struct {
	CertificatePEM string `json:"certificate"`
	KeyPEM         string `json:"key"`
}

// NewAuthority makes an authority that is valid for a week around now.
func NewAuthority(now time.Time) (Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Authority{}, fmt.Errorf("make the run's authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "payquake run authority (TEST ONLY)"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(7 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Authority{}, fmt.Errorf("make the run's authority: %w", err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return Authority{}, fmt.Errorf("make the run's authority: %w", err)
	}
	return Authority{
		CertificatePEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
		KeyPEM:         string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded})),
	}, nil
}

// leaves makes leaf certificates by host name, each once.
type leaves struct {
	pair tls.Certificate
	now  func() time.Time

	mu     sync.Mutex
	serial int64
	made   map[string]*tls.Certificate
}

func (a Authority) leaves(now func() time.Time) (*leaves, error) {
	pair, err := tls.X509KeyPair([]byte(a.CertificatePEM), []byte(a.KeyPEM))
	if err != nil {
		return nil, fmt.Errorf("read the run's authority: %w", err)
	}
	return &leaves{pair: pair, now: now, serial: 1, made: map[string]*tls.Certificate{}}, nil
}

// leaf is the certificate of a host.
func (l *leaves) leaf(host string) (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if made := l.made[host]; made != nil {
		return made, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", host, err)
	}
	l.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(l.serial), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: l.now().Add(-24 * time.Hour), NotAfter: l.now().Add(7 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent, err := x509.ParseCertificate(l.pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("read the run's authority: %w", err)
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), l.pair.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", host, err)
	}
	made := &tls.Certificate{Certificate: [][]byte{certificate, l.pair.Certificate[0]}, PrivateKey: key}
	l.made[host] = made
	return made, nil
}
