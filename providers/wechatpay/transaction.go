package wechatpay

// transaction is the object of query answers, barcode answers and
// notifications (§3.2), with its members in the provider's order.
type transaction struct {
	MchID          string       `json:"mchid"`
	AppID          string       `json:"appid"`
	OutTradeNo     string       `json:"out_trade_no"`
	TransactionID  string       `json:"transaction_id,omitempty"`
	TradeType      string       `json:"trade_type,omitempty"`
	TradeState     string       `json:"trade_state"`
	TradeStateDesc string       `json:"trade_state_desc"`
	BankType       string       `json:"bank_type,omitempty"`
	Attach         *string      `json:"attach,omitempty"`
	SuccessTime    string       `json:"success_time,omitempty"`
	Payer          *payer       `json:"payer,omitempty"`
	Amount         *amount      `json:"amount,omitempty"`
	SceneInfo      *sceneDevice `json:"scene_info,omitempty"`
	Promotions     []promotion  `json:"promotion_detail,omitempty"`
}

// promotion is a coupon that paid a part (§3.2).
type promotion struct {
	CouponID            string `json:"coupon_id"`
	Name                string `json:"name"`
	Scope               string `json:"scope"`
	Type                string `json:"type"`
	Amount              int64  `json:"amount"`
	StockID             string `json:"stock_id"`
	WechatpayContribute int64  `json:"wechatpay_contribute"`
	MerchantContribute  int64  `json:"merchant_contribute"`
	OtherContribute     int64  `json:"other_contribute"`
	Currency            string `json:"currency"`
}

// promotions are the coupons of an order: one, of the provider's own.
func (o *order) promotions() []promotion {
	if o.coupon == 0 {
		return nil
	}
	return []promotion{{CouponID: "109519", Name: "单品惠-6", Scope: "GLOBAL", Type: "NOCASH", Amount: o.coupon, StockID: "931386",
		WechatpayContribute: o.coupon, Currency: "CNY"}}
}

// payer is who paid, as the merchant knows them.
type payer struct {
	OpenID string `json:"openid"`
}

// sceneDevice echoes the terminal of the order.
type sceneDevice struct {
	DeviceID string `json:"device_id"`
}

// amount has payer_total only once somebody paid.
type amount struct {
	Total         int64  `json:"total"`
	PayerTotal    *int64 `json:"payer_total,omitempty"`
	Currency      string `json:"currency"`
	PayerCurrency string `json:"payer_currency,omitempty"`
}

// transaction is the order as the wire shows it in the given state. Unpaid
// orders lack everything that the payment brings (§3.2), and attach is echoed
// only once paid (§1).
func (o *order) transaction(state string) transaction {
	shown := transaction{MchID: o.params.MchID, AppID: o.params.AppID, OutTradeNo: o.params.OutTradeNo,
		TradeState: state, TradeStateDesc: describe(state),
		Amount: &amount{Total: o.params.Amount.Total, Currency: "CNY"}}
	paid := state == stateSuccess || state == stateRefund || (state == stateRevoked && o.paid.ProviderReference != "")
	if o.scene == codepay {
		shown.TradeType = o.scene.tradeType()
	}
	if !paid {
		return shown
	}
	total := o.payerTotal()
	shown.TradeType, shown.BankType, shown.Promotions = o.scene.tradeType(), "OTHERS", o.promotions()
	shown.TransactionID, shown.SuccessTime = string(o.paid.ProviderReference), wireTime(o.shown(o.paid.CapturedAt))
	shown.Attach, shown.Payer = &o.params.Attach, &payer{o.openID()}
	shown.Amount.PayerTotal, shown.Amount.PayerCurrency = &total, "CNY"
	if o.params.SceneInfo.DeviceID != "" {
		shown.SceneInfo = &sceneDevice{o.params.SceneInfo.DeviceID}
	}
	return shown
}

// describe is trade_state_desc.
func describe(state string) string {
	switch state {
	case stateSuccess:
		return "支付成功"
	case stateRefund:
		return "订单发生过退款，退款详情请查询退款单"
	case stateClosed:
		return "订单已关闭"
	case stateRevoked:
		return "订单已撤销"
	case stateUserPaying:
		return "用户支付中，需要输入密码"
	case statePayError:
		return "支付失败"
	default:
		return "订单未支付"
	}
}
