package wechatpay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/payquake/payquake/merchant"
)

// envelope is a notification before its resource is opened (section 5).
type envelope struct {
	ID           string `json:"id"`
	EventType    string `json:"event_type"`
	ResourceType string `json:"resource_type"`
	Resource     sealed `json:"resource"`
}

// open reads the envelope and decrypts what is in it.
func (c *Client) open(body []byte) (event string, plain []byte, err error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return "", nil, fmt.Errorf("read envelope: %w", err)
	}
	plain, err = e.Resource.open(c.config.APIv3Key)
	if err != nil {
		return "", nil, fmt.Errorf("open notification %.64q: %w", e.ID, err)
	}
	return e.EventType, plain, nil
}

// Read implements merchant.Notifications. Of payments only success is ever
// pushed; the trade_state inside must agree.
func (c *Client) Read(body []byte) (merchant.Notice, error) {
	event, plain, err := c.open(body)
	if err != nil {
		return merchant.Notice{}, err
	}
	switch {
	case strings.HasPrefix(event, "TRANSACTION.") && hasParts(plain):
		trades, err := c.readParts(plain, "")
		return merchant.Notice{ID: idOf(body), Trades: trades}, err
	case strings.HasPrefix(event, "TRANSACTION."):
		trade, err := c.readTrade(plain)
		return merchant.Notice{ID: idOf(body), Trades: []merchant.Trade{trade}}, err
	case strings.HasPrefix(event, "REFUND."):
		report, err := c.readRefund(plain)
		return merchant.Notice{Refund: &report}, err
	default:
		return merchant.Notice{}, fmt.Errorf("event_type %.64q is not known", event)
	}
}

// idOf is the notification's own id, outside of what is sealed.
func idOf(body []byte) string {
	var e struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return "" // it was read before
	}
	return e.ID
}

func (c *Client) readRefund(plain []byte) (merchant.RefundReport, error) {
	var wire refundWire
	if err := decode(plain, &wire); err != nil {
		return merchant.RefundReport{}, err
	}
	if wire.MerchantID != c.config.MerchantID {
		return merchant.RefundReport{}, fmt.Errorf("mchid %.32q: %w", wire.MerchantID, errNotOurs)
	}
	return wire.report(wire.RefundStatus)
}

// Reply implements merchant.Notifications. The status alone is what counts:
// 200 with FAIL in the body would not be delivered again (section 0, fact 8).
// The reason stays in our log.
func (c *Client) Reply(refusal error) merchant.Reply {
	reply := merchant.Reply{Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{"code":"SUCCESS","message":"OK"}`)}
	if refusal != nil {
		reply.Status, reply.Body = http.StatusInternalServerError, []byte(`{"code":"FAIL","message":"not booked"}`)
	}
	return reply
}
