package alipay

import (
	"strings"
	"time"
)

// admit checks the parameters of a gateway call in the provider's order (§15):
// the app, the signature, the method, then the other parameters. What a
// shopper's browser or app hands over is admitted the same way.
func (p *Provider) admit(read parameters) (call, *failure) {
	who, refused := p.appOf(read["app_id"])
	if refused != nil {
		return call{}, refused
	}
	if refused := p.checkSignature(who, read); refused != nil {
		return call{}, refused
	}
	named := method(read["method"])
	switch {
	case named == "":
		return call{}, refuse("isv.missing-method")
	case !named.served():
		return call{}, refuse("isv.invalid-method")
	}
	if refused := p.checkCommon(read); refused != nil {
		return call{}, refused
	}
	business, refused := businessOf(who, read)
	if refused != nil {
		return call{}, refused
	}
	return call{method: named, account: who, business: business, notifyURL: read["notify_url"],
		sealed: read["encrypt_type"] != ""}, nil
}

// appOf finds the app. It is looked for before the signature is checked, and
// the refusal may come unsigned (§3).
func (p *Provider) appOf(appID string) (*account, *failure) {
	who, known := p.ring.apps[appID]
	if known {
		return who, nil
	}
	refused := refuse("isv.invalid-app-id")
	if appID == "" {
		refused = refuse("isv.missing-app-id")
	}
	refused.early = true
	return nil, refused
}

// checkSignature demands the app's signature, and in certificate mode its
// serials (§2, §3).
func (p *Provider) checkSignature(who *account, read parameters) *failure {
	switch {
	case read["sign"] == "":
		return refuse("isv.missing-signature")
	case read["sign_type"] == "":
		return refuse("isv.missing-signature-type")
	case read["sign_type"] != signRSA2 && read["sign_type"] != signRSA:
		return refuse("isv.invalid-signature-type")
	case who.key == nil:
		refused := refuse(subNoSignatureKey)
		if p.options.OldSignatureConfig {
			refused.code = "40002"
		}
		return refused
	}
	if refused := p.checkSerials(who, read["app_cert_sn"], read["alipay_root_cert_sn"]); refused != nil {
		return refused
	}
	if !read.signedBy(who.key) {
		return p.badSignature(read.toSign(false, "sign"))
	}
	return nil
}

// checkSerials compares the serials that certificate mode sends along.
func (p *Provider) checkSerials(who *account, app, roots string) *failure {
	switch {
	case p.ring.config.Mode != CertificateMode:
		return nil
	case app == "":
		return refuse("isv.missing-app-cert-sn")
	case app != who.certSN || roots != p.ring.roots:
		return because(subBadSignature, "验签出错，app_cert_sn或alipay_root_cert_sn与平台记录不一致")
	default:
		return nil
	}
}

// echo begins what the gateway would have signed.
const echo = "，网关生成的验签字符串为："

// badSignature names the likely causes; real ones echo what the gateway would
// have signed (§3).
func (p *Provider) badSignature(message string) *failure {
	refused := refuse(subBadSignature)
	if p.options.EchoSignedString {
		refused.message += echo + strings.ReplaceAll(message, "&", "&amp;")
	}
	return refused
}

// checkCommon checks the other common parameters (§2).
func (p *Provider) checkCommon(read parameters) *failure {
	switch {
	case read["timestamp"] == "":
		return refuse("isv.missing-timestamp")
	case read["version"] == "":
		return refuse("isv.missing-version")
	case read["version"] != "1.0":
		return because("isv.invalid-parameter", "version无效")
	case read["format"] != "" && !strings.EqualFold(read["format"], "json"):
		return refuse("isv.invalid-format")
	case read["charset"] != "" && !strings.EqualFold(read["charset"], "utf-8"):
		return refuse("isv.invalid-charset")
	case read["encrypt_type"] != "" && read["encrypt_type"] != "AES":
		return refuse("isv.invalid-encrypt")
	}
	at, err := parseTime(read["timestamp"])
	window := p.options.TimestampWindow.Std()
	if err != nil || (window > 0 && absolute(p.ports.Clock.Now().Sub(at)) > window) {
		return refuse("isv.invalid-timestamp")
	}
	return nil
}

func absolute(d time.Duration) time.Duration { return max(d, -d) }

// businessOf reads biz_content, which may be sealed.
func businessOf(who *account, read parameters) (reading, *failure) {
	text := read["biz_content"]
	if text == "" {
		return reading{}, because("isv.invalid-parameter", "biz_content不能为空")
	}
	if read["encrypt_type"] != "" {
		plain, err := unseal(who.AESKey, text)
		if err != nil {
			return reading{}, refuse("isv.invalid-encrypt")
		}
		text = string(plain)
	} else if who.AESKey != "" && !strings.HasPrefix(text, "{") {
		if _, err := unseal(who.AESKey, text); err == nil {
			return reading{}, refuse("isv.decryption-error-missing-encrypt-type")
		}
	}
	business, err := parse([]byte(text))
	if err != nil {
		return reading{}, refuse("isv.illegal-json")
	}
	return business, nil
}
