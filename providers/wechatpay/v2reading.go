package wechatpay

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// The dialect's side of v2.

// requestV2 says what a v2 call asks for, and whether its signature holds.
func (d *Dialect) requestV2(r *proxy.Request, found route) journal.Facts {
	facts, form := d.askedV2(r, found)
	facts.Signature = d.verdictV2(form, form.signTypeOf())
	return facts
}

// askedV2 reads a v2 call; what is no XML says nothing.
func (d *Dialect) askedV2(r *proxy.Request, found route) (journal.Facts, document) {
	form, err := parseXML(r.Body)
	if err != nil {
		form = nil
	}
	facts := journal.Facts{Operation: found.operation, Account: form.get("mch_id")}
	facts.MerchantReference = payment.MerchantReference(form.get("out_trade_no"))
	facts.ProviderReference = payment.ProviderReference(form.get("transaction_id"))
	facts.RefundReference = payment.RefundReference(form.get("out_refund_no"))
	facts.Code = form.get("auth_code")
	switch found.operation {
	case faults.Create, faults.PayCode:
		facts.Amount = form.money("total_fee", "fee_type")
		d.remember(facts.Account, form.get("notify_url"))
	case faults.Refund:
		facts.Amount, facts.Refunded = form.money("total_fee", "fee_type"), form.money("refund_fee", "refund_fee_type")
	}
	return facts, form
}

// money is an amount in fen with its currency, CNY if none is named; no money
// if it is no whole number.
func (d document) money(amount, currency string) payment.Money {
	minor, err := strconv.ParseInt(d.get(amount), 10, 64)
	if err != nil {
		return payment.Money{}
	}
	if named := d.get(currency); named != "" {
		return payment.Money{Minor: minor, Currency: payment.Currency(named)}
	}
	return payment.Fen(minor)
}

// verdictV2 checks a signature with the key of the merchant that the message
// names: both sides sign with the same one.
func (d *Dialect) verdictV2(form document, signType string) journal.SignatureVerdict {
	if form.get("sign") == "" {
		return journal.SignatureMissing
	}
	if who := d.ring.merchants[form.get("mch_id")]; who != nil && form.signed(who.APIv2Key, signType) {
		return journal.SignatureValid
	}
	return journal.SignatureInvalid
}

// answerV2 says what an answer of v2 says. Its signature is of the request's
// type; a failure of the communication carries none.
func (d *Dialect) answerV2(r *proxy.Request, found route, a *proxy.Answer) journal.Facts {
	asked, request := d.askedV2(r, found)
	facts := journal.Facts{Operation: asked.Operation, MerchantReference: asked.MerchantReference,
		ProviderReference: asked.ProviderReference, RefundReference: asked.RefundReference, Account: asked.Account}
	form, err := parseXML(a.Body)
	if err != nil {
		facts.Signature = journal.SignatureMissing
		return facts
	}
	facts.Signature = d.verdictV2(form, request.signTypeOf())
	switch {
	case form.get("return_code") != "SUCCESS" || form.get("result_code") != "SUCCESS":
		facts.Status = form.get("err_code")
		if facts.Status == "" {
			facts.Status = form.get("return_code")
		}
		facts.State = refusedStateV2(found.operation, facts.Status)
	default:
		claimsV2(found, form, &facts)
	}
	return facts
}

// refusedStateV2 is what a code says of the payment, if anything.
func refusedStateV2(operation faults.Operation, code string) string {
	if operation == faults.Refund || operation == faults.RefundQuery {
		return ""
	}
	switch code {
	case "ORDERPAID":
		return string(payment.Captured)
	case "ORDERCLOSED", "ORDERREVERSED":
		return string(payment.Closed)
	case "USERPAYING":
		return string(payment.Pending)
	default:
		return ""
	}
}

// claimsV2 reads what a good answer says.
func claimsV2(found route, form document, facts *journal.Facts) {
	switch found.operation {
	case faults.Create:
		facts.State = string(payment.Pending)
		for _, name := range []string{"code_url", "mweb_url", "prepay_id"} {
			if facts.Code == "" {
				facts.Code = form.get(name)
			}
		}
	case faults.PayCode:
		facts.State, facts.Status = string(payment.Captured), "SUCCESS"
		paidClaimsV2(form, facts)
	case faults.Query:
		facts.Status = form.get("trade_state")
		facts.State = string(stateOf(facts.Status))
		paidClaimsV2(form, facts)
	case faults.Close, faults.Reverse:
		facts.State = string(payment.Closed)
	case faults.Refund:
		facts.State, facts.Status = string(payment.RefundProcessing), "SUCCESS"
		refundClaimsV2(form, "", facts)
	case faults.RefundQuery:
		facts.Status = form.get("refund_status_0")
		facts.State = string(refundStateV2(facts.Status))
		refundClaimsV2(form, "_0", facts)
	}
}

// refundStateV2 is a refund_status in our words.
func refundStateV2(status string) payment.RefundState {
	switch status {
	case "REFUNDCLOSE":
		return payment.RefundRefused
	case "CHANGE":
		return payment.RefundProcessing
	default:
		return refundStateOf(status)
	}
}

// paidClaimsV2 reads what is said of a payment.
func paidClaimsV2(form document, facts *journal.Facts) {
	facts.Amount = form.money("total_fee", "fee_type")
	if named := form.get("out_trade_no"); named != "" {
		facts.MerchantReference = payment.MerchantReference(named)
	}
	if named := form.get("transaction_id"); named != "" {
		facts.ProviderReference = payment.ProviderReference(named)
	}
}

// refundClaimsV2 reads what is said of a refund, the nth of a list.
func refundClaimsV2(form document, nth string, facts *journal.Facts) {
	paidClaimsV2(form, facts)
	facts.Refunded = form.money("refund_fee"+nth, "refund_fee_type"+nth)
	if named := form.get("out_refund_no" + nth); named != "" {
		facts.RefundReference = payment.RefundReference(named)
	}
}

// openV2 reads a request as a notification of v2; false if it is none.
func (d *Dialect) openV2(r *proxy.Request) (document, bool) {
	form, err := parseXML(r.Body)
	known := err == nil && d.ring.merchants[form.get("mch_id")] != nil
	return form, known && form.get("return_code") != "" && form.get("transaction_id") != ""
}

// factsV2 is what a notification of v2 says, whoever signed it.
func factsV2(form document) journal.Facts {
	facts := journal.Facts{Operation: faults.NotifyPayment, Account: form.get("mch_id"), Status: form.get("result_code")}
	if facts.Status == "SUCCESS" {
		facts.State = string(payment.Captured)
	}
	paidClaimsV2(form, &facts)
	return facts
}

// refuseV2 is the answer of v2 with this code; its status is 200 unless another
// one is asked for.
func (d *Dialect) refuseV2(r *proxy.Request, found route, response faults.Response) *proxy.Answer {
	form, err := parseXML(r.Body)
	if err != nil {
		form = nil
	}
	c := callV2{form: form, signType: form.signTypeOf(), call: call{account: d.ring.merchants[form.get("mch_id")]}}
	if response.Code == "" {
		response.Code = "SYSTEMERROR"
	}
	refused := coded(0, response.Code)
	var given document
	if found.operation == faults.Reverse {
		given.add("recall", recall(refused))
	}
	answer := d.desk.badV2(c, refused, given)
	if response.Status != 0 {
		answer.Status, answer.Reason = response.Status, http.StatusText(response.Status)
	}
	return answer
}

// bodyV2 is an XML body for people, with what is personal masked.
func bodyV2(raw []byte) string {
	form, err := parseXML(raw)
	if err != nil {
		return fmt.Sprintf("(%d bytes that are no flat XML)", len(raw))
	}
	for i, f := range form {
		if personal(f.name) || strings.HasPrefix(f.name, "refund_recv_accout") {
			form[i].value = providers.Hint(f.value)
		}
	}
	return string(form.encode())
}
