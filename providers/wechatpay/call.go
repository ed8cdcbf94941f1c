package wechatpay

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/payquake/payquake/faults"
)

// route is what a path asks for.
type route struct {
	operation faults.Operation
	method    string
	v2        bool   // an XML call
	mutual    bool   // of v2: needs mutual TLS
	combined  bool   // about a combined payment
	scene     scene  // of a prepay
	by        lookup // of a query
	number    string // the decoded path parameter
}

// lookup is what a query names the order by.
type lookup int

// The ways to name an order.
const (
	byTradeNumber lookup = iota
	byTransaction
)

// routeOf reads the raw target. Segments are decoded one by one and only as
// parameters: cleaning the path as a whole would redirect what clients send,
// and turn their POST into a GET (§7).
func routeOf(target string) (route, bool) {
	path, _, _ := strings.Cut(target, "?")
	if found, known := v2Route(path); known {
		return found, true
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 2 || parts[0] != "v3" {
		return route{}, false
	}
	switch {
	case len(parts) == 2 && parts[1] == "certificates":
		return route{operation: faults.Certificates, method: http.MethodGet}, true
	case len(parts) >= 4 && parts[1] == "pay" && parts[2] == "transactions":
		return payRoute(parts[3:])
	case len(parts) >= 3 && parts[1] == "combine-transactions":
		return combinedRoute(parts[2:])
	case len(parts) >= 4 && parts[1] == "refund" && parts[2] == "domestic" && parts[3] == "refunds":
		return refundRoute(parts[4:])
	}
	return route{}, false
}

// combinedRoute reads what follows /v3/combine-transactions.
func combinedRoute(parts []string) (route, bool) {
	if len(parts) == 1 {
		named := scene(parts[0])
		return route{operation: faults.Create, method: http.MethodPost, combined: true, scene: named}, named.prepaid()
	}
	number, err := url.PathUnescape(parts[1])
	if err != nil || number == "" || parts[0] != "out-trade-no" {
		return route{}, false
	}
	switch {
	case len(parts) == 2:
		return route{operation: faults.Query, method: http.MethodGet, combined: true, number: number}, true
	case len(parts) == 3 && parts[2] == "close":
		return route{operation: faults.Close, method: http.MethodPost, combined: true, number: number}, true
	}
	return route{}, false
}

// payRoute reads what follows /v3/pay/transactions.
func payRoute(parts []string) (route, bool) {
	switch {
	case len(parts) == 1 && parts[0] == "codepay":
		return route{operation: faults.PayCode, method: http.MethodPost, scene: codepay}, true
	case len(parts) == 1:
		named := scene(parts[0])
		return route{operation: faults.Create, method: http.MethodPost, scene: named}, named.prepaid()
	}
	number, err := url.PathUnescape(parts[1])
	if err != nil || number == "" {
		return route{}, false
	}
	switch {
	case len(parts) == 2 && parts[0] == "id":
		return route{operation: faults.Query, method: http.MethodGet, by: byTransaction, number: number}, true
	case len(parts) == 2 && parts[0] == "out-trade-no":
		return route{operation: faults.Query, method: http.MethodGet, number: number}, true
	case len(parts) == 3 && parts[0] == "out-trade-no" && parts[2] == "close":
		return route{operation: faults.Close, method: http.MethodPost, number: number}, true
	case len(parts) == 3 && parts[0] == "out-trade-no" && parts[2] == "reverse":
		return route{operation: faults.Reverse, method: http.MethodPost, number: number}, true
	}
	return route{}, false
}

// refundRoute reads what follows /v3/refund/domestic/refunds.
func refundRoute(parts []string) (route, bool) {
	if len(parts) == 0 {
		return route{operation: faults.Refund, method: http.MethodPost}, true
	}
	number, err := url.PathUnescape(parts[0])
	if err != nil || number == "" || len(parts) > 1 {
		return route{}, false
	}
	return route{operation: faults.RefundQuery, method: http.MethodGet, number: number}, true
}

// queryOf is the target's query; a broken one is empty.
func queryOf(target string) url.Values {
	_, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return url.Values{}
	}
	return values
}

// call is one request from a merchant that has proven who it is.
type call struct {
	ctx     context.Context
	route   route
	target  string
	body    []byte
	account *account
	trial   faults.Trial
}

// reply is a good answer: a JSON object, or 204 without one.
type reply struct {
	status int
	body   []byte
}
