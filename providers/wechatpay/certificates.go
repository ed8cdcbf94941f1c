package wechatpay

import (
	"time"

	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/keys"
)

// sealedCertificate is one item of GET /v3/certificates (§2.4).
type sealedCertificate struct {
	SerialNo           string   `json:"serial_no"`
	EffectiveTime      string   `json:"effective_time"`
	ExpireTime         string   `json:"expire_time"`
	EncryptCertificate resource `json:"encrypt_certificate"`
}

// resource is something sealed with the APIv3 key.
type resource struct {
	OriginalType   string `json:"original_type,omitempty"`
	Algorithm      string `json:"algorithm"`
	Ciphertext     string `json:"ciphertext"`
	AssociatedData string `json:"associated_data"`
	Nonce          string `json:"nonce"`
}

// Rotate implements providers.Rotator.
func (p *Provider) Rotate() error {
	if p.ring.config.Mode != CertificateMode || len(p.ring.reserve) == 0 {
		return providers.ErrNoRotation
	}
	p.ring.rotations.Add(1)
	return nil
}

// certificates lists what is valid, oldest first. A merchant that knows only
// the public key has none to fetch (§2.4).
func (p *Provider) certificates(c call) (reply, *failure) {
	now := p.ports.Clock.Now()
	var listed []sealedCertificate
	for _, each := range p.ring.published(now) {
		nonce := keys.Letters(nonceLength)
		sealed, err := seal(c.account.APIv3Key, nonce, "certificate", []byte(each.certificate.PEM))
		if err != nil {
			return reply{}, systemError()
		}
		listed = append(listed, sealedCertificate{each.serial, wireTime(each.certificate.Effective),
			wireTime(each.certificate.Expires), resource{Algorithm: algorithm, Ciphertext: sealed,
				AssociatedData: "certificate", Nonce: nonce}})
	}
	if len(listed) == 0 {
		return reply{}, resourceNotExists("无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥")
	}
	return reply{200, encode(map[string]any{"data": listed})}, nil
}

// valid reports whether a certificate is published and signs at that time.
func valid(certificate PlatformCertificate, now time.Time) bool {
	return !certificate.Effective.After(now) && certificate.Expires.After(now)
}
