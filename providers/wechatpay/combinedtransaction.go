package wechatpay

import (
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// combinedTransaction is the object of a combined payment's query answers and
// notifications (§3.9).
type combinedTransaction struct {
	AppID      string           `json:"combine_appid"`
	MchID      string           `json:"combine_mchid"`
	OutTradeNo string           `json:"combine_out_trade_no"`
	SceneInfo  *sceneDevice     `json:"scene_info,omitempty"`
	SubOrders  []subTransaction `json:"sub_orders"`
	Payer      *payer           `json:"combine_payer_info,omitempty"`
}

// subTransaction is one sub order in it.
type subTransaction struct {
	MchID         string    `json:"mchid"`
	TradeType     string    `json:"trade_type,omitempty"`
	TradeState    string    `json:"trade_state"`
	BankType      string    `json:"bank_type,omitempty"`
	Attach        *string   `json:"attach,omitempty"`
	SuccessTime   string    `json:"success_time,omitempty"`
	TransactionID string    `json:"transaction_id,omitempty"`
	OutTradeNo    string    `json:"out_trade_no"`
	Amount        subAmount `json:"amount"`
}

// subAmount is named differently from the amount of an ordinary order.
type subAmount struct {
	TotalAmount   int64  `json:"total_amount"`
	Currency      string `json:"currency"`
	PayerAmount   *int64 `json:"payer_amount,omitempty"`
	PayerCurrency string `json:"payer_currency,omitempty"`
}

// combined is the whole as the wire shows it; unpaid makes it say so whatever
// the state. As in ordinary orders, what the payment brings is absent until
// then.
func (o *order) combined(unpaid bool) combinedTransaction {
	shown := combinedTransaction{AppID: o.params.AppID, MchID: o.params.MchID, OutTradeNo: o.params.OutTradeNo}
	for _, sub := range o.subs {
		state := sub.state
		if unpaid {
			state = stateNotPay
		}
		shown.SubOrders = append(shown.SubOrders, sub.share(state))
	}
	if o.captured() && !unpaid {
		shown.Payer = &payer{o.subs[0].openID()}
		if o.params.SceneInfo.DeviceID != "" {
			shown.SceneInfo = &sceneDevice{o.params.SceneInfo.DeviceID}
		}
	}
	return shown
}

// share is a sub order in the given state.
func (o *order) share(state string) subTransaction {
	total := o.params.Amount.Total
	shown := subTransaction{MchID: o.params.MchID, TradeState: state, OutTradeNo: o.params.OutTradeNo,
		Amount: subAmount{TotalAmount: total, Currency: "CNY"}}
	if state != stateSuccess && state != stateRefund {
		return shown
	}
	shown.TradeType, shown.BankType, shown.Attach = o.scene.tradeType(), "OTHERS", &o.params.Attach
	shown.SuccessTime, shown.TransactionID = wireTime(o.shown(o.paid.CapturedAt)), string(o.paid.ProviderReference)
	payer := o.payerTotal()
	shown.Amount.PayerAmount, shown.Amount.PayerCurrency = &payer, "CNY"
	return shown
}

// aboutCombined is the part of a delivery's record that names the whole.
func aboutCombined(whole *order) journal.Entry {
	return journal.Entry{Method: whole.scene.method(), MerchantReference: whole.key.Reference,
		Amount: payment.Fen(whole.params.Amount.Total)}
}
