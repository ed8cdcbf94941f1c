package wechatpay

import (
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// The bounds of a plain merchant's sub orders (§3.9).
const (
	leastSubs = 2
	mostSubs  = 10
)

// combinedForm is §3.9. sub_mchid is a partner's business and not here.
func combinedForm(scene scene) []member {
	info := member{name: "scene_info", kind: objectMember, required: scene == h5, members: []member{
		{name: "payer_client_ip", kind: textMember, required: true, max: 45},
		{name: "device_id", kind: textMember, max: 32}}}
	if scene == h5 {
		info.members = append(info.members, h5Form())
	}
	return []member{
		{name: "combine_appid", kind: textMember, required: true, max: 32},
		{name: "combine_mchid", kind: textMember, required: true, max: 32},
		{name: "combine_out_trade_no", kind: textMember, required: true, min: 2, max: 32, pattern: tradeNumber},
		{name: "sub_orders", kind: listMember, required: true, min: leastSubs, max: mostSubs, members: []member{
			{name: "mchid", kind: textMember, required: true, max: 32},
			{name: "attach", kind: textMember, required: true, max: 128},
			{name: "amount", kind: objectMember, required: true, members: []member{
				{name: "total_amount", kind: wholeMember, required: true, min: 1, max: maxFen},
				{name: "currency", kind: textMember, required: true, words: []string{"CNY"}}}},
			{name: "out_trade_no", kind: textMember, required: true, min: 6, max: 32, pattern: tradeNumber},
			{name: "description", kind: textMember, required: true, max: 127},
			{name: "goods_tag", kind: textMember, max: 32},
			{name: "settle_info", kind: objectMember, members: []member{
				{name: "profit_sharing", kind: flagMember},
				{name: "subsidy_amount", kind: wholeMember, max: maxFen}}}}},
		{name: "notify_url", kind: textMember, required: true, max: 255},
		{name: "time_start", kind: textMember, max: 64},
		{name: "time_expire", kind: textMember, max: 64},
		limitForm(),
		{name: "combine_payer_info", kind: objectMember, required: scene == jsapi, members: []member{
			{name: "openid", kind: textMember, required: true, max: 128}}},
		info,
	}
}

// combinedCloseForm names the sub orders again (§3.9).
func combinedCloseForm() []member {
	return []member{
		{name: "combine_appid", kind: textMember, required: true, max: 32},
		{name: "sub_orders", kind: listMember, required: true, min: 1, max: mostSubs, members: []member{
			{name: "mchid", kind: textMember, required: true, max: 32},
			{name: "out_trade_no", kind: textMember, required: true, max: 32, pattern: tradeNumber}}},
	}
}

// combinedParams is what the mock acts on of a combined prepay, or of a close.
type combinedParams struct {
	AppID      string      `json:"combine_appid"`
	MchID      string      `json:"combine_mchid"`
	OutTradeNo string      `json:"combine_out_trade_no"`
	SubOrders  []subParams `json:"sub_orders"`
	NotifyURL  string      `json:"notify_url"`
	TimeStart  string      `json:"time_start"`
	TimeExpire string      `json:"time_expire"`
	Payer      struct {
		OpenID string `json:"openid"`
	} `json:"combine_payer_info"`
	SceneInfo struct {
		DeviceID string `json:"device_id"`
	} `json:"scene_info"`
}

// subParams is one sub order of it.
type subParams struct {
	MchID       string `json:"mchid"`
	Attach      string `json:"attach"`
	OutTradeNo  string `json:"out_trade_no"`
	Description string `json:"description"`
	Amount      struct {
		TotalAmount int64 `json:"total_amount"`
	} `json:"amount"`
}

// key is the sub order's place in the book: in its own merchant's account.
func (s subParams) key() ledger.Key {
	return ledger.Key{Account: s.MchID, Reference: payment.MerchantReference(s.OutTradeNo)}
}

// whole is the combined payment in the words of an ordinary order. Ten sub
// orders of the greatest amount are far from the end of an int64.
func (c combinedParams) whole() orderParams {
	made := orderParams{AppID: c.AppID, MchID: c.MchID, OutTradeNo: c.OutTradeNo, NotifyURL: c.NotifyURL,
		Description: c.SubOrders[0].Description}
	for _, sub := range c.SubOrders {
		made.Amount.Total += sub.Amount.TotalAmount
	}
	made.Payer.OpenID, made.SceneInfo.DeviceID = c.Payer.OpenID, c.SceneInfo.DeviceID
	return made
}

// sub is a sub order in the words of an ordinary order.
func (c combinedParams) sub(i int) orderParams {
	sub := c.SubOrders[i]
	made := c.whole()
	made.MchID, made.OutTradeNo, made.Description, made.Attach = sub.MchID, sub.OutTradeNo, sub.Description, sub.Attach
	made.Amount.Total = sub.Amount.TotalAmount
	return made
}
