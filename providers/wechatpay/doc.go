// Package wechatpay is the mock of WeChat Pay's APIv3 and the dialect in which
// the gateway reads and changes its messages. It owns WeChat Pay's words:
// out_trade_no, trade_state, prepay_id, fen; nothing outside speaks them.
//
// The mock answers with real signatures over real bytes, so that a merchant
// with an unmodified client works against it. Facts about the protocol are
// cited as "protocol wechatpay §N", in this package also as a bare §N; what is not known for sure about the real
// provider is an option (Options), whose zero value is the documented default.
//
// A request passes authentication, then the form of its body, then the order's
// state (protocol wechatpay §11). The books change before anything is
// answered, so an answer that is lost or says "system error" is a capture all
// the same.
//
// The older v2 (files v2*.go, xml.go) is another way to the same orders.
//
// Not here: face and palm terminals, profit sharing, statements, partner calls
// and national (SM2) cryptography.
package wechatpay

import "github.com/payquake/payquake/payment"

// Name is the provider as users type it.
const Name payment.ProviderName = "wechatpay"

// Host is where merchants reach the provider; BackupHost is its second site
// (protocol wechatpay §7).
const (
	Host       = "api.mch.weixin.qq.com"
	BackupHost = "api2.mch.weixin.qq.com"
)
