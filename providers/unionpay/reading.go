package unionpay

import (
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// money is an amount in fen in the message's currency, which is CNY when none
// is named; no money if it is no whole number.
func (v fields) money(name string) payment.Money {
	minor, err := strconv.ParseInt(v[name], 10, 64)
	if err != nil {
		return payment.Money{}
	}
	switch v["currencyCode"] {
	case "", "156":
		return payment.Fen(minor)
	case "840":
		return payment.Money{Minor: minor, Currency: "USD"}
	default:
		return payment.Money{Minor: minor, Currency: payment.Currency(v["currencyCode"])}
	}
}

// claims reads what an answer says of its call.
func (d *Dialect) claims(asked transaction, v fields, facts *journal.Facts) {
	facts.Status = v["respCode"]
	d.learn(v)
	switch asked {
	case consume, shown:
		facts.Code = v["tn"] + v["qrCode"]
		if facts.Status == codeOK {
			facts.State = string(payment.Pending)
		}
	case scanned:
		facts.ProviderReference = payment.ProviderReference(v["queryId"])
		d.accepted(facts)
	case refund:
		if facts.Status == codeOK {
			facts.State, facts.Refunded = string(payment.RefundProcessing), v.money("txnAmt")
		}
	case void, reversal:
		// An undone payment went back, or was never taken; either way nobody can
		// pay it any more. 46 says that an earlier try did that.
		if facts.Status == codeOK || facts.Status == codeReversed {
			facts.State = string(payment.Closed)
		}
	case queryByOrder, queryByID:
		d.answered(v, facts)
	}
}

// accepted is what the answer to a scan says: 00 only that it was accepted,
// A6 that it was paid, a final code that it was not. What says that nobody
// knows, says nothing (§7).
func (d *Dialect) accepted(facts *journal.Facts) {
	switch state := stateOf(facts.Status); {
	case facts.Status == codeOK:
		facts.State = string(payment.Pending)
	case state != payment.Pending:
		facts.State = string(state)
	}
}

// answered is what the answer to a query says. Only where the query worked does
// it speak of the transaction, whose kind it names (§8.1).
func (d *Dialect) answered(v fields, facts *journal.Facts) {
	code := v["origRespCode"]
	if v["respCode"] != codeOK || code == "" {
		return
	}
	facts.Status = code
	switch v.transaction() {
	case refund:
		facts.RefundReference = payment.RefundReference(v["orderId"])
		d.aboutOrigin(v["origQryId"], facts)
		facts.Refunded, facts.State = v.money("txnAmt"), string(refundStateOf(code))
	case void:
		d.aboutOrigin(v["origQryId"], facts)
	default:
		facts.MerchantReference = payment.MerchantReference(v["orderId"])
		if v["queryId"] != "" {
			facts.ProviderReference = payment.ProviderReference(v["queryId"])
		}
		facts.Amount, facts.State = v.money("txnAmt"), string(stateOf(code))
	}
}

// learn keeps which order a queryId stands for, where a message says so.
func (d *Dialect) learn(v fields) {
	switch v.transaction() {
	case consume, shown, scanned:
		d.memory.paid(v["queryId"], v["orderId"])
	case refund, void:
		d.memory.undoing(v)
	}
}

// notification reads a delivery. What is none has the operation faults.Other.
func (d *Dialect) notification(v fields) journal.Facts {
	facts := d.told(v)
	if facts.Operation == faults.Other && facts.Account == "" {
		return facts
	}
	d.learn(v)
	d.platformSigned(v, &facts)
	return facts
}

// told is what a notification says, whoever signed it.
//
// One about a void has the operation faults.Other: a void is no refund, for it
// has no refund's line in any book, and to call it a change of the payment
// would make a second notification of the capture of it.
func (d *Dialect) told(v fields) journal.Facts {
	if v["respCode"] == "" || v["merId"] == "" || v["orderId"] == "" {
		return journal.Facts{Operation: faults.Other}
	}
	facts := journal.Facts{Operation: faults.Other, Account: v["merId"], Status: v["respCode"]}
	switch v["txnType"] {
	case "01":
		facts.Operation = faults.NotifyPayment
		facts.MerchantReference = payment.MerchantReference(v["orderId"])
		facts.ProviderReference = payment.ProviderReference(v["queryId"])
		facts.Amount, facts.State = v.money("txnAmt"), string(stateOf(v["respCode"]))
	case "04":
		facts.Operation, facts.RefundReference = faults.NotifyRefund, payment.RefundReference(v["orderId"])
		d.aboutOrigin(v["origQryId"], &facts)
		facts.Refunded, facts.State = v.money("txnAmt"), string(refundStateOf(v["respCode"]))
	case "31":
		d.aboutOrigin(v["origQryId"], &facts)
	}
	return facts
}
