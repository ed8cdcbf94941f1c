package wechatpay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// combined is the path under which combined payments are (section 3.9). A
// payment whose request has it is a part of one.
const combined = "/v3/combine-transactions/"

func isCombined(request merchant.Request) bool { return strings.HasPrefix(request.Path, combined) }

// subAmount is money in a combined payment: its words differ from those of an
// ordinary one.
type subAmount struct {
	TotalAmount *int64           `json:"total_amount"`
	Currency    payment.Currency `json:"currency"`
}

// subOrder is a part as the start names it.
type subOrder struct {
	MerchantID  string     `json:"mchid"`
	Attach      string     `json:"attach,omitempty"`
	Amount      *subAmount `json:"amount,omitempty"`
	OutTradeNo  string     `json:"out_trade_no"`
	Description string     `json:"description,omitempty"`
}

// combinedPrepay is the body of a start, and of a close, which lists the same
// parts with less of each.
type combinedPrepay struct {
	AppID      string     `json:"combine_appid"`
	MerchantID string     `json:"combine_mchid,omitempty"`
	OutTradeNo string     `json:"combine_out_trade_no,omitempty"`
	SubOrders  []subOrder `json:"sub_orders"`
	NotifyURL  string     `json:"notify_url,omitempty"`
	PayerInfo  *payer     `json:"combine_payer_info,omitempty"`
	SceneInfo  *sceneInfo `json:"scene_info,omitempty"`
	TimeExpire string     `json:"time_expire,omitempty"`
}

// prepareCombined writes the start of a combined payment.
func (c *Client) prepareCombined(intent merchant.StartIntent) (merchant.Request, error) {
	body := combinedPrepay{AppID: c.config.AppID, MerchantID: c.config.MerchantID, OutTradeNo: string(intent.Reference),
		NotifyURL: c.notifyURL, TimeExpire: beijing(c.expiry(intent))}
	for _, part := range intent.Parts {
		body.SubOrders = append(body.SubOrders, subOrder{MerchantID: c.config.MerchantID, Attach: "basket",
			Amount: &subAmount{&part.Amount.Minor, part.Amount.Currency}, OutTradeNo: string(part.Reference), Description: part.Description})
	}
	var scene string
	switch intent.Method {
	case payment.MethodCode:
		scene = "native"
	case payment.MethodApp:
		scene = "app"
	case payment.MethodInApp:
		scene, body.PayerInfo = "jsapi", &payer{OpenID: intent.ShopperID}
		if intent.ShopperID == "" {
			return merchant.Request{}, fmt.Errorf("%w a combined in-app payment without openid: %w", errMethod, merchant.ErrInvalid)
		}
	case payment.MethodWeb:
		scene, body.SceneInfo = "h5", &sceneInfo{PayerClientIP: intent.ShopperAddress, H5Info: &h5Info{Type: "Wap"}}
	default:
		return merchant.Request{}, fmt.Errorf("%w a combined payment by %q: %w", errMethod, intent.Method, merchant.ErrInvalid)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return merchant.Request{}, fmt.Errorf("write combined start: %w", err)
	}
	return merchant.Request{Path: combined + scene, Body: string(text)}, nil
}

// wholeOf is the start that a part came from.
func wholeOf(request merchant.Request) (combinedPrepay, error) {
	var whole combinedPrepay
	err := decode([]byte(request.Body), &whole)
	return whole, err
}

func byCombined(number string) string { return combined + "out-trade-no/" + url.PathEscape(number) }

// queryPart asks for the whole and reads the part: the ordinary query does not
// know it (section 3.9).
func (c *Client) queryPart(ctx context.Context, asked merchant.Asked) merchant.TradeAnswer {
	whole, err := wholeOf(asked.Request)
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	r, err := c.call(ctx, http.MethodGet, byCombined(whole.OutTradeNo), "")
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	result := r.result(http.StatusOK)
	if result.Outcome != merchant.OK {
		return merchant.TradeAnswer{Result: result}
	}
	trades, err := c.readParts(r.body, whole.OutTradeNo)
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	for _, trade := range trades {
		if trade.Reference == asked.Reference {
			return merchant.TradeAnswer{Result: result, Trade: trade}
		}
	}
	return merchant.TradeAnswer{Result: unanswered(fmt.Errorf("asked about part %s, which the answer does not have", asked.Reference))}
}

// closeWhole closes the payment with all its parts; it cannot be closed in part.
func (c *Client) closeWhole(ctx context.Context, asked merchant.Asked) merchant.Result {
	whole, err := wholeOf(asked.Request)
	if err != nil {
		return unanswered(err)
	}
	body := combinedPrepay{AppID: c.config.AppID}
	for _, part := range whole.SubOrders {
		body.SubOrders = append(body.SubOrders, subOrder{MerchantID: part.MerchantID, OutTradeNo: part.OutTradeNo})
	}
	text, err := json.Marshal(body)
	if err != nil {
		return unanswered(err)
	}
	r, err := c.call(ctx, http.MethodPost, byCombined(whole.OutTradeNo)+"/close", string(text))
	if err != nil {
		return unanswered(err)
	}
	return r.result(http.StatusNoContent)
}

// subTransaction is a part as the provider sees it.
type subTransaction struct {
	MerchantID    string    `json:"mchid"`
	OutTradeNo    string    `json:"out_trade_no"`
	TransactionID string    `json:"transaction_id"`
	TradeState    string    `json:"trade_state"`
	SuccessTime   string    `json:"success_time"`
	Amount        subAmount `json:"amount"`
}

// combinedTransaction is the provider's view of the whole.
type combinedTransaction struct {
	AppID      string           `json:"combine_appid"`
	MerchantID string           `json:"combine_mchid"`
	OutTradeNo string           `json:"combine_out_trade_no"`
	SubOrders  []subTransaction `json:"sub_orders"`
}

// hasParts reports whether a message is of a combined payment.
func hasParts(body []byte) bool {
	var whole struct {
		SubOrders json.RawMessage `json:"sub_orders"`
	}
	return json.Unmarshal(body, &whole) == nil && whole.SubOrders != nil
}

// readParts reads what is said of a combined payment, each part as an ordinary
// one. Number is the whole's, or empty when nobody asked.
func (c *Client) readParts(body []byte, number string) ([]merchant.Trade, error) {
	var whole combinedTransaction
	if err := decode(body, &whole); err != nil {
		return nil, err
	}
	if whole.MerchantID != c.config.MerchantID || whole.AppID != c.config.AppID {
		return nil, fmt.Errorf("combine_mchid %.32q, combine_appid %.32q: %w", whole.MerchantID, whole.AppID, errNotOurs)
	}
	if number != "" && whole.OutTradeNo != number {
		return nil, fmt.Errorf("asked about %s, answered about %.64q", number, whole.OutTradeNo)
	}
	var trades []merchant.Trade
	for _, sub := range whole.SubOrders {
		trade, err := c.readTransaction(transaction{AppID: whole.AppID, MerchantID: sub.MerchantID, OutTradeNo: sub.OutTradeNo, TransactionID: sub.TransactionID,
			TradeState: sub.TradeState, SuccessTime: sub.SuccessTime, Amount: amount{Total: sub.Amount.TotalAmount, Currency: sub.Amount.Currency}})
		if err != nil {
			return nil, err
		}
		trades = append(trades, trade)
	}
	if len(trades) == 0 {
		return nil, fmt.Errorf("combined payment %.64q has no parts", whole.OutTradeNo)
	}
	return trades, nil
}

// readMoment reads a time, which may have milliseconds in a combined payment
// (section 1).
func readMoment(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("read success_time: %w", err)
	}
	return at, nil
}
