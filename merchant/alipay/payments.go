package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// The methods (section 4).
const (
	methodPrecreate   = "alipay.trade.precreate"
	methodCreate      = "alipay.trade.create"
	methodPay         = "alipay.trade.pay"
	methodWap         = "alipay.trade.wap.pay"
	methodApp         = "alipay.trade.app.pay"
	methodQuery       = "alipay.trade.query"
	methodClose       = "alipay.trade.close"
	methodCancel      = "alipay.trade.cancel"
	methodRefund      = "alipay.trade.refund"
	methodRefundQuery = "alipay.trade.fastpay.refund.query"
)

// order is the business content of a start.
type order struct {
	OutTradeNo  string `json:"out_trade_no"`
	TotalAmount string `json:"total_amount"`
	Subject     string `json:"subject"`
	ProductCode string `json:"product_code,omitempty"`
	Scene       string `json:"scene,omitempty"`
	AuthCode    string `json:"auth_code,omitempty"`
	BuyerOpenID string `json:"buyer_open_id,omitempty"`
	OpAppID     string `json:"op_app_id,omitempty"`
	TimeExpire  string `json:"time_expire,omitempty"`
}

// errMethod is a method Alipay does not have, or an intent without what the
// method needs.
var errMethod = errors.New("cannot start")

// PrepareStart implements merchant.Payments. The request's path is the API's
// method, its body the business content.
func (c *Client) PrepareStart(intent merchant.StartIntent) (merchant.Request, error) {
	if intent.Amount.Currency != payment.CNY || len(intent.Parts) > 0 {
		return merchant.Request{}, fmt.Errorf("%w a payment of %s in %d parts: %w", errMethod, intent.Amount, len(intent.Parts), merchant.ErrInvalid)
	}
	content := order{OutTradeNo: string(intent.Reference), TotalAmount: intent.Amount.Decimal(), Subject: subject(intent.Description),
		TimeExpire: wireTime(wholeSecond(intent.ExpiresAt.Add(closingTime)))}
	method := methodPrecreate
	switch intent.Method {
	case payment.MethodCode:
	case payment.MethodInApp:
		method, content.ProductCode, content.OpAppID, content.BuyerOpenID = methodCreate, "JSAPI_PAY", c.config.AppID, intent.ShopperID
		if intent.ShopperID == "" {
			return merchant.Request{}, fmt.Errorf("%w an in-app payment without the buyer's id: %w", errMethod, merchant.ErrInvalid)
		}
	case payment.MethodApp:
		method, content.ProductCode = methodApp, "QUICK_MSECURITY_PAY"
	case payment.MethodWeb:
		method, content.ProductCode = methodWap, "QUICK_WAP_WAY"
	case payment.MethodBarcode:
		// The code is charged when it is scanned; cancel ends what stays open.
		method, content.Scene, content.AuthCode, content.TimeExpire = methodPay, "bar_code", intent.AuthCode, ""
		if intent.AuthCode == "" {
			return merchant.Request{}, fmt.Errorf("%w a barcode payment without auth_code: %w", errMethod, merchant.ErrInvalid)
		}
	default:
		return merchant.Request{}, fmt.Errorf("%w a payment by %q: %w", errMethod, intent.Method, merchant.ErrInvalid)
	}
	text, err := json.Marshal(content)
	if err != nil {
		return merchant.Request{}, fmt.Errorf("write start: %w", err)
	}
	return merchant.Request{Path: method, Body: string(text)}, nil
}

// subject is a description without the characters that the provider refuses in
// one (section 1).
func subject(description string) string {
	return strings.NewReplacer("/", " ", "=", " ", "&", " ").Replace(description)
}

// closingTime is how much longer a payment stays payable than we wait for it, so
// that our own close, which is answered, ends a trade before its expiry does.
const closingTime = time.Second

// wholeSecond is a time as the provider's clock face can show it, not earlier.
func wholeSecond(at time.Time) time.Time { return at.Add(time.Second - 1).Truncate(time.Second) }

// Start implements merchant.Payments. Payments on the web and from an app are
// begun by the shopper's own device, with what is signed here: the provider
// hears of them only then.
func (c *Client) Start(ctx context.Context, asked merchant.Asked, request merchant.Request) merchant.StartAnswer {
	if request.Path == methodWap || request.Path == methodApp {
		return c.invite(request)
	}
	n, err := c.call(ctx, request.Path, request.Body)
	if err != nil {
		return merchant.StartAnswer{Result: unanswered(err)}
	}
	result := n.result(asked.Reference)
	if n.proven == nil && n.Code == inProcess && asked.Method == payment.MethodBarcode {
		result = merchant.Result{Outcome: merchant.OK}
	}
	if result.Outcome != merchant.OK {
		return merchant.StartAnswer{Result: result}
	}
	var said struct {
		trade
		QRCode string `json:"qr_code"`
	}
	if err := n.fill(&said); err != nil {
		return merchant.StartAnswer{Result: unanswered(err)}
	}
	if said.OutTradeNo != string(asked.Reference) {
		return merchant.StartAnswer{Result: otherReference(asked.Reference, said.OutTradeNo)}
	}
	if asked.Method == payment.MethodBarcode {
		// Even a success may be rolled back: a query has the last word (section 5).
		return merchant.StartAnswer{Result: result, Trade: merchant.Trade{Reference: asked.Reference,
			Standing: merchant.Deciding, Unconfirmed: n.Code == "10000"}}
	}
	invitation := merchant.Invitation{Code: said.QRCode}
	if request.Path == methodCreate {
		invitation.Code = said.TradeNo
	}
	if invitation.Code == "" {
		return merchant.StartAnswer{Result: unanswered(fmt.Errorf("answer invites nobody: %.200s", n.raw))}
	}
	return merchant.StartAnswer{Result: result, Invitation: invitation}
}

func (c *Client) invite(request merchant.Request) merchant.StartAnswer {
	values, err := c.parameters(request.Path, request.Body)
	if err != nil {
		return merchant.StartAnswer{Result: unanswered(err)}
	}
	code := values.Encode()
	if request.Path == methodWap {
		code = c.config.GatewayURL + "?" + code
	}
	return merchant.StartAnswer{Result: merchant.Result{Outcome: merchant.OK}, Invitation: merchant.Invitation{Code: code}}
}

// otherReference is an answer about another payment: what became of the asked
// one is not known.
func otherReference(asked payment.MerchantReference, named string) merchant.Result {
	return merchant.Result{Detail: fmt.Sprintf("asked about %s, answered about %.64q", asked, named)}
}

// trade is the provider's view of one payment (section 4).
type trade struct {
	OutTradeNo  string `json:"out_trade_no"`
	TradeNo     string `json:"trade_no"`
	TradeStatus string `json:"trade_status"`
	TotalAmount string `json:"total_amount"`
	// TransCurrency is named only if it is not renminbi.
	TransCurrency string `json:"trans_currency"`
	SendPayDate   string `json:"send_pay_date"`
}

// Query implements merchant.Payments.
func (c *Client) Query(ctx context.Context, asked merchant.Asked) merchant.TradeAnswer {
	n, err := c.call(ctx, methodQuery, named(asked.Reference))
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	result := n.result(asked.Reference)
	if result.Class == merchant.NotFound && asked.Method != payment.MethodBarcode {
		return c.notBegun(asked, result)
	}
	if result.Outcome != merchant.OK {
		return merchant.TradeAnswer{Result: result}
	}
	var said trade
	if err := n.fill(&said); err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	read, err := said.read(asked.Method, said.SendPayDate)
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	return merchant.TradeAnswer{Result: result, Trade: read}
}

// expiryMargin is how long after its last moment a payment may still be on its
// way into the provider's book.
const expiryMargin = time.Second

// notBegun reads that no trade exists. The shopper makes it, by scanning or
// opening what was shown; until the code has expired that may still come, and
// from then on it cannot (sections 6 and 15, rule 4).
func (c *Client) notBegun(asked merchant.Asked, result merchant.Result) merchant.TradeAnswer {
	var begun order
	if err := json.Unmarshal([]byte(asked.Request.Body), &begun); err != nil {
		return merchant.TradeAnswer{Result: result}
	}
	expires, err := readTime(begun.TimeExpire)
	if err != nil {
		return merchant.TradeAnswer{Result: result}
	}
	standing := merchant.Unpaid
	if c.clock.Now().After(expires.Add(expiryMargin)) {
		standing = merchant.Ended
	}
	return merchant.TradeAnswer{Result: merchant.Result{Outcome: merchant.OK},
		Trade: merchant.Trade{Reference: asked.Reference, Standing: standing}}
}

// read translates a trade; paidAt is when it was paid, as the wire has it. A
// paid one must say who and how much.
func (t trade) read(method payment.Method, paidAt string) (merchant.Trade, error) {
	made := merchant.Trade{Reference: payment.MerchantReference(t.OutTradeNo), ProviderReference: payment.ProviderReference(t.TradeNo)}
	switch t.TradeStatus {
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		made.Standing = merchant.Paid
	case "TRADE_CLOSED": // unpaid, or paid and all of it returned
		made.Standing = merchant.Ended
	case "WAIT_BUYER_PAY":
		made.Standing = merchant.Unpaid
		if method == payment.MethodBarcode {
			made.Standing = merchant.Deciding
		}
	default:
		return merchant.Trade{}, fmt.Errorf("trade_status %.32q is not known", t.TradeStatus)
	}
	if t.TotalAmount != "" {
		amount, err := yuan(t.TotalAmount, t.TransCurrency)
		if err != nil {
			return merchant.Trade{}, err
		}
		made.Amount = amount
	}
	if paidAt != "" {
		at, err := readTime(paidAt)
		if err != nil {
			return merchant.Trade{}, err
		}
		made.PaidAt = at
	}
	if made.Standing == merchant.Paid && (t.TradeNo == "" || made.Amount.Minor < 1) {
		return merchant.Trade{}, fmt.Errorf("paid trade %.64q lacks its number or amount", t.OutTradeNo)
	}
	return made, nil
}

// yuan reads an amount on the wire: yuan with at most two decimals.
func yuan(text, currency string) (payment.Money, error) {
	if currency == "" {
		currency = string(payment.CNY)
	}
	amount, err := payment.ParseDecimal(text, payment.Currency(currency))
	if err != nil {
		return payment.Money{}, fmt.Errorf("read amount: %w", err)
	}
	return amount, nil
}

// named is the business content that names a payment.
func named(reference payment.MerchantReference) string {
	return `{"out_trade_no":"` + string(reference) + `"}` // references are letters and digits
}

// Close implements merchant.Payments.
func (c *Client) Close(ctx context.Context, asked merchant.Asked) merchant.Result {
	n, err := c.call(ctx, methodClose, named(asked.Reference))
	if err != nil {
		return unanswered(err)
	}
	result := n.result(asked.Reference)
	if result.Outcome == merchant.OK && n.OutTradeNo != string(asked.Reference) {
		return otherReference(asked.Reference, n.OutTradeNo)
	}
	return result
}

// Reverse implements merchant.Payments. An answer without an action proves
// nothing: the provider knew of no trade, and one may still be on its way
// (sections 6 and 15). One that asks for a repetition did not do it.
func (c *Client) Reverse(ctx context.Context, asked merchant.Asked) merchant.Result {
	n, err := c.call(ctx, methodCancel, named(asked.Reference))
	if err != nil {
		return unanswered(err)
	}
	result := n.result(asked.Reference)
	if result.Outcome != merchant.OK {
		return result
	}
	var said struct {
		RetryFlag string `json:"retry_flag"`
		Action    string `json:"action"`
	}
	switch err := n.fill(&said); {
	case err != nil:
		return unanswered(err)
	case n.OutTradeNo != string(asked.Reference):
		return otherReference(asked.Reference, n.OutTradeNo)
	case said.RetryFlag != "N":
		return merchant.Result{Detail: "the provider asks to cancel again"}
	case said.Action == "":
		return merchant.Result{Outcome: merchant.Failed, Class: merchant.NotFound, Detail: "no trade was cancelled"}
	default:
		return result
	}
}
