package unionpay

import (
	"crypto"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
)

// Dialect reads and changes the messages between merchants and UnionPay. One
// dialect serves both links, merchant->unionpay and unionpay->merchant: a call
// is known by its path, a notification by its form.
type Dialect struct {
	ring     *keyring
	desk     desk
	options  Options
	clock    clock.Clock
	private  map[string]crypto.Signer  // the merchants' keys, by merId
	stranger func() (impostors, error) // made when first asked for
	expired  *identity                 // nil: no certificate that has run out is at hand
	memory   *memory
}

var _ proxy.Dialect = (*Dialect)(nil)

// NewDialect makes the dialect of a run. The configuration must hold the
// merchants' private keys if requests are to be signed again. It fails with
// ErrBadConfig.
func NewDialect(config Config) (*Dialect, error) {
	ring, err := newKeyring(config)
	if err != nil {
		return nil, err
	}
	made := &Dialect{ring: ring, options: config.Options, clock: clock.System{}, private: map[string]crypto.Signer{},
		memory: newMemory()}
	made.desk = desk{ring, made.clock}
	made.stranger = sync.OnceValues(func() (impostors, error) { return pose(ring.leaf, made.clock) })
	if config.Platform.Expired != "" {
		parsed, key, err := keys.CertificateKey(config.Platform.Expired)
		if err != nil || !key.Equal(ring.leaf.pair.Key()) {
			return nil, fmt.Errorf("%w: the expired certificate is not of the platform's key", ErrBadConfig)
		}
		made.expired = &identity{pem: onWire(config.Platform.Expired), parsed: parsed, pair: ring.leaf.pair}
	}
	for _, merchant := range config.Merchants {
		if merchant.PrivateKey == "" {
			continue
		}
		key, err := keys.ReadPrivate(merchant.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("%w: private key of merchant %s: %w", ErrBadConfig, merchant.MerID, err)
		}
		made.private[merchant.MerID] = key
	}
	return made, nil
}

// Request implements proxy.Dialect.
func (d *Dialect) Request(r *proxy.Request) journal.Facts {
	values, err := encoded.parse(string(r.Body))
	if err != nil {
		return journal.Facts{Operation: faults.Other}
	}
	if _, isCall := endpointOf(r.Target); !isCall {
		return d.notification(values)
	}
	facts := d.asked(values)
	facts.Signer = values["certId"]
	d.whoAsks(values, &facts)
	return facts
}

// asked reads what a call says, and remembers what later messages leave out,
// without the costly check of its signature.
func (d *Dialect) asked(v fields) journal.Facts {
	facts := journal.Facts{Operation: v.transaction().operation(), Account: v["merId"]}
	reference := payment.MerchantReference(v["orderId"])
	switch v.transaction() {
	case consume, shown, scanned:
		facts.MerchantReference, facts.Amount, facts.Code = reference, v.money("txnAmt"), v["qrNo"]
		d.memory.notified(v["merId"], v["backUrl"])
	case refund:
		d.memory.undoing(v)
		d.aboutOrigin(v["origQryId"], &facts)
		facts.RefundReference, facts.Refunded = payment.RefundReference(reference), v.money("txnAmt")
	case void:
		d.memory.undoing(v)
		d.aboutOrigin(v["origQryId"], &facts)
		facts.Amount = v.money("txnAmt")
	case reversal:
		facts.MerchantReference = reference
	case queryByID:
		d.aboutOrigin(v["queryId"], &facts)
	case queryByOrder:
		d.queried(v, &facts)
	}
	return facts
}

// aboutOrigin names a payment by its queryId, and by its orderId if that is
// known.
func (d *Dialect) aboutOrigin(queryID string, facts *journal.Facts) {
	facts.ProviderReference, facts.MerchantReference = payment.ProviderReference(queryID), d.memory.origin(queryID)
}

// queried reads a query by orderId, which may be a payment's, a refund's, or a
// void's. A query about a void has no word of ours: faults.Other.
func (d *Dialect) queried(v fields, facts *journal.Facts) {
	kind, original := d.memory.kind(v)
	switch kind {
	case refund:
		facts.Operation, facts.RefundReference = faults.RefundQuery, payment.RefundReference(v["orderId"])
		d.aboutOrigin(original, facts)
	case void:
		facts.Operation = faults.Other
		d.aboutOrigin(original, facts)
	default:
		facts.MerchantReference = payment.MerchantReference(v["orderId"])
	}
}

// whoAsks fills in whether the signature of a request holds: with this key over
// these values, and now.
func (d *Dialect) whoAsks(v fields, facts *journal.Facts) {
	if v["signature"] == "" {
		facts.Signature = journal.SignatureMissing
		return
	}
	facts.Signature = journal.SignatureInvalid
	who := d.ring.merchants[v["merId"]]
	stale := v.transaction().fresh() && !d.options.current(v["txnTime"], d.clock.Now())
	if who != nil && !stale && who.proves(v) {
		facts.Signature = journal.SignatureValid
	}
}

// platformSigned fills in who signed a message of the provider's, and whether a
// merchant that checks everything believes it: the certificate's dates, chain
// and company, and the signature (§5).
func (d *Dialect) platformSigned(v fields, facts *journal.Facts) {
	if v["signature"] == "" {
		facts.Signature = journal.SignatureMissing
		return
	}
	facts.Signature = journal.SignatureInvalid
	if v["signMethod"] == bySecureKey {
		if who := d.ring.merchants[v["merId"]]; who != nil && v.sealed(who.SecureKey) {
			facts.Signature = journal.SignatureValid
		}
		return
	}
	certificate, key, err := d.ring.trusted(v["signPubKeyCert"], d.clock.Now())
	if certificate != nil {
		facts.Signer = certificate.SerialNumber.String()
	}
	if err == nil && keys.Verifies(key, digest(v.signed()), v["signature"]) {
		facts.Signature = journal.SignatureValid
	}
}

// Answer implements proxy.Dialect.
func (d *Dialect) Answer(r *proxy.Request, a *proxy.Answer) journal.Facts {
	asked, err := encoded.parse(string(r.Body))
	from, isCall := endpointOf(r.Target)
	if err != nil {
		return journal.Facts{Operation: faults.Other}
	}
	if !isCall {
		return d.acknowledgement(asked)
	}
	facts := d.asked(asked)
	facts.Amount, facts.Refunded, facts.Code = payment.Money{}, payment.Money{}, ""
	if from == front {
		d.browsed(a, &facts)
		return facts
	}
	values, err := plain.parse(string(a.Body))
	if err != nil {
		return facts // a page of the gateway's: it says nothing of the payment
	}
	d.platformSigned(values, &facts)
	d.claims(asked.transaction(), values, &facts)
	return facts
}

// browsed reads the answer to a front request: where the browser is sent, or a
// page that refuses (§2). Neither is signed.
func (d *Dialect) browsed(a *proxy.Answer, facts *journal.Facts) {
	if location := a.Header.First("Location"); a.Status/100 == 3 && location != "" {
		facts.Code, facts.State = location, string(payment.Pending)
		return
	}
	if strings.Contains(string(a.Body), "end_error") {
		facts.Status = "end_error"
	}
}

// acknowledgement is what a merchant's answer to a notification is about. Its
// body says nothing.
func (d *Dialect) acknowledgement(v fields) journal.Facts {
	told := d.told(v)
	return journal.Facts{Operation: told.Operation, Account: told.Account, MerchantReference: told.MerchantReference,
		ProviderReference: told.ProviderReference, RefundReference: told.RefundReference}
}

// Refuse implements proxy.Dialect. A code that is none of the provider's words
// counts as unset. Without a code, a status from 400 on is a page of the
// gateway's, and otherwise the answer is 03: nobody knows (§7).
func (d *Dialect) Refuse(r *proxy.Request, response faults.Response) (*proxy.Answer, error) {
	from, isCall := endpointOf(r.Target)
	if !isCall {
		return merchantRefusal(response), nil
	}
	code := response.Code
	if response.TooMany {
		code = codeBusy
		if d.Request(r).Operation == faults.Query {
			code = codeQueries
		}
	}
	if !known(code) {
		code = ""
	}
	if code == "" && response.Status >= 400 {
		return d.desk.page(response.Status, "系统繁忙，请稍后再试"), nil
	}
	asked, err := encoded.parse(string(r.Body))
	if err != nil {
		asked = fields{}
	}
	answer, err := d.desk.bad(from, asked, refuse(or(code, codeTimeout), ""))
	if err != nil {
		return nil, fmt.Errorf("refuse with %s: %w", code, err)
	}
	if response.Status != 0 {
		answer.Status, answer.Reason = response.Status, ""
	}
	return answer, nil
}

// merchantRefusal is how a merchant refuses a notification: by its status (§9).
// It signs nothing.
func merchantRefusal(response faults.Response) *proxy.Answer {
	status := response.Status
	if status == 0 {
		status = 500
	}
	answer := &proxy.Answer{Status: status, Body: []byte("fail")}
	answer.Header.Set("Content-Type", "text/plain")
	answer.Header.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	return answer
}
