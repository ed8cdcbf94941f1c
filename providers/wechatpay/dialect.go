package wechatpay

import (
	"crypto"
	"fmt"
	"net/url"
	"sync"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
)

// Dialect reads and changes the messages between merchants and WeChat Pay. One
// dialect serves both links, merchant->wechatpay and wechatpay->merchant: a
// call is known by its path, a notification by its signature headers or its
// body.
type Dialect struct {
	ring     *keyring
	desk     desk
	clock    clock.Clock
	private  map[string]crypto.Signer     // the merchants' keys, by mchid
	stranger func() (*keys.Signer, error) // a key that nobody knows, made when first asked for

	mu       sync.Mutex
	notifyAt map[string]string // by mchid: where it last wanted to be notified
}

var _ proxy.Dialect = (*Dialect)(nil)

// NewDialect makes the dialect of a run. The configuration must hold the
// merchants' private keys if requests are to be signed again.
func NewDialect(config Config) (*Dialect, error) {
	ring, err := newKeyring(config)
	if err != nil {
		return nil, err
	}
	made := &Dialect{ring: ring, clock: clock.System{}, private: map[string]crypto.Signer{},
		notifyAt: map[string]string{}}
	made.desk = desk{ring, made.clock}
	made.stranger = sync.OnceValues(keys.Stranger)
	for _, merchant := range config.Merchants {
		if merchant.PrivateKey == "" {
			continue
		}
		key, err := keys.ReadPrivate(merchant.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("%w: private key of merchant %s: %w", ErrBadConfig, merchant.MchID, err)
		}
		made.private[merchant.MchID] = key
	}
	return made, nil
}

// Request implements proxy.Dialect.
func (d *Dialect) Request(r *proxy.Request) journal.Facts {
	found, known := routeOf(r.Target)
	if !known {
		return d.notification(r)
	}
	if found.v2 {
		return d.requestV2(r, found)
	}
	facts := d.asked(r, found)
	d.whoAsks(r, &facts)
	return facts
}

// asked reads what a call says, without the costly check of its signature.
func (d *Dialect) asked(r *proxy.Request, found route) journal.Facts {
	facts := journal.Facts{Operation: found.operation}
	if said, err := parseAuthorization(r.Header.First("Authorization")); err == nil {
		facts.Account, facts.Signer = said.mchID, said.serial
	}
	values, err := parse(r.Body)
	if err != nil {
		values = nil
	}
	body := reading{values}
	if found.combined {
		d.askedCombined(found, body, &facts)
		return facts
	}
	facts.MerchantReference = payment.MerchantReference(body.text("out_trade_no"))
	switch found.operation {
	case faults.Create, faults.PayCode:
		facts.Amount = body.money("amount", "total")
		facts.Code = body.text("payer", "auth_code")
		d.remember(facts.Account, body.text("notify_url"))
	case faults.Refund:
		facts.ProviderReference = payment.ProviderReference(body.text("transaction_id"))
		facts.RefundReference = payment.RefundReference(body.text("out_refund_no"))
		facts.Amount, facts.Refunded = body.money("amount", "total"), body.money("amount", "refund")
	case faults.RefundQuery:
		facts.RefundReference = payment.RefundReference(found.number)
	case faults.Query:
		if found.by == byTransaction {
			facts.ProviderReference = payment.ProviderReference(found.number)
		} else {
			facts.MerchantReference = payment.MerchantReference(found.number)
		}
	case faults.Close, faults.Reverse:
		facts.MerchantReference = payment.MerchantReference(found.number)
	}
	return facts
}

// whoAsks fills in who signed a request, and whether that holds: with this key
// over these bytes, and now.
func (d *Dialect) whoAsks(r *proxy.Request, facts *journal.Facts) {
	header := r.Header.First("Authorization")
	if header == "" {
		facts.Signature = journal.SignatureMissing
		return
	}
	facts.Signature = journal.SignatureInvalid
	said, err := parseAuthorization(header)
	if err != nil {
		return
	}
	who, known := d.ring.merchants[said.mchID]
	message := requestMessage(r.Method, r.Target, said.timestamp, said.nonce, r.Body)
	if known && who.Serial == said.serial && fresh(said.timestamp, d.clock.Now()) && keys.Verifies(who.key, message, said.signature) {
		facts.Signature = journal.SignatureValid
	}
}

// platformSigned fills in the same for what the provider signs.
func (d *Dialect) platformSigned(header proxy.Header, body []byte, facts *journal.Facts) {
	signature := header.First(headerSignature)
	if signature == "" {
		facts.Signature = journal.SignatureMissing
		return
	}
	facts.Signature, facts.Signer = journal.SignatureInvalid, header.First(headerSerial)
	key := d.ring.named(facts.Signer)
	timestamp := header.First(headerTimestamp)
	if key == nil || !fresh(timestamp, d.clock.Now()) {
		return
	}
	if keys.Verifies(key.pair.Key(), answerMessage(timestamp, header.First(headerNonce), body), signature) {
		facts.Signature = journal.SignatureValid
	}
}

// Answer implements proxy.Dialect.
func (d *Dialect) Answer(r *proxy.Request, a *proxy.Answer) journal.Facts {
	found, known := routeOf(r.Target)
	if !known {
		return d.acknowledgement(r, a)
	}
	if found.v2 {
		return d.answerV2(r, found, a)
	}
	asked := d.asked(r, found)
	facts := journal.Facts{Operation: asked.Operation, MerchantReference: asked.MerchantReference,
		ProviderReference: asked.ProviderReference, RefundReference: asked.RefundReference, Account: asked.Account}
	d.platformSigned(a.Header, a.Body, &facts)
	values, err := parse(a.Body)
	if err != nil {
		values = nil
	}
	if a.Status >= 300 || (a.Status == 202 && values["code"] != nil) {
		refusal(reading{values}, &facts)
		return facts
	}
	claims(found, reading{values}, &facts)
	return facts
}

// acknowledgement is what a merchant's answer to a notification says: which
// one it is about, and the code of a refusal.
func (d *Dialect) acknowledgement(r *proxy.Request, a *proxy.Answer) journal.Facts {
	var told journal.Facts
	if form, ok := d.openV2(r); ok {
		told = factsV2(form)
	} else if opened, err := d.open(r); err == nil {
		told = opened.facts()
	} else {
		return journal.Facts{Operation: faults.Other}
	}
	facts := journal.Facts{Operation: told.Operation, NotificationID: told.NotificationID, Account: told.Account,
		MerchantReference: told.MerchantReference, ProviderReference: told.ProviderReference,
		RefundReference: told.RefundReference}
	if values, err := parse(a.Body); err == nil {
		facts.Status = reading{values}.text("code")
	} else if form, err := parseXML(a.Body); err == nil {
		facts.Status = form.get("return_code")
	}
	return facts
}

// refusal reads an error. A few codes speak of the payment's state.
func refusal(body reading, facts *journal.Facts) {
	facts.Status = body.text("code")
	if facts.Operation == faults.Refund || facts.Operation == faults.RefundQuery {
		return
	}
	switch current(facts.Status) {
	case "ORDERPAID":
		facts.State = string(payment.Captured)
	case "ORDER_CLOSED":
		facts.State = string(payment.Closed)
	case "USER_PAYING":
		facts.State = string(payment.Pending)
	}
}

// claims reads what a good answer says.
func claims(found route, body reading, facts *journal.Facts) {
	switch found.operation {
	case faults.Create:
		facts.State = string(payment.Pending)
		facts.Code = body.text("code_url") + body.text("prepay_id") + body.text("h5_url")
	case faults.PayCode, faults.Query:
		if found.combined {
			combinedClaims(body, facts)
		} else {
			paymentClaims(body, facts)
		}
	case faults.Close, faults.Reverse:
		// A 204 proves no more than that nobody can pay any more; a reversed
		// payment is either that or has gone back.
		facts.State = string(payment.Closed)
	case faults.Refund, faults.RefundQuery:
		refundClaims(body, "status", facts)
	}
}

// paymentClaims reads a transaction object (§3.2).
func paymentClaims(body reading, facts *journal.Facts) {
	facts.Status = body.text("trade_state")
	facts.State = string(stateOf(facts.Status))
	facts.Amount = body.money("amount", "total")
	if named := body.text("out_trade_no"); named != "" {
		facts.MerchantReference = payment.MerchantReference(named)
	}
	if named := body.text("transaction_id"); named != "" {
		facts.ProviderReference = payment.ProviderReference(named)
	}
	if named := body.text("mchid"); named != "" {
		facts.Account = named
	}
}

// refundClaims reads a refund object; its state's member is named differently
// in answers and notifications (§5).
func refundClaims(body reading, member string, facts *journal.Facts) {
	facts.Status = body.text(member)
	facts.State = string(refundStateOf(facts.Status))
	facts.MerchantReference = payment.MerchantReference(body.text("out_trade_no"))
	facts.ProviderReference = payment.ProviderReference(body.text("transaction_id"))
	facts.RefundReference = payment.RefundReference(body.text("out_refund_no"))
	facts.Amount, facts.Refunded = body.money("amount", "total"), body.money("amount", "refund")
}

// stateOf is a trade_state in our words. REFUND says only that a refund was
// asked for: the payment was captured. REVOKED is closed: the money went back
// or was never taken, and nobody can pay any more.
func stateOf(tradeState string) payment.State {
	switch tradeState {
	case stateNotPay, stateUserPaying, "ACCEPT":
		return payment.Pending
	case stateSuccess, stateRefund:
		return payment.Captured
	case stateClosed, stateRevoked:
		return payment.Closed
	case statePayError:
		return payment.Declined
	default:
		return ""
	}
}

// refundStateOf is a refund's status in our words. An abnormal refund has left
// the merchant and not reached the shopper: it is still being processed.
func refundStateOf(status string) payment.RefundState {
	switch status {
	case refundProcessing, refundAbnormal:
		return payment.RefundProcessing
	case refundSuccess:
		return payment.RefundDone
	case refundClosed:
		return payment.RefundRefused
	default:
		return ""
	}
}

// remember keeps where a merchant wants to be notified, for forgeries about
// payments that name no address.
func (d *Dialect) remember(mchid, notifyURL string) {
	if read, err := url.Parse(notifyURL); err != nil || read.Host == "" || mchid == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notifyAt[mchid] = notifyURL
}

// remembered is where a merchant last wanted to be notified.
func (d *Dialect) remembered(mchid string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.notifyAt[mchid]
}
