package payment

// MerchantReference is the merchant's own id of a payment at a provider
// (WeChat Pay and Alipay: out_trade_no, UnionPay: orderId).
type MerchantReference string

// ProviderReference is the provider's id of the same payment (WeChat Pay:
// transaction_id, Alipay: trade_no, UnionPay: queryId).
type ProviderReference string

// RefundReference is the merchant's id of one refund (WeChat Pay:
// out_refund_no, Alipay: out_request_no).
type RefundReference string

// ProviderName names a payment provider as users type it, such as "wechatpay".
type ProviderName string

// Method is a way to start a payment, in words common to all providers.
type Method string

// The ways to start a payment. A code is shown by the merchant and scanned by
// the shopper; a barcode is shown by the shopper and scanned by the merchant,
// and is the pay-type call: it captures when it is answered.
const (
	MethodCode    Method = "code"    // a QR code (WeChat Pay native)
	MethodInApp   Method = "in-app"  // inside the wallet's own browser (WeChat Pay jsapi)
	MethodApp     Method = "app"     // from the merchant's app (WeChat Pay app)
	MethodWeb     Method = "web"     // from a phone's browser (WeChat Pay h5)
	MethodBarcode Method = "barcode" // the merchant scans the shopper (WeChat Pay codepay)
)
