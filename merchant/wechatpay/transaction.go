package wechatpay

import (
	"errors"
	"fmt"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// transaction is the provider's view of one payment (section 3.2). Amount is
// what we asked for; what the shopper paid after coupons (payer_total) is not
// read, because it is not our price.
type transaction struct {
	AppID         string `json:"appid"`
	MerchantID    string `json:"mchid"`
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	TradeState    string `json:"trade_state"`
	SuccessTime   string `json:"success_time"`
	Amount        amount `json:"amount"`
}

// errNotOurs is a message about another account: valid, and none of our business.
var errNotOurs = errors.New("not for this merchant and app")

// readTrade reads a transaction and checks that it is this account's. A paid
// one must say who, how much and when.
func (c *Client) readTrade(body []byte) (merchant.Trade, error) {
	var t transaction
	if err := decode(body, &t); err != nil {
		return merchant.Trade{}, err
	}
	return c.readTransaction(t)
}

func (c *Client) readTransaction(t transaction) (merchant.Trade, error) {
	if t.MerchantID != c.config.MerchantID || t.AppID != c.config.AppID {
		return merchant.Trade{}, fmt.Errorf("mchid %.32q, appid %.32q: %w", t.MerchantID, t.AppID, errNotOurs)
	}
	standing, err := standingOf(t.TradeState)
	if err != nil {
		return merchant.Trade{}, err
	}
	trade := merchant.Trade{
		Reference: payment.MerchantReference(t.OutTradeNo), ProviderReference: payment.ProviderReference(t.TransactionID),
		Standing: standing,
	}
	if t.Amount.Total != nil {
		trade.Amount = payment.Money{Minor: *t.Amount.Total, Currency: t.Amount.Currency}
	}
	if t.SuccessTime != "" {
		if trade.PaidAt, err = readMoment(t.SuccessTime); err != nil {
			return merchant.Trade{}, err
		}
	}
	if standing == merchant.Paid && (t.TransactionID == "" || t.Amount.Total == nil || *t.Amount.Total < 1 || t.Amount.Currency == "") {
		return merchant.Trade{}, fmt.Errorf("paid transaction %.64q lacks its id or amount", t.OutTradeNo)
	}
	return trade, nil
}

// standingOf translates trade_state (section 4.1). REFUND means it was paid
// and something of it, maybe a part, is going back. PAYERROR is not the end:
// nobody but us will end it.
func standingOf(tradeState string) (merchant.Standing, error) {
	switch tradeState {
	case "SUCCESS", "REFUND":
		return merchant.Paid, nil
	case "NOTPAY", "PAYERROR":
		return merchant.Unpaid, nil
	case "USERPAYING", "ACCEPT":
		return merchant.Deciding, nil
	case "CLOSED", "REVOKED":
		return merchant.Ended, nil
	default:
		return "", fmt.Errorf("trade_state %.32q is not known", tradeState)
	}
}
