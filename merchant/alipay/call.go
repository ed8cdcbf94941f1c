package alipay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// maxAnswer bounds what an answer can make us read.
const maxAnswer = 1 << 20

// node is the business part of an answer: what every method's node has, and
// the raw text, over whose bytes the signature goes (section 3).
type node struct {
	Code    string `json:"code"`
	Msg     string `json:"msg"`
	SubCode string `json:"sub_code"`
	SubMsg  string `json:"sub_msg"`
	// OutTradeNo is the payment that is spoken of; refusals name it as well,
	// though not all of them (section 4).
	OutTradeNo string `json:"out_trade_no"`

	raw    json.RawMessage
	proven error
}

var errNoNode = errors.New("the answer has no node of the method")

// call sends one signed request and reads its answer. An error means that
// nothing is known of what the provider did.
func (c *Client) call(ctx context.Context, method, content string) (node, error) {
	form, err := c.parameters(method, content)
	if err != nil {
		return node{}, err
	}
	// The charset is read from the URL before the body is decoded (section 2).
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.GatewayURL+"?charset=utf-8", strings.NewReader(form.Encode()))
	if err != nil {
		return node{}, fmt.Errorf("address %s: %w", method, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	response, err := c.http.Do(request)
	if err != nil {
		return node{}, fmt.Errorf("call %s: %w", method, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return node{}, fmt.Errorf("read answer of %s: %w", method, err)
	}
	if response.StatusCode != http.StatusOK {
		return node{}, fmt.Errorf("%s answered %s", method, response.Status)
	}
	return c.read(method, body)
}

// read takes the method's node out of an answer. A failure from before the
// method was known stands under error_response.
func (c *Client) read(method string, body []byte) (node, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(body, &parts); err != nil {
		return node{}, fmt.Errorf("read answer of %s: %w", method, err)
	}
	raw, found := parts[strings.ReplaceAll(method, ".", "_")+"_response"]
	if !found {
		if raw, found = parts["error_response"]; !found {
			return node{}, fmt.Errorf("%s: %w", method, errNoNode)
		}
	}
	n := node{raw: raw}
	if err := json.Unmarshal(raw, &n); err != nil {
		return node{}, fmt.Errorf("read node of %s: %w", method, err)
	}
	signature, err := member(parts, "sign")
	if err != nil {
		return node{}, err
	}
	serial, err := member(parts, "alipay_cert_sn")
	if err != nil {
		return node{}, err
	}
	n.proven = c.verify(string(raw), signature)
	if n.proven == nil && serial != c.config.PublicCertSN {
		n.proven = fmt.Errorf("%w: certificate %.64q is not known", errSignature, serial)
	}
	return n, nil
}

// member reads a text beside the node, "" if it is missing.
func member(parts map[string]json.RawMessage, name string) (string, error) {
	var text string
	if raw, given := parts[name]; given {
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", fmt.Errorf("read %s: %w", name, err)
		}
	}
	return text, nil
}

// fill reads the node's own members.
func (n node) fill(into any) error {
	if err := json.Unmarshal(n.raw, into); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// inProcess is the code of a charge that waits for the shopper (section 5).
const inProcess = "10003"

// result reads what a node says of a call about a payment. Whatever is not
// proven to be the provider's says nothing, failures included (section 15,
// rule 2): a forged "declined" must not bury a charge, and no more must a
// genuine one that belongs to another payment.
func (n node) result(about payment.MerchantReference) merchant.Result {
	detail := fmt.Sprintf("%.16s %.64s %.200s", n.Code, n.SubCode, n.SubMsg)
	if n.proven != nil {
		return merchant.Result{Detail: fmt.Sprintf("%s not proven: %v", detail, n.proven)}
	}
	if n.Code == "10000" {
		return merchant.Result{Outcome: merchant.OK}
	}
	if n.OutTradeNo != "" && n.OutTradeNo != string(about) {
		return otherReference(about, n.OutTradeNo)
	}
	switch n.Code {
	case "20001", "40001", "40002", "40003", "40006":
		return merchant.Result{Outcome: merchant.Failed, Class: merchant.Config, Detail: detail}
	case "40004":
		if class, known := classes(n.SubCode); known {
			return merchant.Result{Outcome: merchant.Failed, Class: class, Detail: detail}
		}
	}
	return merchant.Result{Detail: detail} // 10003, 20000, 40005 and whatever is new
}

// classes says which business refusals surely mean "no effect", and of what
// kind (section 5). What is not listed is not known, SYSTEM_ERROR by the
// documents' own words.
func classes(code string) (merchant.Class, bool) {
	switch strings.TrimPrefix(code, "ACQ.") {
	case "TRADE_NOT_EXIST":
		return merchant.NotFound, true
	case "TRADE_HAS_SUCCESS", "TRADE_HAS_FINISHED":
		return merchant.AlreadyPaid, true
	case "TRADE_HAS_CLOSE":
		return merchant.OrderClosed, true
	case "CONTEXT_INCONSISTENT", "TRADE_BUYER_NOT_MATCH", "TRADE_STATUS_ERROR", "REASON_TRADE_STATUS_INVALID",
		"REASON_ILLEGAL_STATUS", "DISCORDANT_REPEAT_REQUEST", "REASON_TRADE_REFUND_FEE_ERR", "REFUND_AMT_NOT_EQUAL_TOTAL",
		"REFUND_FEE_ERROR", "APPLY_PC_MERCHANT_CODE_ERROR", "TRADE_CANCEL_TIME_OUT", "CANCEL_NOT_ALLOWED",
		"TRADE_NOT_ALLOW_REFUND", "NOT_ALLOW_PARTIAL_REFUND":
		return merchant.Conflict, true
	case "PAYMENT_AUTH_CODE_INVALID":
		return merchant.AuthCodeInvalid, true
	case "SELLER_BALANCE_NOT_ENOUGH":
		return merchant.NotEnough, true
	case "BUYER_BALANCE_NOT_ENOUGH", "BUYER_BANKCARD_BALANCE_NOT_ENOUGH", "ERROR_BALANCE_PAYMENT_DISABLE",
		"NO_PAYMENT_INSTRUMENTS_AVAILABLE", "MOBILE_PAYMENT_SWITCH_OFF", "BUYER_ENABLE_STATUS_FORBID", "BUYER_SELLER_EQUAL",
		"BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", "BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR", "BEYOND_PAY_RESTRICTION",
		"BEYOND_PER_RECEIPT_RESTRICTION", "ERROR_BUYER_CERTIFY_LEVEL_LIMIT", "PAYMENT_REQUEST_HAS_RISK":
		return merchant.Declined, true
	case "INVALID_PARAMETER", "ACCESS_FORBIDDEN", "PARTNER_ERROR", "EXIST_FORBIDDEN_WORD", "TOTAL_FEE_EXCEED",
		"SELLER_NOT_EXIST", "SELLER_BEEN_BLOCKED", "NOW_TIME_AFTER_EXPIRE_TIME_ERROR":
		return merchant.Config, true
	case "BUYER_ERROR", "REASON_TRADE_BEEN_FREEZEN":
		return merchant.Offline, true
	default:
		return "", false
	}
}

// unanswered is the result of a call that broke.
func unanswered(err error) merchant.Result { return merchant.Result{Detail: err.Error()} }
