package wechatpay

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/payquake/payquake/merchant"
)

// classes says which documented error codes surely mean "no effect", and of
// what kind (section 6.1; barcode codes of section 3.6). Codes are written
// without underscores, which is how the older spelling differs from the
// newer. What is not listed is not known: SYSTEM_ERROR and BANK_ERROR by the
// documents' own words, FREQUENCY_LIMITED and SIGN_ERROR because the same
// bytes may be sent again and then succeed.
func classes(code string) (merchant.Class, bool) {
	switch strings.ReplaceAll(code, "_", "") {
	case "PARAMERROR", "APPIDMCHIDNOTMATCH", "MCHNOTEXISTS", "MCHIDNOTEXIST", "APPIDNOTEXIST", "NOAUTH", "LACKPARAMS",
		"OPENIDMISMATCH", "INVALIDTRANSACTIONID":
		return merchant.Config, true
	case "INVALIDREQUEST", "OUTTRADENOUSED":
		return merchant.Conflict, true
	case "ORDERCLOSED", "ORDERREVERSED":
		return merchant.OrderClosed, true
	case "ORDERPAID":
		return merchant.AlreadyPaid, true
	case "ACCOUNTERROR", "RULELIMIT", "TRADEERROR", "BUYERMISMATCH", "NOTSUPORTCARD", "NOTSUPPORTCARD":
		return merchant.Declined, true
	case "AUTHCODEEXPIRE", "AUTHCODEEXPIRED", "AUTHCODEERROR", "AUTHCODEINVALID":
		return merchant.AuthCodeInvalid, true
	case "NOTENOUGH":
		return merchant.NotEnough, true
	case "USERACCOUNTABNORMAL":
		return merchant.Offline, true
	case "ORDERNOTEXIST", "RESOURCENOTEXISTS":
		return merchant.NotFound, true
	default:
		return "", false
	}
}

// classify reads an error answer. It fails a call only when the code says so:
// a status alone may come from any box on the way.
func classify(status int, body []byte) merchant.Result {
	var f failure
	detail := fmt.Sprintf("%d %.200s", status, body)
	if err := json.Unmarshal(body, &f); err != nil || f.Code == "" {
		return merchant.Result{Detail: detail}
	}
	detail = fmt.Sprintf("%d %.64s %.200s", status, f.Code, f.Message)
	class, known := classes(f.Code)
	// 202 USER_PAYING and 202 closes are pending; 429 was not accepted but may be.
	if !known || status < 400 || status == 429 {
		return merchant.Result{Detail: detail}
	}
	return merchant.Result{Outcome: merchant.Failed, Class: class, Detail: detail}
}

// userPaying reports whether a barcode payment waits for the shopper's password.
func userPaying(r reply) bool {
	var f failure
	if err := json.Unmarshal(r.body, &f); err != nil {
		return false
	}
	return r.status == 202 && strings.ReplaceAll(f.Code, "_", "") == "USERPAYING"
}
