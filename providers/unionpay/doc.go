// Package unionpay is the mock of UnionPay's online gateway (ACP 5.1.0) with
// the QR codes of Cloud QuickPass, and the dialect in which the gateway reads
// and changes its messages. It owns UnionPay's words: orderId, txnTime,
// queryId, respCode, tn; nothing outside speaks them.
//
// The mock answers with real signatures over real bytes, so that a merchant
// with an unmodified client works against it. Facts about the protocol are
// cited as "protocol unionpay §N", in this package also as a bare §N; what is
// not known for sure about the real provider is an option (Options), whose zero
// value is the documented or suggested default.
//
// A request passes its form, then who asks and the signature, then the state of
// what it speaks of. The books change before anything is answered, so an
// answer that is lost or says "unknown" (03) is a capture all the same.
//
// An answer says two things: respCode speaks of the call, and only where that
// is 00 does origRespCode, in a query, speak of the payment (§8.1). Even 00 to a
// refund or to the scan of a payer's code means no more than accepted.
//
// Not here: version 5.0.0 and national (SM3) cryptography, pre-authorisation,
// instalments, collection, binding and tokens, statements, and the
// neighbouring QRA and partner platforms (§2).
package unionpay

import "github.com/payquake/payquake/payment"

// Name is the provider as users type it.
const Name payment.ProviderName = "unionpay"

// Host is where merchants reach the gateway, TestHost its sandbox (protocol
// unionpay §2).
const (
	Host     = "gateway.95516.com"
	TestHost = "gateway.test.95516.com"
)

// Hosts are the real host names that a merchant's client calls: the gateway,
// its sandbox, which some clients never leave (§16.3), and the hosts of
// statement files (§2).
func Hosts() []string {
	return []string{Host, TestHost, "filedownload.95516.com", "filedownload.test.95516.com"}
}
