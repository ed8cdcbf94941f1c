package bugs

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Bug 27, new-parameters-on-retry.
//
// Smallest fault: lost answer of create.
// Caught by: every-willing-shopper-can-pay.
// Cost: the provider refuses the number for ever; whoever wants these things can
// never pay them.
func newParametersOnRetry() Bug {
	return Bug{
		Number: 27, Name: "new-parameters-on-retry",
		Summary: "a payment is numbered after its shopper and basket, and a create that was not answered is sent again with another description",
		Exposed: "lost answer of create", Invariant: "every-willing-shopper-can-pay",
		Apply: func(p *merchant.Policy) {
			p.ReferenceFor = func(shopper, basket string) payment.MerchantReference {
				sum := sha256.Sum256([]byte(shopper + "\n" + basket))
				return payment.MerchantReference("P" + hex.EncodeToString(sum[:12]))
			}
			p.RenewsRequest = func() bool { return true }
		},
	}
}
