package alipay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// form reads a notification. A name that stands there twice is refused: which
// of the two was signed would be a guess.
func form(body []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	read := make(map[string]string, len(values))
	for name, given := range values {
		if len(given) != 1 {
			return nil, fmt.Errorf("read form: %.64q stands there %d times", name, len(given))
		}
		read[name] = given[0]
	}
	return read, nil
}

// Verify implements merchant.Notifications: the signature is over all fields
// but itself and its type (section 7). There is no timestamp to check; that a
// delivery is old does not make it untrue.
func (c *Client) Verify(_ context.Context, _ http.Header, body []byte) error {
	fields, err := form(body)
	if err != nil {
		return err
	}
	signature := fields["sign"]
	delete(fields, "sign")
	delete(fields, "sign_type")
	return c.verify(stringToSign(fields), signature)
}

// errNotOurs is a message about another account: valid, and none of our business.
var errNotOurs = errors.New("not for this app and seller")

// Read implements merchant.Notifications. A notification of a refund must never
// credit an order, whatever its trade_status says (section 7); and since what
// it calls refund_fee is the sum of all refunds, a query tells how much moved.
func (c *Client) Read(body []byte) (merchant.Notice, error) {
	fields, err := form(body)
	if err != nil {
		return merchant.Notice{}, err
	}
	if fields["app_id"] != c.config.AppID || fields["seller_id"] != c.config.SellerID {
		return merchant.Notice{}, fmt.Errorf("app_id %.32q, seller_id %.32q: %w", fields["app_id"], fields["seller_id"], errNotOurs)
	}
	if ofRefund(fields) {
		return merchant.Notice{Refund: &merchant.RefundReport{Payment: payment.MerchantReference(fields["out_trade_no"]),
			Refund: payment.RefundReference(fields["out_biz_no"]), Unconfirmed: true}}, nil
	}
	told := trade{OutTradeNo: fields["out_trade_no"], TradeNo: fields["trade_no"], TradeStatus: fields["trade_status"],
		TotalAmount: fields["total_amount"], TransCurrency: fields["trans_currency"]}
	read, err := told.read("", fields["gmt_payment"])
	if err != nil {
		return merchant.Notice{}, err
	}
	return merchant.Notice{ID: fields["notify_id"], Trades: []merchant.Trade{read}}, nil
}

// ofRefund reports whether a notification is of a refund. It looks at the text
// that was signed, not at the fields: pairs are joined with "&", so whoever
// sends a genuine refund again can hide a pair in the value before it, and the
// signature verifies all the same.
func ofRefund(fields map[string]string) bool {
	signed := stringToSign(fields)
	return strings.Contains(signed, "&refund_fee=") || strings.Contains(signed, "&gmt_refund=")
}

// Reply implements merchant.Notifications. Nothing but the seven letters
// acknowledges (section 7).
func (c *Client) Reply(refusal error) merchant.Reply {
	reply := merchant.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte("success")}
	if refusal != nil {
		reply.Status, reply.Body = http.StatusInternalServerError, []byte("failure")
	}
	return reply
}
