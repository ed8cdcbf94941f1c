package bugs

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 25, certificate-for-ever.
//
// Smallest fault: key-rotation.
// Caught by: every-valid-notification-is-acknowledged.
// Cost: from the day on which the provider changes its certificate, none of its
// news is believed; payments are found by asking, late, if at all.
func certificateForEver() Bug {
	return Bug{
		Number: 25, Name: "certificate-for-ever",
		Summary: "the provider's certificate is taken once and kept; what is signed with the next one is refused",
		Exposed: "key-rotation", Invariant: "every-valid-notification-is-acknowledged",
		Harmless: map[payment.ProviderName]string{"wechatpay": "it is known by a public key in this run, which does not change",
			"alipay": "it is known by a public key in this run, which does not change"},
		Apply: func(p *merchant.Policy) {
			var mu sync.Mutex
			kept := map[payment.ProviderName]string{}
			p.RefusesCertificate = func(provider payment.ProviderName, header http.Header, body []byte) bool {
				shown := header.Get("Wechatpay-Serial")
				if form, err := url.ParseQuery(string(body)); err == nil && shown == "" {
					shown = form.Get("signPubKeyCert")
				}
				mu.Lock()
				defer mu.Unlock()
				if _, known := kept[provider]; !known {
					kept[provider] = shown
				}
				return kept[provider] != shown
			}
		},
	}
}
