package alipay

import (
	"crypto/md5"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"

	"github.com/payquake/payquake/providers/keys"
)

// certificateSN is a certificate's name on the wire (§2): the MD5 of its
// issuer and its serial number in decimal. ErrNotRSA of package keys if the
// text is no RSA certificate.
func certificateSN(text string) (string, error) {
	parsed, _, err := keys.CertificateKey(text)
	if err != nil {
		return "", err
	}
	return snOf(parsed)
}

// rootSN is the name of a bundle (§2): those of its certificates that are
// signed with RSA, joined.
func rootSN(bundle string) (string, error) {
	var names []string
	for rest := []byte(bundle); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", fmt.Errorf("read a root certificate: %w", err)
		}
		if !signedWithRSA(parsed) {
			continue
		}
		sn, err := snOf(parsed)
		if err != nil {
			return "", err
		}
		names = append(names, sn)
	}
	return strings.Join(names, "_"), nil
}

// signedWithRSA reports whether the signature's algorithm is one below
// 1.2.840.113549.1.1.
func signedWithRSA(certificate *x509.Certificate) bool {
	switch certificate.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return true
	default:
		return false
	}
}

func snOf(certificate *x509.Certificate) (string, error) {
	var issuer pkix.RDNSequence
	if _, err := asn1.Unmarshal(certificate.RawIssuer, &issuer); err != nil {
		return "", fmt.Errorf("read an issuer: %w", err)
	}
	return serialName(issuer.String(), certificate.SerialNumber), nil
}

// serialName is the digest itself. The issuer's most specific part comes
// first, with commas and no spaces.
func serialName(issuer string, serial *big.Int) string {
	sum := md5.Sum([]byte(issuer + serial.String()))
	return hex.EncodeToString(sum[:])
}

// bogusSN is a serial of the same form that no certificate has.
func bogusSN() string { return keys.Hex(32) }
