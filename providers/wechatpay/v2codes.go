package wechatpay

// The codes of v2 (§3.6, §6.2). A failure is decided in v3's words where both
// APIs share the decision, and spelled as v2 does here.

// codeV2 is a failure's code as v2 spells it.
func codeV2(f *failure) string {
	if f.internal == internalReentry {
		return "OUT_TRADE_NO_USED" // the older generation's word (§4.3)
	}
	switch f.code {
	case "ORDER_PAID":
		return "ORDERPAID"
	case "ORDER_CLOSED":
		return "ORDERCLOSED"
	case "ORDER_NOT_EXIST":
		return "ORDERNOTEXIST"
	case "RESOURCE_NOT_EXISTS":
		return "REFUNDNOTEXIST"
	case "NOT_ENOUGH":
		return "NOTENOUGH"
	case "NO_AUTH":
		return "NOAUTH"
	case "ACCOUNT_ERROR":
		return "ACCOUNTERROR"
	case "RULE_LIMIT":
		return "RULELIMIT"
	case "USER_PAYING":
		return "USERPAYING"
	case "BANK_ERROR":
		return "BANKERROR"
	case "SYSTEM_ERROR":
		return "SYSTEMERROR"
	case "SIGN_ERROR":
		return "SIGNERROR"
	case "FREQUENCY_LIMITED":
		return "INVALID_REQ_TOO_MUCH"
	default:
		return f.code
	}
}

// communication reports whether a code says that the request could not be read
// or trusted: then return_code alone is FAIL (§2.8).
func communication(code string) bool {
	switch code {
	case "SIGNERROR", "XML_FORMAT_ERROR", "NOT_UTF8", "REQUIRE_POST_METHOD", "POST_DATA_EMPTY", "LACK_PARAMS", "MCHID_NOT_EXIST":
		return true
	default:
		return false
	}
}

// lacking says which parameter is missing.
func lacking(name string) *failure {
	made := coded(200, "LACK_PARAMS")
	made.message += name
	return made
}

// meaningV2 is the text of a code that only v2 has, or "".
func meaningV2(code string) string {
	switch code {
	case "SIGNERROR":
		return "签名错误"
	case "XML_FORMAT_ERROR":
		return "XML格式错误"
	case "NOT_UTF8":
		return "编码格式错误"
	case "REQUIRE_POST_METHOD":
		return "请使用post方法"
	case "POST_DATA_EMPTY":
		return "post数据为空"
	case "LACK_PARAMS":
		return "缺少参数"
	case "MCHID_NOT_EXIST":
		return "MCHID不存在"
	case "APPID_NOT_EXIST":
		return "APPID不存在"
	case "CERT_ERROR":
		return "证书校验错误"
	case "ORDERREVERSED":
		return "当前订单已经被撤销"
	case "NOTSUPORTCARD":
		return "不支持卡类型"
	case "AUTH_CODE_ERROR":
		return "授权码参数错误"
	case "AUTHCODEEXPIRE":
		return "二维码已过期，请用户在微信上刷新后再试"
	case "AUTH_CODE_INVALID":
		return "授权码检验错误"
	case "BUYER_MISMATCH":
		return "支付账号错误"
	case "REFUND_FEE_MISMATCH":
		return "订单金额或退款金额与之前请求不一致，请核实后再试"
	case "ORDER_NOT_READY":
		return "订单处理中，暂时无法退款，请稍后再试"
	case "BIZERR_NEED_RETRY":
		return "退款业务流程错误，需要商户触发重试来解决"
	case "TRADE_OVERDUE":
		return "订单已经超过退款期限"
	default:
		return ""
	}
}
