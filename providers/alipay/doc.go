// Package alipay is the mock of the Alipay open platform and the dialect in
// which the gateway reads and changes its messages. It owns Alipay's words:
// out_trade_no, trade_status, biz_content, sub_code; nothing outside speaks
// them.
//
// It speaks gateway.do with RSA2 signatures in key mode and in certificate
// mode, and the same operations as v3 REST paths. Facts about the protocol are
// cited as "protocol alipay §N", in this package also as a bare §N; what is not
// known for sure about the real provider is an option (Options), whose zero
// value is the documented or suggested default.
//
// A request passes, in this order: the app, the signature, the method, the
// parameters, and then what the trade's state allows (§15). The books change
// before anything is answered, so an answer that is lost or says that nobody
// knows is a capture all the same.
//
// Not here: bill files, face payment, vouchers, GBK, partner calls, transfers.
package alipay

import "github.com/payquake/payquake/payment"

// Name is the provider as users type it.
const Name payment.ProviderName = "alipay"

// Host is where merchants reach the provider, and GatewayPath the one path of
// the protocol that is no REST (protocol alipay §1).
const (
	Host        = "openapi.alipay.com"
	GatewayPath = "/gateway.do"
)
