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

// open reads the envelope and decrypts what is in it, if it is of a kind.
func (c *Client) open(body []byte, kind string) ([]byte, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("read envelope: %w", err)
	}
	if !strings.HasPrefix(e.EventType, kind) {
		return nil, fmt.Errorf("event_type %.64q is not %s", e.EventType, kind)
	}
	plain, err := e.Resource.open(c.config.APIv3Key)
	if err != nil {
		return nil, fmt.Errorf("open notification %.64q: %w", e.ID, err)
	}
	return plain, nil
}

// ReadPayment implements merchant.Notifications. Only success is ever pushed;
// the trade_state inside must agree.
func (c *Client) ReadPayment(body []byte) (merchant.Trade, error) {
	plain, err := c.open(body, "TRANSACTION.")
	if err != nil {
		return merchant.Trade{}, err
	}
	return c.readTrade(plain)
}

// ReadRefund implements merchant.Notifications.
func (c *Client) ReadRefund(body []byte) (merchant.RefundReport, error) {
	plain, err := c.open(body, "REFUND.")
	if err != nil {
		return merchant.RefundReport{}, err
	}
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
func (c *Client) Reply(refusal error) (int, []byte) {
	if refusal == nil {
		return http.StatusOK, []byte(`{"code":"SUCCESS","message":"OK"}`)
	}
	return http.StatusInternalServerError, []byte(`{"code":"FAIL","message":"not booked"}`)
}
