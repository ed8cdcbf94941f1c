package wechatpay

// failure is an answer that refuses. It becomes {"code","message","detail"?}
// with its status, and its internal number the tail of Request-ID (§6).
type failure struct {
	status   int
	code     string
	message  string
	internal int
	detail   any // an object, never an array: clients unmarshal it into one (§6)
}

// The internal codes at the tail of a Request-ID (§6.3).
const (
	internalOrderMissing  = 268512771
	internalBadParam      = 268435461
	internalAlreadyPaid   = 268498689
	internalExtraMember   = 270924358
	internalOtherMerchant = 268447843
	internalOrderClosed   = 268447914
	internalUseReverse    = 268449641
	internalBadSignature  = 268443699
	internalNoOpenID      = 268501013
	internalReentry       = 268498688
	internalAppIDMismatch = 268445527
	internalOutOfRange    = 268435464
	internalRateLimited   = 268447840
	internalOther         = 268435456
)

// place says where a parameter is wrong.
type place struct {
	Field    string `json:"field"`
	Value    any    `json:"value,omitempty"`
	Issue    string `json:"issue"`
	Location string `json:"location"`
}

// badParam refuses a parameter; the number is not consumed (§6.1).
func badParam(at place, message string) *failure {
	return &failure{400, "PARAM_ERROR", message, internalBadParam, at}
}

// invalid refuses what a rule or the order's state does not allow.
func invalid(message string) *failure {
	return &failure{400, "INVALID_REQUEST", message, internalOther, nil}
}

// orderNotExist, orderClosed and orderPaid are the answers about orders on
// which merchants branch.
func orderNotExist() *failure {
	return &failure{404, "ORDER_NOT_EXIST", "订单不存在", internalOrderMissing, nil}
}

func orderClosed() *failure {
	return &failure{400, "ORDER_CLOSED", "该订单已失效", internalOrderClosed, nil}
}

func orderPaid() *failure {
	return &failure{400, "ORDERPAID", "该订单已支付", internalAlreadyPaid, nil}
}

// resourceNotExists is the same for refunds, their orders and certificates.
func resourceNotExists(message string) *failure {
	return &failure{404, "RESOURCE_NOT_EXISTS", message, internalOrderMissing, nil}
}

// systemError says that nobody knows: the call may have been carried out.
func systemError() *failure { return coded(500, "SYSTEM_ERROR") }

// coded is a failure by its code alone, as faults and conducts name it. A
// status of 0 is the code's own (§6.1).
func coded(status int, code string) *failure {
	usual, message := meaning(code)
	if older := meaningV2(code); older != "" {
		message = older
	}
	if status == 0 {
		status = usual
	}
	internal := internalOther
	if code == "FREQUENCY_LIMITED" {
		internal = internalRateLimited
	}
	return &failure{status, code, message, internal, nil}
}

// meaning is the usual status and text of a code in its current spelling.
func meaning(code string) (status int, message string) {
	switch code {
	case "PARAM_ERROR":
		return 400, "参数错误"
	case "INVALID_REQUEST":
		return 400, "无效请求"
	case "APPID_MCHID_NOT_MATCH":
		return 400, "appid和mchid不匹配"
	case "MCH_NOT_EXISTS":
		return 400, "商户号不存在"
	case "ORDER_CLOSED":
		return 400, "该订单已失效"
	case "ORDERPAID":
		return 400, "该订单已支付"
	case "SIGN_ERROR":
		return 401, "错误的签名，验签失败"
	case "NO_AUTH":
		return 403, "商户无权限"
	case "ACCOUNT_ERROR", "USER_ACCOUNT_ABNORMAL":
		return 403, "用户账户异常"
	case "RULE_LIMIT":
		return 403, "业务规则限制"
	case "TRADE_ERROR":
		return 403, "交易错误"
	case "NOT_ENOUGH":
		return 403, "余额不足"
	case "OUT_TRADE_NO_USED":
		return 403, "商户订单号重复"
	case "ORDER_NOT_EXIST":
		return 404, "订单不存在"
	case "RESOURCE_NOT_EXISTS":
		return 404, "查询的资源不存在"
	case "FREQUENCY_LIMITED":
		return 429, "频率超限"
	case "USER_PAYING":
		return 202, "需要用户输入支付密码"
	case "BANK_ERROR":
		return 500, "银行系统异常"
	case "INVALID_TRANSACTIONID":
		return 500, "微信支付订单号非法"
	case "OPENID_MISMATCH":
		return 500, "openid和appid不匹配"
	default:
		return 500, "系统异常，请稍后重试"
	}
}

// legacy is how older documents spell a code (§6.1).
func legacy(code string) string {
	switch code {
	case "ORDER_CLOSED":
		return "ORDERCLOSED"
	case "ORDERPAID":
		return "ORDER_PAID"
	case "NO_AUTH":
		return "NOAUTH"
	case "ACCOUNT_ERROR":
		return "ACCOUNTERROR"
	case "RULE_LIMIT":
		return "RULELIMIT"
	case "NOT_ENOUGH":
		return "NOTENOUGH"
	case "ORDER_NOT_EXIST":
		return "ORDERNOTEXIST"
	case "FREQUENCY_LIMITED":
		return "RATELIMIT_EXCEED"
	case "SYSTEM_ERROR":
		return "SYSTEMERROR"
	case "BANK_ERROR":
		return "BANKERROR"
	case "USER_PAYING":
		return "USERPAYING"
	default:
		return code
	}
}

// current is the current spelling of a code in either.
func current(code string) string {
	switch code {
	case "ORDERCLOSED":
		return "ORDER_CLOSED"
	case "ORDER_PAID":
		return "ORDERPAID"
	case "ORDERNOTEXIST":
		return "ORDER_NOT_EXIST"
	case "USERPAYING":
		return "USER_PAYING"
	default:
		return code
	}
}
