package unionpay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// errMethod is a method UnionPay does not have, or an intent without what the
// method needs.
var errMethod = errors.New("cannot start")

// PrepareStart implements merchant.Payments.
func (c *Client) PrepareStart(intent merchant.StartIntent) (merchant.Request, error) {
	if intent.Amount.Currency != payment.CNY || len(intent.Parts) > 0 {
		return merchant.Request{}, fmt.Errorf("%w a payment of %s in %d parts: %w", errMethod, intent.Amount, len(intent.Parts), merchant.ErrInvalid)
	}
	subType, bizType, path := "01", "000201", appPath
	switch intent.Method {
	case payment.MethodCode:
		subType, bizType, path = "07", "000000", backPath
	case payment.MethodBarcode:
		subType, bizType, path = "06", "000000", backPath
		if intent.AuthCode == "" {
			return merchant.Request{}, fmt.Errorf("%w a barcode payment without the payer's code: %w", errMethod, merchant.ErrInvalid)
		}
	case payment.MethodWeb:
		path = frontPath
	case payment.MethodApp:
	default:
		return merchant.Request{}, fmt.Errorf("%w a payment by %q: %w", errMethod, intent.Method, merchant.ErrInvalid)
	}
	f := c.common("01", subType, bizType)
	f["orderId"], f["txnTime"] = string(intent.Reference), wireTime(c.clock.Now())
	f["txnAmt"], f["currencyCode"] = strconv.FormatInt(intent.Amount.Minor, 10), "156"
	f["backUrl"] = c.public + "/notify/" + string(Name)
	switch intent.Method {
	case payment.MethodBarcode:
		f["qrNo"], f["termId"] = intent.AuthCode, "01080209"
	case payment.MethodWeb:
		f["frontUrl"] = c.public + "/orders"
		fallthrough
	default:
		f["payTimeout"] = wireTime(wholeSecond(intent.ExpiresAt))
	}
	return merchant.Request{Path: path, Body: f.body()}, nil
}

// wholeSecond is a time as the provider's clock face can show it, not earlier.
func wholeSecond(at time.Time) time.Time { return at.Add(time.Second - 1).Truncate(time.Second) }

// Start implements merchant.Payments. The identical request again is refused
// as a duplicate (section 10): what became of the first one, a query tells.
func (c *Client) Start(ctx context.Context, asked merchant.Asked, request merchant.Request) merchant.StartAnswer {
	f, err := stored(request)
	if err != nil {
		return merchant.StartAnswer{Result: unanswered(err)}
	}
	if request.Path == frontPath {
		return c.cashier(ctx, f)
	}
	answer, err := c.call(ctx, request.Path, f)
	if err != nil {
		return merchant.StartAnswer{Result: unanswered(err)}
	}
	if answer["orderId"] != string(asked.Reference) {
		return merchant.StartAnswer{Result: otherReference(asked.Reference, answer)}
	}
	said := result(answer)
	if answer["respCode"] == codeDuplicate {
		said = merchant.Result{Outcome: merchant.Failed, Class: merchant.Conflict, Detail: "the number is in use: query it"}
	}
	if asked.Method == payment.MethodBarcode {
		return barcodeAnswer(asked, answer, said)
	}
	if said.Outcome != merchant.OK {
		return merchant.StartAnswer{Result: said}
	}
	code := answer["qrCode"] + answer["tn"]
	if code == "" {
		return merchant.StartAnswer{Result: unanswered(errors.New("answer invites nobody"))}
	}
	return merchant.StartAnswer{Result: said, Invitation: merchant.Invitation{Code: code}}
}

// barcodeAnswer: even success means only that the charge was accepted; money is
// booked after a query (sections 7 and 9).
func barcodeAnswer(asked merchant.Asked, answer fields, said merchant.Result) merchant.StartAnswer {
	if said.Outcome != merchant.OK && answer["respCode"] != "05" {
		return merchant.StartAnswer{Result: said}
	}
	return merchant.StartAnswer{Result: merchant.Result{Outcome: merchant.OK},
		Trade: merchant.Trade{Reference: asked.Reference, Standing: merchant.Deciding, Unconfirmed: true}}
}

// cashier asks for the page on which the shopper pays. Its address is not
// signed; it is no statement about money.
func (c *Client) cashier(ctx context.Context, f fields) merchant.StartAnswer {
	response, body, err := c.post(ctx, frontPath, f)
	if err != nil {
		return merchant.StartAnswer{Result: unanswered(err)}
	}
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusFound || location == "" {
		return merchant.StartAnswer{Result: unanswered(fmt.Errorf("no cashier but %s %.200s", response.Status, body))}
	}
	return merchant.StartAnswer{Result: merchant.Result{Outcome: merchant.OK}, Invitation: merchant.Invitation{Code: location}}
}

// otherReference is an answer about another transaction: what became of the
// asked one is not known.
func otherReference(asked payment.MerchantReference, answer fields) merchant.Result {
	return merchant.Result{Detail: fmt.Sprintf("asked about %s, answered about %.64q", asked, answer["orderId"])}
}

// query asks for a transaction by the number and the time that it was sent
// with: any other time finds another transaction, or none (section 16, defect 2).
// A refusal must be of this number as well: "no such transaction" about another
// one would end a payment that was made.
func (c *Client) query(ctx context.Context, request merchant.Request) (sent, answer fields, err error) {
	if sent, err = stored(request); err != nil {
		return nil, nil, err
	}
	f := c.common("00", "00", "000000")
	f["orderId"], f["txnTime"] = sent["orderId"], sent["txnTime"]
	answer, err = c.call(ctx, queryPath, f)
	if err != nil {
		return sent, nil, err
	}
	refused := result(answer).Outcome == merchant.Failed
	if answer["txnTime"] != sent["txnTime"] || (refused && answer["orderId"] != sent["orderId"]) {
		err = fmt.Errorf("asked about %s of %s, answered about %.64q of %.32q", sent["orderId"], sent["txnTime"], answer["orderId"], answer["txnTime"])
	}
	return sent, answer, err
}

// Query implements merchant.Payments. The answer's own code speaks of the
// query; only when that worked does the other one speak of the payment
// (section 8.1).
func (c *Client) Query(ctx context.Context, asked merchant.Asked) merchant.TradeAnswer {
	sent, answer, err := c.query(ctx, asked.Request)
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	said := result(answer)
	if said.Class == merchant.NotFound && asked.Method != payment.MethodBarcode {
		return merchant.TradeAnswer{Result: merchant.Result{Outcome: merchant.OK},
			Trade: merchant.Trade{Reference: asked.Reference, Standing: c.unmade(sent)}}
	}
	if said.Outcome != merchant.OK {
		return merchant.TradeAnswer{Result: said}
	}
	trade, err := c.trade(asked, sent, answer, answer["origRespCode"])
	if err != nil {
		return merchant.TradeAnswer{Result: unanswered(err)}
	}
	return merchant.TradeAnswer{Result: said, Trade: trade}
}

// expiryMargin is how long after its last moment a payment may still be on its
// way into the provider's book.
const expiryMargin = time.Second

// unmade is the standing of a payment of which there is nothing: until its time
// is over that may be intermediate, from then on it is final (sections 8.2 and
// 8.3).
func (c *Client) unmade(sent fields) merchant.Standing {
	until, err := time.ParseInLocation(timeLayout, sent["payTimeout"], beijing())
	if err == nil && c.clock.Now().After(until.Add(expiryMargin)) {
		return merchant.Ended
	}
	return merchant.Unpaid
}

// trade translates what an answer or a notification says under a code.
func (c *Client) trade(asked merchant.Asked, sent, answer fields, code string) (merchant.Trade, error) {
	if answer["txnType"] != "01" {
		return merchant.Trade{}, fmt.Errorf("transaction %.64q is no payment but of type %.8q", answer["orderId"], answer["txnType"])
	}
	trade := merchant.Trade{Reference: payment.MerchantReference(answer["orderId"]), ProviderReference: payment.ProviderReference(answer["queryId"])}
	found, _ := classOf(code)
	switch {
	case found == success:
		trade.Standing = merchant.Paid
	case found == refused && asked.Method == payment.MethodBarcode:
		trade.Standing = merchant.Ended
	case found == refused:
		trade.Standing = c.unmade(sent)
	default:
		trade.Standing = merchant.Deciding
	}
	if trade.Standing != merchant.Paid {
		return trade, nil
	}
	amount, err := fen(answer["txnAmt"], answer["currencyCode"])
	if err != nil {
		return merchant.Trade{}, err
	}
	trade.Amount, trade.PaidAt = amount, paidAt(answer)
	if trade.ProviderReference == "" || amount.Minor < 1 {
		return merchant.Trade{}, fmt.Errorf("paid order %.64q lacks its number or amount", answer["orderId"])
	}
	return trade, nil
}

// fen reads an amount on the wire, a whole number of minor units.
func fen(text, currency string) (payment.Money, error) {
	minor, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return payment.Money{}, fmt.Errorf("read amount: %w", err)
	}
	if currency != "156" {
		return payment.Money{Minor: minor, Currency: payment.Currency(currency)}, nil
	}
	return payment.Fen(minor), nil
}

// paidAt is when the gateway handled the payment. Its own field has no year: it
// is the order's, or the next one for an order of New Year's Eve.
func paidAt(answer fields) time.Time {
	ordered := answer["txnTime"]
	if len(ordered) != len(timeLayout) {
		return time.Time{}
	}
	at, err := time.ParseInLocation(timeLayout, ordered[:4]+answer["traceTime"], beijing())
	if err != nil {
		return time.Time{}
	}
	if ordered[4:6] == "12" && at.Month() == time.January {
		at = at.AddDate(1, 0, 0)
	}
	return at
}

// Close implements merchant.Payments: the provider has no such call. An unpaid
// order ends by its time (section 8.3).
func (c *Client) Close(context.Context, merchant.Asked) merchant.Result {
	return merchant.Result{Detail: "an order ends by its time alone"}
}

// Reverse implements merchant.Payments: the reversal of a transaction whose
// outcome is not known (section 12). It names the transaction's own number and
// time.
func (c *Client) Reverse(ctx context.Context, asked merchant.Asked) merchant.Result {
	sent, err := stored(asked.Request)
	if err != nil {
		return unanswered(err)
	}
	f := c.common("99", "01", "000000")
	f["orderId"], f["txnTime"] = sent["orderId"], sent["txnTime"]
	answer, err := c.call(ctx, backPath, f)
	if err != nil {
		return unanswered(err)
	}
	if answer["orderId"] != sent["orderId"] {
		return otherReference(asked.Reference, answer)
	}
	if answer["respCode"] == codeReversed {
		return merchant.Result{Outcome: merchant.OK} // by an earlier try, whatever a query that is behind may say
	}
	return result(answer)
}
