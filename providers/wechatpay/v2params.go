package wechatpay

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/payquake/payquake/faults"
)

// param is one parameter of a v2 request. Other parameters than the listed
// ones are accepted: they are signed, and v2 has many.
type param struct {
	name     string
	required bool
	max      int // characters
	pattern  string
	words    []string
}

// The patterns of v2 parameters.
const (
	feePattern  = `^[1-9][0-9]{0,9}$` // fen (§1)
	timePattern = `^[0-9]{14}$`
)

// commonParams are what every v2 request has.
func commonParams() []param {
	return []param{
		{name: "appid", required: true, max: 32},
		{name: "mch_id", required: true, max: 32},
		{name: "nonce_str", required: true, max: 32},
		{name: "sign_type", max: 32, words: []string{signMD5, signHMAC}},
	}
}

// paramsOf is what an operation's request has (§3.6, §6.2).
func paramsOf(operation faults.Operation) []param {
	number := param{name: "out_trade_no", max: 32, pattern: tradeNumber}
	either := []param{{name: "transaction_id", max: 32, pattern: `^[0-9]+$`}, number}
	number.required = true
	switch operation {
	case faults.Create:
		return slices.Concat(commonParams(), orderParamsV2(), []param{
			{name: "notify_url", required: true, max: 256},
			{name: "trade_type", required: true, words: []string{"JSAPI", "NATIVE", "APP", "MWEB"}},
			{name: "openid", max: 128}, {name: "product_id", max: 32}})
	case faults.PayCode:
		return slices.Concat(commonParams(), orderParamsV2(), []param{{name: "auth_code", required: true, max: 128}})
	case faults.Close:
		return append(commonParams(), number)
	case faults.Refund:
		return slices.Concat(commonParams(), either, []param{
			{name: "out_refund_no", required: true, max: 64, pattern: refundNumber},
			{name: "total_fee", required: true, pattern: feePattern},
			{name: "refund_fee", required: true, pattern: feePattern},
			{name: "refund_fee_type", words: []string{"CNY"}},
			{name: "refund_desc", max: 80}, {name: "notify_url", max: 256}})
	case faults.RefundQuery:
		return slices.Concat(commonParams(), either, []param{
			{name: "out_refund_no", max: 64, pattern: refundNumber}, {name: "refund_id", max: 32, pattern: `^[0-9]+$`}})
	default: // query and reverse
		return append(commonParams(), either...)
	}
}

// orderParamsV2 are what unifiedorder and micropay share.
func orderParamsV2() []param {
	return []param{
		{name: "body", required: true, max: 128},
		{name: "out_trade_no", required: true, max: 32, pattern: tradeNumber},
		{name: "total_fee", required: true, pattern: feePattern},
		{name: "spbill_create_ip", required: true, max: 64},
		{name: "fee_type", words: []string{"CNY"}},
		{name: "device_info", max: 32}, {name: "attach", max: 127}, {name: "goods_tag", max: 32}, {name: "detail", max: 6000},
		{name: "time_start", pattern: timePattern}, {name: "time_expire", pattern: timePattern},
		{name: "limit_pay", words: []string{"no_credit"}},
	}
}

// checkParams finds the first parameter that is missing or wrong.
func checkParams(form document, params []param) *failure {
	for _, p := range params {
		value := form.get(p.name)
		if value == "" {
			if p.required {
				return lacking(p.name)
			}
			continue
		}
		wrong := p.max > 0 && utf8.RuneCountInString(value) > p.max
		if p.pattern != "" {
			matched, err := regexp.MatchString(p.pattern, value)
			wrong = wrong || !matched || err != nil
		}
		if wrong || (len(p.words) > 0 && !slices.Contains(p.words, value)) || (p.pattern == feePattern && fee(value) > maxFen) {
			made := coded(200, "PARAM_ERROR")
			made.message = "参数错误: " + p.name
			return made
		}
	}
	return nil
}

// fee is an amount in fen that was checked before; 0 if it was not.
func fee(text string) int64 {
	fen, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return fen
}

// timeV2 writes a time as v2 does, and momentV2 reads one.
func timeV2(at time.Time) string { return beijing(at).Format("20060102150405") }

func momentV2(text string) (time.Time, *failure) {
	if text == "" {
		return time.Time{}, nil
	}
	read, err := time.ParseInLocation("20060102150405", text, time.FixedZone("CST", 8*60*60))
	if err != nil {
		made := coded(200, "PARAM_ERROR")
		made.message = "参数错误: time_expire"
		return time.Time{}, made
	}
	return read, nil
}

// asked is a v2 order in the words of an ordinary one.
func (c *callV2) asked() orderParams {
	made := orderParams{AppID: c.form.get("appid"), MchID: c.form.get("mch_id"), Description: c.form.get("body"),
		OutTradeNo: c.form.get("out_trade_no"), NotifyURL: c.form.get("notify_url"), Attach: c.form.get("attach")}
	made.Amount.Total, made.Amount.Currency = fee(c.form.get("total_fee")), "CNY"
	made.Payer.OpenID, made.Payer.AuthCode = c.form.get("openid"), c.form.get("auth_code")
	made.SceneInfo.DeviceID = c.form.get("device_info")
	return made
}

// fingerprintV2 hashes what a re-entry must repeat: everything but the
// signature, its type and nonce, and the barcode.
func fingerprintV2(operation faults.Operation, form document) [sha256.Size]byte {
	kept := make(document, 0, len(form))
	for _, f := range form {
		if !slices.Contains([]string{"sign", "sign_type", "nonce_str", "auth_code"}, f.name) {
			kept = append(kept, f)
		}
	}
	return sha256.Sum256([]byte("v2 " + string(operation) + "\n" + kept.signString("")))
}
