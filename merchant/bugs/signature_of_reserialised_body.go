package bugs

import (
	"encoding/json"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 11, signature-of-reserialised-body.
//
// Smallest fault: none.
// Caught by: every-valid-notification-is-acknowledged.
// Cost: no true notification is ever believed; payments are found by asking, late,
// and the provider calls the shop broken.
func signatureOfReserialisedBody() Bug {
	return Bug{
		Number: 11, Name: "signature-of-reserialised-body",
		Summary: "the signature of a notification is checked over its JSON as it is written again",
		Exposed: "none", Invariant: "every-valid-notification-is-acknowledged",
		Harmless: map[payment.ProviderName]string{"alipay": "its notifications are forms, whose fields are sorted before they are signed", "unionpay": "its notifications are forms, whose fields are sorted before they are signed"},
		Apply: func(p *merchant.Policy) {
			p.VerifiedBody = func(body []byte) []byte {
				var read map[string]any
				if json.Unmarshal(body, &read) != nil {
					return body
				}
				again, err := json.Marshal(read)
				if err != nil {
					return body
				}
				return again
			}
		},
	}
}
