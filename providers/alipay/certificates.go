package alipay

import "encoding/base64"

// certificate gives out one of the provider's certificates by its serial, for
// clients that meet a new one (§2).
func (p *Provider) certificate(c call) (reply, *failure) {
	wanted, now := c.business.text("alipay_cert_sn"), p.ports.Clock.Now()
	for _, each := range p.ring.certified {
		if each.sn == wanted && now.Before(each.certificate.Expires) {
			answer := good()
			answer.text("alipay_cert_content", base64.StdEncoding.EncodeToString([]byte(each.certificate.PEM)))
			return reply{node: answer}, nil
		}
	}
	return reply{}, because("isv.invalid-parameter", "alipay_cert_sn无效")
}
