package wechatpay

// The forms of the requests, as protocol wechatpay §3 lists their members.

const (
	tradeNumber  = `^[0-9A-Za-z_*|-]+$`  // out_trade_no (§1)
	refundNumber = `^[0-9A-Za-z_*|@-]+$` // out_refund_no (§1)
	barcode      = `^1[0-5][0-9]{16}$`   // auth_code (§3.6)
	// maxFen is 10 million yuan, the cap of a sub-order (§1), taken for all.
	maxFen = 1_000_000_000
)

// prepayForm is §3.1; what is required differs by scene.
func prepayForm(scene scene) []member {
	form := append(orderForm(),
		member{name: "notify_url", kind: textMember, required: true, max: 255},
		member{name: "time_expire", kind: textMember, max: 64},
		limitForm(),
		sceneForm(scene))
	if scene == jsapi {
		form = append(form, member{name: "payer", kind: objectMember, required: true, members: []member{
			{name: "openid", kind: textMember, required: true, max: 128}}})
	}
	return form
}

// limitForm is limit_pay.
func limitForm() member {
	return member{name: "limit_pay", kind: wordsMember, max: 4,
		words: []string{"no_balance", "no_credit", "no_debit", "balance_only"}}
}

// codepayForm is §3.6.
func codepayForm() []member {
	return append(orderForm(),
		member{name: "payer", kind: objectMember, required: true, members: []member{
			{name: "auth_code", kind: textMember, required: true, max: 32, pattern: barcode}}},
		member{name: "scene_info", kind: objectMember, required: true, members: []member{
			{name: "device_id", kind: textMember, max: 32},
			{name: "device_ip", kind: textMember, max: 45},
			{name: "store_info", kind: objectMember, required: true, members: []member{
				{name: "id", kind: textMember, max: 32}, {name: "out_id", kind: textMember, max: 32}}}}})
}

// orderForm is what all orders have.
func orderForm() []member {
	return []member{
		{name: "appid", kind: textMember, required: true, max: 32},
		{name: "mchid", kind: textMember, required: true, max: 32},
		{name: "description", kind: textMember, required: true, max: 127},
		{name: "out_trade_no", kind: textMember, required: true, min: 6, max: 32, pattern: tradeNumber},
		{name: "amount", kind: objectMember, required: true, members: []member{
			{name: "total", kind: wholeMember, required: true, min: 1, max: maxFen},
			{name: "currency", kind: textMember, words: []string{"CNY"}}}},
		{name: "attach", kind: textMember, max: 128},
		{name: "goods_tag", kind: textMember, max: 32},
		{name: "support_fapiao", kind: flagMember},
		{name: "detail", kind: objectMember, members: []member{
			{name: "cost_price", kind: wholeMember},
			{name: "invoice_id", kind: textMember, max: 32},
			{name: "goods_detail", kind: listMember, max: 6000, members: []member{
				{name: "merchant_goods_id", kind: textMember, required: true, max: 32},
				{name: "wechatpay_goods_id", kind: textMember, max: 32},
				{name: "goods_name", kind: textMember, max: 256},
				{name: "quantity", kind: wholeMember, required: true, min: 1},
				{name: "unit_price", kind: wholeMember, required: true}}}}},
		{name: "settle_info", kind: objectMember, members: []member{{name: "profit_sharing", kind: flagMember}}},
	}
}

// sceneForm is scene_info, which only the scene h5 requires.
func sceneForm(scene scene) member {
	info := member{name: "scene_info", kind: objectMember, required: scene == h5, members: []member{
		{name: "payer_client_ip", kind: textMember, required: true, max: 45},
		{name: "device_id", kind: textMember, max: 32},
		{name: "store_info", kind: objectMember, members: []member{
			{name: "id", kind: textMember, required: true, max: 32},
			{name: "name", kind: textMember, max: 256},
			{name: "area_code", kind: textMember, max: 32},
			{name: "address", kind: textMember, max: 512}}}}}
	if scene == h5 {
		info.members = append(info.members, h5Form())
	}
	return info
}

// h5Form is h5_info.
func h5Form() member {
	return member{name: "h5_info", kind: objectMember, required: true, members: []member{
		{name: "type", kind: textMember, required: true, words: []string{"Wap", "iOS", "Android"}},
		{name: "app_name", kind: textMember, max: 64},
		{name: "app_url", kind: textMember, max: 128},
		{name: "bundle_id", kind: textMember, max: 128},
		{name: "package_name", kind: textMember, max: 128}}}
}

// closeForm is §3.3, reverseForm §3.6.
func closeForm() []member {
	return []member{{name: "mchid", kind: textMember, required: true, max: 32}}
}

func reverseForm() []member {
	return []member{{name: "appid", kind: textMember, required: true, max: 32},
		{name: "mchid", kind: textMember, required: true, max: 32}}
}

// refundForm is §3.4.
func refundForm() []member {
	return []member{
		{name: "transaction_id", kind: textMember, max: 32},
		{name: "out_trade_no", kind: textMember, max: 32, pattern: tradeNumber},
		{name: "out_refund_no", kind: textMember, required: true, max: 64, pattern: refundNumber},
		{name: "reason", kind: textMember, max: 80},
		{name: "notify_url", kind: textMember, max: 256},
		{name: "funds_account", kind: textMember, words: []string{"AVAILABLE"}},
		{name: "amount", kind: objectMember, required: true, members: []member{
			{name: "refund", kind: wholeMember, required: true, min: 1, max: maxFen},
			{name: "total", kind: wholeMember, required: true, min: 1, max: maxFen},
			{name: "currency", kind: textMember, required: true, words: []string{"CNY"}},
			{name: "from", kind: listMember, max: 2, members: []member{
				{name: "account", kind: textMember, required: true, words: []string{"AVAILABLE", "UNAVAILABLE"}},
				{name: "amount", kind: wholeMember, required: true, min: 1}}}}},
		{name: "goods_detail", kind: listMember, max: 6000, members: []member{
			{name: "merchant_goods_id", kind: textMember, required: true, max: 32},
			{name: "wechatpay_goods_id", kind: textMember, max: 32},
			{name: "goods_name", kind: textMember, max: 256},
			{name: "unit_price", kind: wholeMember, required: true},
			{name: "refund_amount", kind: wholeMember, required: true},
			{name: "refund_quantity", kind: wholeMember, required: true}}},
	}
}

// orderParams is what the mock acts on of a prepay or codepay request.
type orderParams struct {
	AppID       string `json:"appid"`
	MchID       string `json:"mchid"`
	Description string `json:"description"`
	OutTradeNo  string `json:"out_trade_no"`
	NotifyURL   string `json:"notify_url"`
	TimeExpire  string `json:"time_expire"`
	Attach      string `json:"attach"`
	Amount      struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Payer struct {
		OpenID   string `json:"openid"`
		AuthCode string `json:"auth_code"`
	} `json:"payer"`
	SceneInfo struct {
		DeviceID string `json:"device_id"`
	} `json:"scene_info"`
}

// refundParams is what the mock acts on of a refund request.
type refundParams struct {
	TransactionID string `json:"transaction_id"`
	OutTradeNo    string `json:"out_trade_no"`
	OutRefundNo   string `json:"out_refund_no"`
	NotifyURL     string `json:"notify_url"`
	Amount        struct {
		Refund   int64  `json:"refund"`
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
}
