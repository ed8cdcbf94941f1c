package alipay

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// method is an operation of the open platform.
type method string

// The methods that the mock serves (§4).
const (
	precreate   method = "alipay.trade.precreate"
	create      method = "alipay.trade.create"
	pay         method = "alipay.trade.pay"
	pagePay     method = "alipay.trade.page.pay"
	wapPay      method = "alipay.trade.wap.pay"
	appPay      method = "alipay.trade.app.pay"
	query       method = "alipay.trade.query"
	closeTrade  method = "alipay.trade.close"
	cancel      method = "alipay.trade.cancel"
	refund      method = "alipay.trade.refund"
	refundQuery method = "alipay.trade.fastpay.refund.query"
	certificate method = "alipay.open.app.alipaycert.download"
)

// operation is the method in words common to all providers; faults.Other for
// one that the mock does not serve.
func (m method) operation() faults.Operation {
	switch m {
	case precreate, create, pagePay, wapPay, appPay:
		return faults.Create
	case pay:
		return faults.PayCode
	case query:
		return faults.Query
	case closeTrade:
		return faults.Close
	case cancel:
		return faults.Reverse
	case refund:
		return faults.Refund
	case refundQuery:
		return faults.RefundQuery
	case certificate:
		return faults.Certificates
	default:
		return faults.Other
	}
}

// served reports whether the mock has the method.
func (m method) served() bool { return m.operation() != faults.Other }

// fromShopper reports whether the request comes from the shopper's browser or
// app, which the merchant gave it to (§3).
func (m method) fromShopper() bool { return m == pagePay || m == wapPay || m == appPay }

// paidBy is the way to pay in words common to all providers.
func (m method) paidBy() payment.Method {
	switch m {
	case create:
		return payment.MethodInApp
	case appPay:
		return payment.MethodApp
	case pagePay, wapPay:
		return payment.MethodWeb
	case pay:
		return payment.MethodBarcode
	default:
		return payment.MethodCode
	}
}

// node is the name of the method's response node (§3). What cannot be the name of
// a method is resolved to none.
func (m method) node() string {
	if m == "" || strings.Trim(string(m), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		return errorNode
	}
	return strings.ReplaceAll(string(m), ".", "_") + "_response"
}

// path is the method's path in v3 (§13); "" if it has none.
func (m method) path() string {
	if m.fromShopper() || m == certificate || !m.served() {
		return ""
	}
	return "/v3/" + strings.ReplaceAll(string(m), ".", "/")
}

// methodAt is the method of a v3 path.
func methodAt(path string) (method, bool) {
	rest, found := strings.CutPrefix(path, "/v3/")
	named := method(strings.ReplaceAll(rest, "/", "."))
	return named, found && named.path() == path
}

// call is one request from an app that has proven who it is.
type call struct {
	ctx       context.Context
	method    method
	account   *account
	trial     faults.Trial
	business  reading // of biz_content
	notifyURL string
	sealed    bool // the answer is to be sealed too
}

// reading reads members of a parsed object; what is missing or of another type
// is empty. A dialect must bear every message that a fault can make.
type reading struct{ values map[string]any }

// text is a scalar as the text that it stands for: clients send numbers for
// texts and texts for numbers (§1).
func (r reading) text(path ...string) string {
	var value any = r.values
	for _, name := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			return ""
		}
		value = inner[name]
	}
	switch scalar := value.(type) {
	case string:
		return scalar
	case json.Number:
		return scalar.String()
	default:
		return ""
	}
}

// has reports whether a list member names the word.
func (r reading) has(list, word string) bool {
	words, _ := r.values[list].([]any)
	for _, each := range words {
		if each == word {
			return true
		}
	}
	return false
}

// money is an amount in yuan as fen, in the currency that is named beside it,
// else CNY; no money if it is none.
func (r reading) money(name string) payment.Money {
	return yuan(r.text(name), r.text("trans_currency"))
}

func yuan(text, currency string) payment.Money {
	read, err := payment.ParseDecimal(text, payment.CNY)
	if err != nil {
		return payment.Money{}
	}
	if currency != "" {
		read.Currency = payment.Currency(currency)
	}
	return read
}

// parse reads a JSON object, numbers as they are written.
func parse(text []byte) (reading, error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return reading{}, err
	}
	if _, err := decoder.Token(); values == nil || err != io.EOF {
		return reading{}, errGarbled
	}
	return reading{values}, nil
}
