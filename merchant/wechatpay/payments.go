package wechatpay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// transactions is the path under which payments are (section 3).
const transactions = "/v3/pay/transactions/"

// amount is money on the wire: an integer of fen (section 1).
type amount struct {
	Total    *int64           `json:"total"`
	Currency payment.Currency `json:"currency"`
}

func wireAmount(m payment.Money) amount { return amount{Total: &m.Minor, Currency: m.Currency} }

// prepay is the body of a start (sections 3.1 and 3.6).
type prepay struct {
	AppID       string     `json:"appid"`
	MerchantID  string     `json:"mchid"`
	Description string     `json:"description"`
	OutTradeNo  string     `json:"out_trade_no"`
	TimeExpire  string     `json:"time_expire,omitempty"`
	NotifyURL   string     `json:"notify_url,omitempty"`
	Amount      amount     `json:"amount"`
	Payer       *payer     `json:"payer,omitempty"`
	SceneInfo   *sceneInfo `json:"scene_info,omitempty"`
}

type payer struct {
	OpenID   string `json:"openid,omitempty"`
	AuthCode string `json:"auth_code,omitempty"`
}

type sceneInfo struct {
	PayerClientIP string     `json:"payer_client_ip,omitempty"`
	StoreInfo     *storeInfo `json:"store_info,omitempty"`
	H5Info        *h5Info    `json:"h5_info,omitempty"`
}

type storeInfo struct {
	ID string `json:"id"`
}

type h5Info struct {
	Type string `json:"type"`
}

// beijing is the zone of the provider's times (section 1).
func beijing(at time.Time) string {
	return at.In(time.FixedZone("", 8*60*60)).Format(time.RFC3339)
}

// expiry is when an order can no longer be paid: the provider knows none
// sooner than a minute after it was made (section 3.1).
func (c *Client) expiry(intent merchant.StartIntent) time.Time {
	if least := c.clock.Now().Add(time.Minute); intent.ExpiresAt.Before(least) {
		return least
	}
	return intent.ExpiresAt
}

// errMethod is a method WeChat Pay does not have, or an intent without what
// the method needs.
var errMethod = errors.New("cannot start")

// PrepareStart implements merchant.Payments.
func (c *Client) PrepareStart(intent merchant.StartIntent) (merchant.Request, error) {
	if len(intent.Parts) > 0 {
		return c.prepareCombined(intent)
	}
	body := prepay{
		AppID: c.config.AppID, MerchantID: c.config.MerchantID, Description: intent.Description,
		OutTradeNo: string(intent.Reference), NotifyURL: c.notifyURL,
		TimeExpire: beijing(c.expiry(intent)), Amount: wireAmount(intent.Amount),
	}
	path := transactions
	switch intent.Method {
	case payment.MethodCode:
		path += "native"
	case payment.MethodApp:
		path += "app"
	case payment.MethodInApp:
		path += "jsapi"
		body.Payer = &payer{OpenID: intent.ShopperID}
		if intent.ShopperID == "" {
			return merchant.Request{}, fmt.Errorf("%w an in-app payment without openid: %w", errMethod, merchant.ErrInvalid)
		}
	case payment.MethodWeb:
		path += "h5"
		body.SceneInfo = &sceneInfo{PayerClientIP: intent.ShopperAddress, H5Info: &h5Info{Type: "Wap"}}
	case payment.MethodBarcode:
		path += "codepay"
		// A barcode payment is answered at once: it has no expiry and no notification.
		body.NotifyURL, body.TimeExpire = "", ""
		body.Payer = &payer{AuthCode: intent.AuthCode}
		body.SceneInfo = &sceneInfo{StoreInfo: &storeInfo{ID: c.config.StoreID}}
		if intent.AuthCode == "" {
			return merchant.Request{}, fmt.Errorf("%w a barcode payment without auth_code: %w", errMethod, merchant.ErrInvalid)
		}
	default:
		return merchant.Request{}, fmt.Errorf("%w a payment by %q: %w", errMethod, intent.Method, merchant.ErrInvalid)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return merchant.Request{}, fmt.Errorf("write start: %w", err)
	}
	return merchant.Request{Path: path, Body: string(text)}, nil
}

// invitation is the answer to a start, by method one of three.
type invitation struct {
	CodeURL  string `json:"code_url"`
	PrepayID string `json:"prepay_id"`
	H5URL    string `json:"h5_url"`
}

// Start implements merchant.Payments.
func (c *Client) Start(ctx context.Context, asked merchant.Asked, request merchant.Request) merchant.StartAnswer {
	r, err := c.call(ctx, http.MethodPost, request.Path, request.Body)
	if err != nil {
		return merchant.StartAnswer{Result: unanswered(err)}
	}
	if asked.Method == payment.MethodBarcode {
		return c.barcodeAnswer(asked, r)
	}
	result := r.result(http.StatusOK)
	if result.Outcome != merchant.OK {
		return merchant.StartAnswer{Result: r.believeOnly(result)}
	}
	invited, err := c.invite(asked.Method, r.body)
	if err != nil {
		return merchant.StartAnswer{Result: unanswered(err)}
	}
	return merchant.StartAnswer{Result: result, Invitation: invited}
}

// barcodeAnswer reads the answer of the pay-type call, which may be a
// transaction or, in either of two ways, that the shopper is typing a password.
func (c *Client) barcodeAnswer(asked merchant.Asked, r reply) merchant.StartAnswer {
	if userPaying(r) && r.proven == nil {
		waiting := merchant.Trade{Reference: asked.Reference, Standing: merchant.Deciding}
		return merchant.StartAnswer{Result: merchant.Result{Outcome: merchant.OK}, Trade: waiting}
	}
	answer := c.tradeAnswer(r)
	if answer.Outcome == merchant.OK && answer.Trade.Reference != asked.Reference {
		answer.Result = unanswered(fmt.Errorf("asked about %s, answered about %.64q", asked.Reference, answer.Trade.Reference))
	}
	return merchant.StartAnswer{Result: r.believeOnly(answer.Result), Trade: answer.Trade}
}

// invite makes what the shopper's device needs of an answer; the front-end
// parameters are signed here, with the merchant's key (section 2.7).
func (c *Client) invite(method payment.Method, body []byte) (merchant.Invitation, error) {
	var wire invitation
	if err := decode(body, &wire); err != nil {
		return merchant.Invitation{}, err
	}
	invited := merchant.Invitation{Code: wire.PrepayID}
	at := stamp{timestamp: strconv.FormatInt(c.clock.Now().Unix(), 10), nonce: nonce()}
	var err error
	switch method {
	case payment.MethodCode:
		invited.Code = wire.CodeURL
	case payment.MethodWeb:
		invited.Code = wire.H5URL
	case payment.MethodInApp:
		invited.PayParameters, err = c.signer.inAppParameters(c.config.AppID, wire.PrepayID, at)
	case payment.MethodApp:
		invited.PayParameters, err = c.signer.appParameters(c.config.AppID, wire.PrepayID, at)
	}
	if invited.Code == "" {
		return merchant.Invitation{}, fmt.Errorf("answer invites nobody: %.200s", body)
	}
	return invited, err
}

// byReference is the path of one payment.
func byReference(reference payment.MerchantReference) string {
	return transactions + "out-trade-no/" + url.PathEscape(string(reference))
}

// Query implements merchant.Payments.
func (c *Client) Query(ctx context.Context, asked merchant.Asked) merchant.TradeAnswer {
	if isCombined(asked.Request) {
		return c.queryPart(ctx, asked)
	}
	path := byReference(asked.Reference) + "?mchid=" + url.QueryEscape(c.config.MerchantID)
	r, err := c.call(ctx, http.MethodGet, path, "")
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	return c.tradeAnswer(r)
}

// Close implements merchant.Payments. Only a 204 says closed (section 3.3).
func (c *Client) Close(ctx context.Context, asked merchant.Asked) merchant.Result {
	if isCombined(asked.Request) {
		return c.closeWhole(ctx, asked)
	}
	return c.end(ctx, asked, "/close", map[string]string{"mchid": c.config.MerchantID}, http.StatusNoContent)
}

// Reverse implements merchant.Payments (section 3.6).
func (c *Client) Reverse(ctx context.Context, asked merchant.Asked) merchant.Result {
	body := map[string]string{"appid": c.config.AppID, "mchid": c.config.MerchantID}
	return c.end(ctx, asked, "/reverse", body, http.StatusOK)
}

func (c *Client) end(ctx context.Context, asked merchant.Asked, verb string, body map[string]string, wanted int) merchant.Result {
	text, err := json.Marshal(body)
	if err != nil {
		return unanswered(err)
	}
	r, err := c.call(ctx, http.MethodPost, byReference(asked.Reference)+verb, string(text))
	if err != nil {
		return unanswered(err)
	}
	return r.result(wanted)
}

// tradeAnswer reads a transaction that answers a question about one payment.
// One about another merchant's is no answer.
func (c *Client) tradeAnswer(r reply) merchant.TradeAnswer {
	result := r.result(http.StatusOK)
	if result.Outcome != merchant.OK {
		return merchant.TradeAnswer{Result: result}
	}
	trade, err := c.readTrade(r.body)
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	return merchant.TradeAnswer{Result: result, Trade: trade}
}
