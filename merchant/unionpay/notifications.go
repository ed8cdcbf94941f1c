package unionpay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// form reads a notification: percent-encoded, unlike an answer (section 4).
func form(body []byte) (fields, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	read := fields{}
	for name, given := range values {
		if len(given) != 1 {
			return nil, fmt.Errorf("read form: %.64q stands there %d times", name, len(given))
		}
		read[name] = given[0]
	}
	return read, nil
}

// Verify implements merchant.Notifications.
func (c *Client) Verify(_ context.Context, _ http.Header, body []byte) error {
	read, err := form(body)
	if err != nil {
		return err
	}
	return c.verify(read)
}

// errNotOurs is a message about another account: valid, and none of our business.
var errNotOurs = errors.New("not for this merchant")

// Read implements merchant.Notifications. Nothing that is told here is booked
// before a query confirms it, as the documents demand (section 9).
func (c *Client) Read(body []byte) (merchant.Notice, error) {
	told, err := form(body)
	if err != nil {
		return merchant.Notice{}, err
	}
	if told["merId"] != c.config.MerchantID {
		return merchant.Notice{}, fmt.Errorf("merId %.32q: %w", told["merId"], errNotOurs)
	}
	switch told["txnType"] {
	case "01":
		return merchant.Notice{Trades: []merchant.Trade{{Reference: payment.MerchantReference(told["orderId"]),
			Standing: merchant.Deciding, Unconfirmed: true}}}, nil
	case "04":
		return merchant.Notice{Refund: &merchant.RefundReport{Payment: payment.MerchantReference(told["origOrderId"]),
			Refund: payment.RefundReference(told["orderId"]), Unconfirmed: true}}, nil
	default:
		return merchant.Notice{}, fmt.Errorf("txnType %.8q is not known", told["txnType"])
	}
}

// Reply implements merchant.Notifications: the status is all that counts
// (section 9).
func (c *Client) Reply(refusal error) merchant.Reply {
	reply := merchant.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte("ok")}
	if refusal != nil {
		reply.Status, reply.Body = http.StatusInternalServerError, []byte("failure")
	}
	return reply
}
