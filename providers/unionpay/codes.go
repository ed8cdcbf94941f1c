package unionpay

import "github.com/payquake/payquake/payment"

// The response codes that the mock itself gives (§7).
const (
	codeOK        = "00"
	codeFlawed    = "A6" // success with a defect
	codeFailed    = "01"
	codeTimeout   = "03"
	codeUnclear   = "04"
	codeAccepted  = "05"
	codeBusy      = "06"
	codeFormat    = "10"
	codeSignature = "11"
	codeDuplicate = "12"
	codeMissing   = "13"
	codeMerchant  = "31"
	codeForbidden = "32"
	codeAmount    = "33"
	codeNone      = "34"
	codeOriginal  = "35"
	codeMismatch  = "36"
	codeQueries   = "37"
	codeLate      = "42"
	codeUndone    = "45"
	codeReversed  = "46"
	codeBalance   = "64"
	codeWaiting   = "70"
	codeWriteOff  = "74" // debited, the bill's write-off is unknown; 75: it failed
	codeWriteOff2 = "75"
	codeIssuer    = "83" // the issuer is still processing
	codeQRState   = "86"
	codeQRUsed    = "87"
	codeNoQR      = "88"
	codeGeneric   = "99"
)

// failure is a response code that refuses, with what is wrong in words.
type failure struct {
	code   string
	detail string // a field's name, say; may be empty
}

// refuse makes a failure.
func refuse(code, detail string) *failure { return &failure{code, detail} }

// known reports whether a code is one of the provider's.
func known(code string) bool {
	return code == codeFlawed || (len(code) == 2 && code >= "00" && code <= "99" && digits(code))
}

// digits reports whether a text is made of digits only, and of one at least.
func digits(text string) bool {
	for _, r := range text {
		if r < '0' || r > '9' {
			return false
		}
	}
	return text != ""
}

// issuerCode is the code of a refused payment: the plan's, if it is the
// provider's word, else too little balance.
func issuerCode(code string) string {
	if known(code) {
		return code
	}
	return codeBalance
}

// message is a respMsg. It ends with seven digits in brackets (§7). In GBK the
// words are English: those are the same bytes in both encodings.
func message(code, detail string, chinese bool) string {
	text := describe(code)
	said := text[0]
	if chinese {
		said = text[1]
	}
	if detail != "" {
		said += ":" + detail
	}
	return said + "[" + detailOf(code) + "]"
}

// detailOf is the seven digits. What they mean is not known, beyond that success
// is all zeros.
func detailOf(code string) string {
	if code == codeOK || code == codeFlawed || len(code) != 2 {
		return "0000000"
	}
	return "26000" + code
}

// describe is a code in words, English and Chinese.
func describe(code string) [2]string {
	switch code {
	case codeOK:
		return [2]string{"success", "成功"}
	case codeFlawed:
		return [2]string{"success with a defect", "有缺陷的成功"}
	case codeFailed:
		return [2]string{"failed", "交易失败"}
	case codeTimeout:
		return [2]string{"communication timeout, query the result", "交易通讯超时，请发起查询交易"}
	case codeUnclear:
		return [2]string{"state not clear, query the result", "交易状态未明，请查询对账结果"}
	case codeAccepted:
		return [2]string{"accepted, query the result later", "交易已受理，请稍后查询交易结果"}
	case codeQueries:
		return [2]string{"too many queries", "查询次数超限"}
	case codeBusy:
		return [2]string{"busy, try again later", "系统繁忙，请稍后再试"}
	case codeFormat:
		return [2]string{"format error", "报文格式错误"}
	case codeSignature:
		return [2]string{"bad signature", "验证签名失败"}
	case codeDuplicate:
		return [2]string{"duplicate transaction", "重复交易"}
	case codeMissing:
		return [2]string{"missing element", "报文交易要素缺失"}
	case codeMerchant:
		return [2]string{"bad state of the merchant", "商户状态不正确"}
	case codeForbidden:
		return [2]string{"no permission for this transaction", "无此交易权限"}
	case codeAmount:
		return [2]string{"beyond the amount limit", "交易金额超限"}
	default:
		return describeOthers(code)
	}
}

// describeOthers are the codes about what is already in the books, and about
// payers.
func describeOthers(code string) [2]string {
	switch code {
	case codeNone:
		return [2]string{"no such transaction", "查无此交易"}
	case codeOriginal:
		return [2]string{"the original does not exist or has a wrong state", "原交易不存在或状态不正确"}
	case codeMismatch:
		return [2]string{"does not match the original", "与原交易信息不符"}
	case codeLate:
		return [2]string{"debited after the allowed time", "扣款成功但交易超过规定支付时间"}
	case codeUndone:
		return [2]string{"the original was refunded or voided", "原交易已被成功退货或已被成功撤销"}
	case codeReversed:
		return [2]string{"the original was reversed", "交易已被成功冲正"}
	case codeBalance:
		return [2]string{"not enough balance", "银行卡余额不足"}
	case codeWaiting:
		return [2]string{"waiting for the payer's input", "交易已跳转，等待用户输入"}
	case codeQRState:
		return [2]string{"wrong state of the QR code", "二维码状态错误"}
	case codeQRUsed:
		return [2]string{"the QR code was paid too often", "支付次数超限"}
	case codeNoQR:
		return [2]string{"no such QR code", "无此二维码"}
	default:
		return [2]string{"refused", "交易失败，详情请咨询发卡行"}
	}
}

// stateOf is what a code says of a payment, in our words (§7). 01 and 46 say
// that nobody can pay it any more, the other final codes that somebody was
// refused. What the codes about the call itself say of a payment is nothing.
func stateOf(code string) payment.State {
	switch code {
	case codeOK, codeFlawed, codeLate, codeWriteOff, codeWriteOff2:
		return payment.Captured
	case codeTimeout, codeUnclear, codeAccepted, codeBusy, codeWaiting, codeIssuer, codeGeneric:
		return payment.Pending
	case codeFailed, codeReversed:
		return payment.Closed
	}
	if known(code) && code >= "60" && code <= "96" {
		return payment.Declined
	}
	return ""
}

// refundStateOf is what a code says of a refund.
func refundStateOf(code string) payment.RefundState {
	switch stateOf(code) {
	case payment.Captured:
		return payment.RefundDone
	case payment.Pending:
		return payment.RefundProcessing
	case "":
		return ""
	default:
		return payment.RefundRefused
	}
}
