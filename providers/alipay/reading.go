package alipay

import (
	"net/http"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/surgery"
)

// asked is a call as it crossed a link, in either version of the protocol.
type asked struct {
	method    method
	rest      bool
	appID     string
	certSN    string
	signature string
	notifyURL string

	read   parameters    // of gateway.do
	said   authorization // of v3
	sealed bool          // the business parameters are sealed
	aesKey string
	plain  []byte // the business parameters, opened
	// business is plain, read; empty if it is no object.
	business reading
}

// asked reads a call, in which everything may be missing; false if the request
// is none.
func (d *Dialect) asked(r *proxy.Request) (asked, bool) {
	found := asked{}
	switch path := r.Path(); {
	case path == GatewayPath:
		query, form := textsOf(r)
		read, err := readParameters(query, form)
		if err != nil {
			read = parameters{}
		}
		found = asked{method: method(read["method"]), appID: read["app_id"], certSN: read["app_cert_sn"],
			signature: read["sign"], notifyURL: read["notify_url"], read: read, sealed: read["encrypt_type"] != "",
			plain: []byte(read["biz_content"])}
	case strings.HasPrefix(path, "/v3/"):
		named, known := methodAt(path)
		if !known {
			named = ""
		}
		said, _ := readAuthorization(r.Header.First("Authorization")) // none: its fields are empty
		found = asked{method: named, rest: true, said: said, appID: said.fields["app_id"],
			certSN: said.fields["app_cert_sn"], signature: said.fields["sign"],
			sealed: r.Header.First(headerEncrypt) != "", plain: r.Body}
	default:
		return asked{}, false
	}
	if who := d.ring.apps[found.appID]; who != nil {
		found.aesKey = who.AESKey
	}
	found.open()
	return found, true
}

// open unseals and reads the business parameters.
func (a *asked) open() {
	if a.sealed {
		plain, err := unseal(a.aesKey, string(a.plain))
		if err != nil {
			return
		}
		a.plain = plain
	}
	business, err := parse(a.plain)
	if err != nil {
		return
	}
	a.business = business
	if a.rest {
		a.notifyURL = business.text("notify_url")
	}
}

// textsOf are the query and the form of a request.
func textsOf(r *proxy.Request) (query, form string) {
	_, query, _ = strings.Cut(r.Target, "?")
	if r.Method != http.MethodGet {
		form = string(r.Body)
	}
	return query, form
}

// answered is the provider's answer to a call.
type answered struct {
	rest      bool
	status    int
	name      string // of the node
	content   []byte // of the node as it is signed
	signature string
	sn        string
	sealed    bool
	plain     []byte // the node, opened
	values    reading
}

// answered reads an answer; what cannot be read is empty.
func (d *Dialect) answered(asked asked, a *proxy.Answer) answered {
	found := answered{rest: asked.rest, status: a.Status}
	if asked.rest {
		found.content, found.plain = a.Body, a.Body
		found.signature, found.sn = a.Header.First(headerSignature), a.Header.First(headerSN)
		found.sealed = a.Header.First(headerEncrypt) != ""
		return found.opened(asked.aesKey, string(a.Body))
	}
	outer, err := parse(a.Body)
	if err != nil {
		return found
	}
	found.signature, found.sn = outer.text("sign"), outer.text("alipay_cert_sn")
	for _, name := range []string{asked.method.node(), errorNode} {
		if where, err := surgery.Locate(a.Body, name); err == nil {
			found.name, found.content = name, a.Body[where.Start:where.End]
			break
		}
	}
	found.plain = found.content
	found.sealed = strings.HasPrefix(string(found.content), `"`)
	return found.opened(asked.aesKey, outer.text(found.name))
}

// opened is the answer with its node unsealed and read.
func (a answered) opened(key, sealed string) answered {
	if a.sealed {
		plain, err := unseal(key, sealed)
		if err != nil {
			return a
		}
		a.plain = plain
	}
	if values, err := parse(a.plain); err == nil {
		a.values = values
	}
	return a
}

// code is the result code. v3 has none for what is done.
func (a answered) code() string {
	code := a.values.text("code")
	switch {
	case a.rest && a.status == http.StatusAccepted:
		return codePending
	case a.rest && a.status == http.StatusOK:
		return codeSuccess
	default:
		return code
	}
}

// refused reports whether the answer says less than that the call was handled.
func (a answered) refused() bool { return a.code() != codeSuccess && a.code() != codePending }

// refusal reads an error. A few sub_codes speak of the trade's state.
func refusal(a answered, facts *journal.Facts) {
	facts.Status = a.values.text("sub_code")
	if facts.Status == "" {
		facts.Status = a.values.text("code")
	}
	if facts.Operation == faults.Refund || facts.Operation == faults.RefundQuery {
		return
	}
	switch facts.Status {
	case subPaid:
		facts.State = string(payment.Captured)
	case subClosed:
		facts.State = string(payment.Closed)
	}
}

// claims reads what a good answer says.
func claims(a answered, facts *journal.Facts) {
	v := a.values
	if named := v.text("out_trade_no"); named != "" {
		facts.MerchantReference = payment.MerchantReference(named)
	}
	if named := v.text("trade_no"); named != "" {
		facts.ProviderReference = payment.ProviderReference(named)
	}
	switch facts.Operation {
	case faults.Create:
		facts.State = string(payment.Pending)
		facts.Code = v.text("qr_code")
		if facts.Code == "" {
			facts.Code = v.text("trade_no")
		}
	case faults.PayCode:
		facts.Status, facts.Amount = a.code(), v.money("total_amount")
		facts.State = string(payment.Captured)
		if a.code() == codePending {
			facts.State = string(payment.Pending)
		}
	case faults.Query:
		facts.Status, facts.Amount = v.text("trade_status"), v.money("total_amount")
		facts.State = string(stateOf(facts.Status, v.text("send_pay_date") != ""))
	case faults.Close:
		facts.State = string(payment.Closed)
	case faults.Reverse:
		facts.Status = v.text("action")
		facts.State = string(reversedState(facts.Status))
	case faults.Refund:
		refundClaims(v, facts)
	case faults.RefundQuery:
		refundQueryClaims(v, facts)
	}
}

// stateOf is a trade_status in our words. That a trade is closed does not mean
// that it was not paid: what was paid has then gone back (§6).
func stateOf(status string, paid bool) payment.State {
	switch {
	case status == stateOpen:
		return payment.Pending
	case status == stateSuccess || status == stateFinished:
		return payment.Captured
	case status == stateClosed && paid:
		return payment.Returned
	case status == stateClosed:
		return payment.Closed
	default:
		return ""
	}
}

// reversedState is what a cancel did. Without an action it did nothing (§6).
func reversedState(action string) payment.State {
	switch action {
	case "close":
		return payment.Closed
	case "refund":
		return payment.Returned
	default:
		return ""
	}
}

// refundClaims reads the answer to a refund. Refunded is refund_fee, the sum
// of the trade's refunds; only fund_change=Y says that this one is done (§6).
func refundClaims(v reading, facts *journal.Facts) {
	facts.Status, facts.Refunded = v.text("fund_change"), v.money("refund_fee")
	if facts.Status == "Y" {
		facts.State = string(payment.RefundDone)
	}
}

// refundQueryClaims reads a refund query's answer, which may say nothing.
func refundQueryClaims(v reading, facts *journal.Facts) {
	facts.Status = v.text("refund_status")
	if facts.Status == refundSuccess {
		facts.State = string(payment.RefundDone)
	}
	facts.Amount, facts.Refunded = v.money("total_amount"), v.money("refund_amount")
}

// notice is a notification as it crossed a link.
type notice struct {
	read   parameters
	refund bool
}

// readNotice reads a notification; false if the request is none. A notice with
// gmt_refund or refund_fee tells of a refund (§7).
func readNotice(r *proxy.Request) (notice, bool) {
	if r.Method != http.MethodPost || r.Path() == GatewayPath {
		return notice{}, false
	}
	read, err := readParameters("", string(r.Body))
	if err != nil || read["notify_type"] == "" || read["notify_id"] == "" {
		return notice{}, false
	}
	return notice{read: read, refund: read["gmt_refund"] != "" || read["refund_fee"] != ""}, true
}

// facts is what the notification says, whoever signed it. Of a refund,
// Refunded is the sum of the trade's refunds.
func (n notice) facts() journal.Facts {
	facts := journal.Facts{Operation: faults.NotifyPayment, NotificationID: n.read["notify_id"],
		Account: n.read["app_id"], Status: n.read["trade_status"],
		MerchantReference: payment.MerchantReference(n.read["out_trade_no"]),
		ProviderReference: payment.ProviderReference(n.read["trade_no"]),
		Amount:            yuan(n.read["total_amount"], n.read["trans_currency"]),
		State:             string(stateOf(n.read["trade_status"], false))}
	if n.refund {
		facts.Operation, facts.State = faults.NotifyRefund, string(payment.RefundDone)
		facts.RefundReference = payment.RefundReference(n.read["out_biz_no"])
		facts.Refunded = yuan(n.read["refund_fee"], n.read["trans_currency"])
	}
	return facts
}

// noticeSigned fills in whether the provider's signature holds, and whose it
// is.
func (d *Dialect) noticeSigned(n notice, facts *journal.Facts) {
	signature := n.read["sign"]
	if signature == "" {
		facts.Signature = journal.SignatureMissing
		return
	}
	facts.Signature = journal.SignatureInvalid
	if by, ok := d.ring.verifies(n.read.noticeString(), signature); ok {
		facts.Signature, facts.Signer = journal.SignatureValid, by.sn
	}
}
