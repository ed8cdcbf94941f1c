package unionpay

import (
	"context"
	"strings"

	"github.com/payquake/payquake/faults"
)

// endpoint is a path of the gateway (§2).
type endpoint string

// The endpoints that the mock serves.
const (
	front    endpoint = "/gateway/api/frontTransReq.do"
	app      endpoint = "/gateway/api/appTransReq.do"
	back     endpoint = "/gateway/api/backTransReq.do"
	query    endpoint = "/gateway/api/queryTrans.do"
	preorder endpoint = "/gateway/api/order.do"
	cashier  endpoint = "/b2c/showCard.action" // the page that a front request leads to
)

// endpointOf is the endpoint of a raw target, if it is one that takes requests.
func endpointOf(target string) (endpoint, bool) {
	path, _, _ := strings.Cut(target, "?")
	switch found := endpoint(path); found {
	case front, app, back, query, preorder:
		return found, true
	default:
		return "", false
	}
}

// transaction is txnType and txnSubType (§3).
type transaction string

// The transactions that the mock knows.
const (
	consume      transaction = "01/01"
	scanned      transaction = "01/06" // the merchant scans the payer's code
	shown        transaction = "01/07" // the payer scans the merchant's code
	refund       transaction = "04/00"
	void         transaction = "31/00"
	reversal     transaction = "99/01"
	queryByOrder transaction = "00/00"
	queryByID    transaction = "00/02"
	encryptKey   transaction = "95/00"
)

// transaction is what a message's values say it is.
func (v fields) transaction() transaction { return transaction(v["txnType"] + "/" + v["txnSubType"]) }

// operation is the transaction in words common to all providers.
func (t transaction) operation() faults.Operation {
	switch t {
	case consume, shown:
		return faults.Create
	case scanned:
		return faults.PayCode
	case refund:
		return faults.Refund
	case void, reversal:
		return faults.Reverse
	case queryByOrder, queryByID:
		return faults.Query
	case encryptKey:
		return faults.Certificates
	default:
		return faults.Other
	}
}

// fresh reports whether the transaction is a new one with an orderId and a
// txnTime of its own, rather than one that names those of another.
func (t transaction) fresh() bool {
	switch t {
	case consume, scanned, shown, refund, void:
		return true
	default:
		return false
	}
}

// served reports whether an endpoint takes a transaction. Queries are accepted
// at the back endpoint too, and reversals at both: clients disagree (§3).
func (e endpoint) served(t transaction) bool {
	switch t {
	case consume:
		return e == front || e == app
	case shown:
		return e == back || e == preorder
	case queryByOrder, queryByID, reversal:
		return e == query || e == back
	case scanned, refund, void, encryptKey:
		return e == back
	default:
		return false
	}
}

// call is one request from a merchant that has proven who it is.
type call struct {
	ctx     context.Context
	from    endpoint
	asked   fields
	account *account
	trial   faults.Trial
}

// reply is an answer that is not yet signed: the values beside those that every
// answer echoes, or where a browser is sent.
type reply struct {
	values   fields
	location string
}

// accepted is a reply with respCode 00.
func accepted(values fields) reply {
	if values == nil {
		values = fields{}
	}
	values["respCode"] = codeOK
	return reply{values: values}
}
