package alipay

import "strings"

// failure is an answer that refuses: a code, the sub_code that says why, and
// for people a sub_msg (§5).
type failure struct {
	code, sub, message string
	also               []member // what the refusals of a method carry beside (§4)
	early              bool     // the app is not known yet
}

// member is a member of a node that has a text for a value.
type member struct{ name, value string }

// The result codes on which clients branch (§5).
const (
	codeSuccess = "10000"
	codePending = "10003"
	codeUnknown = "20000"
	codeRefused = "40004"
)

// The sub_codes that the mock speaks of by name (§5).
const (
	subUnknown        = "isp.unknow-error" // sic
	subSystemError    = "ACQ.SYSTEM_ERROR"
	subParameter      = "ACQ.INVALID_PARAMETER"
	subNoTrade        = "ACQ.TRADE_NOT_EXIST"
	subPaid           = "ACQ.TRADE_HAS_SUCCESS"
	subClosed         = "ACQ.TRADE_HAS_CLOSE"
	subStatus         = "ACQ.TRADE_STATUS_ERROR"
	subFinished       = "ACQ.TRADE_HAS_FINISHED"
	subInconsistent   = "ACQ.CONTEXT_INCONSISTENT"
	subOtherBuyer     = "ACQ.TRADE_BUYER_NOT_MATCH"
	subAuthCode       = "ACQ.PAYMENT_AUTH_CODE_INVALID"
	subNotEnough      = "ACQ.BUYER_BALANCE_NOT_ENOUGH"
	subPast           = "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"
	subTooMuch        = "ACQ.TOTAL_FEE_EXCEED"
	subSeller         = "ACQ.SELLER_NOT_EXIST"
	subCode           = "ACQ.APPLY_PC_MERCHANT_CODE_ERROR"
	subDiscordant     = "ACQ.DISCORDANT_REPEAT_REQUEST"
	subNotEqual       = "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
	subRefundFee      = "ACQ.REASON_TRADE_REFUND_FEE_ERR"
	subCancelTooLate  = "ACQ.TRADE_CANCEL_TIME_OUT"
	subCancelNot      = "ACQ.CANCEL_NOT_ALLOWED"
	subBadSignature   = "isv.invalid-signature"
	subLimited        = "isv.app-call-limited"
	subNoSignatureKey = "isv.missing-signature-config"
)

// refuse is a failure by its sub_code, under the code and with the words that
// belong to it.
func refuse(sub string) *failure {
	return &failure{code: codeOf(sub), sub: sub, message: wordsOf(sub)}
}

// because is refuse with particulars for people.
func because(sub, message string) *failure {
	made := refuse(sub)
	made.message = message
	return made
}

// with adds a member that the refusals of a method carry beside.
func (f *failure) with(also ...member) *failure {
	f.also = append(f.also, also...)
	return f
}

// node is the failure as it is answered.
func (f *failure) node() *node {
	made := &node{}
	made.text("code", f.code)
	made.text("msg", f.msg())
	made.text("sub_code", f.sub)
	made.text("sub_msg", f.message)
	for _, each := range f.also {
		made.text(each.name, each.value)
	}
	return made
}

func (f *failure) msg() string { return messageOf(f.code) }

// codeOf is the code under which a sub_code comes (§5).
func codeOf(sub string) string {
	if _, number := strings.CutPrefix(sub, "isv.missing-"); number {
		switch sub {
		case subNoSignatureKey:
			return "40003"
		case "isv.missing-app-cert-sn":
			return "40002"
		default:
			return "40001"
		}
	}
	switch sub {
	case "isp.unknow-error", "aop.unknow-error", "aop.ACQ.SYSTEM_ERROR":
		return codeUnknown
	case "isv.decryption-error-missing-encrypt-type":
		return "40001"
	case subLimited, "isv.method-call-limited":
		return "40005"
	case "isv.insufficient-isv-permissions", "isv.insufficient-user-permissions", "isv.self-invoke-forbidden":
		return "40006"
	}
	switch {
	case strings.HasPrefix(sub, "isv."):
		return "40002"
	case strings.HasPrefix(sub, "aop."):
		return "20001"
	default:
		return codeRefused
	}
}

// messageOf is the msg of a code (§5). That of 10003 begins with a space.
func messageOf(code string) string {
	switch code {
	case codeSuccess:
		return "Success"
	case codePending:
		return " order success pay inprocess"
	case codeUnknown:
		return "Service Currently Unavailable"
	case "20001":
		return "Insufficient Token Permissions"
	case "40001":
		return "Missing Required Arguments"
	case "40002":
		return "Invalid Arguments"
	case "40003":
		return "Insufficient Conditions"
	case "40005":
		return "Call Limited"
	case "40006":
		return "Insufficient Permissions"
	default:
		return "Business Failed"
	}
}

// wordsOf is a sub_msg. The exact texts are not known (§16): nobody may branch
// on them.
func wordsOf(sub string) string {
	switch sub {
	case subUnknown, subSystemError:
		return "系统繁忙"
	case subParameter:
		return "参数无效"
	case subNoTrade:
		return "交易不存在"
	case subPaid:
		return "交易已被支付"
	case subClosed:
		return "交易已经关闭"
	case subStatus:
		return "交易状态不合法"
	case subFinished:
		return "交易已完结"
	case subInconsistent:
		return "交易信息被篡改"
	case subOtherBuyer:
		return "交易买家不匹配"
	case subAuthCode:
		return "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款"
	case subNotEnough:
		return "支付失败，顾客余额不足"
	case subPast:
		return "当前时间已超过允许支付的时间"
	case subTooMuch:
		return "订单金额超过限额"
	case subDiscordant:
		return "不一致的请求"
	case subNotEqual:
		return "撤销或退款金额与订单金额不一致"
	case subRefundFee:
		return "退款金额错误"
	case subCancelTooLate:
		return "超过撤销时间范围"
	case subBadSignature:
		return "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，以及charset是否在URL中"
	default:
		return "业务处理失败"
	}
}

// spelled is a sub_code as faults and conducts name it: one without a prefix
// is the trade interface's.
func spelled(code string) string {
	if strings.Contains(code, ".") {
		return code
	}
	return "ACQ." + code
}
