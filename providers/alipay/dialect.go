package alipay

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
)

// Dialect reads and changes the messages between merchants and Alipay. One
// dialect serves both links, merchant->alipay and alipay->merchant: a call is
// known by its path, a notification by its form.
type Dialect struct {
	ring     *keyring
	desk     desk
	clock    clock.Clock
	private  map[string]*rsa.PrivateKey   // the merchants' keys, by app
	stranger func() (*keys.Signer, error) // a key that nobody knows, made when first asked for

	mu       sync.Mutex
	notifyAt map[string]string // by app: where it last wanted to be notified
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
	made := &Dialect{ring: ring, clock: clock.System{}, private: map[string]*rsa.PrivateKey{},
		notifyAt: map[string]string{}}
	made.desk = desk{ring, made.clock}
	made.stranger = sync.OnceValues(keys.Stranger)
	for _, merchant := range config.Merchants {
		if merchant.PrivateKey == "" {
			continue
		}
		key, err := keys.ReadPrivate(merchant.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("%w: private key of merchant %s: %w", ErrBadConfig, merchant.AppID, err)
		}
		made.private[merchant.AppID] = key
	}
	return made, nil
}

// Request implements proxy.Dialect.
func (d *Dialect) Request(r *proxy.Request) journal.Facts {
	if asked, ok := d.asked(r); ok {
		facts := d.askedFacts(r, asked)
		d.whoAsks(r, asked, &facts)
		return facts
	}
	said, ok := readNotice(r)
	if !ok {
		return journal.Facts{Operation: faults.Other}
	}
	facts := said.facts()
	d.noticeSigned(said, &facts)
	return facts
}

// askedFacts is what a call says, without the costly check of its signature.
func (d *Dialect) askedFacts(r *proxy.Request, asked asked) journal.Facts {
	b := asked.business
	facts := journal.Facts{Operation: asked.method.operation(), Account: asked.appID, Signer: asked.certSN,
		MerchantReference: payment.MerchantReference(b.text("out_trade_no")),
		ProviderReference: payment.ProviderReference(b.text("trade_no"))}
	switch facts.Operation {
	case faults.Create, faults.PayCode:
		facts.Amount, facts.Code = b.money("total_amount"), b.text("auth_code")
		if asked.method.fromShopper() && r.Method == http.MethodGet {
			facts.Code = r.Scheme + "://" + r.Header.First("Host") + r.Target
		}
		d.remember(asked.appID, asked.notifyURL)
	case faults.Refund:
		facts.Refunded = b.money("refund_amount")
		facts.RefundReference = payment.RefundReference(b.text("out_request_no"))
		if facts.RefundReference == "" {
			facts.RefundReference = payment.RefundReference(facts.MerchantReference)
		}
	case faults.RefundQuery:
		facts.RefundReference = payment.RefundReference(b.text("out_request_no"))
	}
	return facts
}

// whoAsks fills in whether the app's signature holds.
func (d *Dialect) whoAsks(r *proxy.Request, asked asked, facts *journal.Facts) {
	who := d.ring.apps[asked.appID]
	facts.Signature = journal.SignatureInvalid
	switch {
	case asked.signature == "":
		facts.Signature = journal.SignatureMissing
	case who == nil || who.key == nil:
	case d.ring.config.Mode == CertificateMode && asked.certSN != who.certSN:
	case asked.rest:
		message := restMessage(asked.said.signed, restRequest{r.Method, r.Target, r.Header, r.Body})
		if keys.Verifies(who.key, message, asked.signature) && asked.said.fresh(d.clock.Now()) {
			facts.Signature = journal.SignatureValid
		}
	case asked.read.signedBy(who.key):
		facts.Signature = journal.SignatureValid
	}
}

// Answer implements proxy.Dialect.
func (d *Dialect) Answer(r *proxy.Request, a *proxy.Answer) journal.Facts {
	asked, ok := d.asked(r)
	if !ok {
		return acknowledgementFacts(r, a)
	}
	about := d.askedFacts(r, asked)
	facts := journal.Facts{Operation: about.Operation, MerchantReference: about.MerchantReference,
		ProviderReference: about.ProviderReference, RefundReference: about.RefundReference, Account: about.Account,
		Signature: journal.SignatureMissing}
	if asked.method.fromShopper() {
		facts.Signature = "" // a page for a person
		return facts
	}
	answered := d.answered(asked, a)
	d.platformSigned(answered, a, &facts)
	if answered.refused() {
		refusal(answered, &facts)
	} else {
		claims(answered, &facts)
	}
	return facts
}

// platformSigned fills in whether the provider's signature holds.
func (d *Dialect) platformSigned(answered answered, a *proxy.Answer, facts *journal.Facts) {
	if answered.signature == "" {
		return
	}
	facts.Signature, facts.Signer = journal.SignatureInvalid, answered.sn
	message := string(answered.content)
	if answered.rest {
		message = restAnswerMessage(a.Header.First(headerTimestamp), a.Header.First(headerNonce), a.Body)
	}
	if key := d.ring.named(answered.sn); key != nil && keys.Verifies(key.pair.Key(), message, answered.signature) {
		facts.Signature = journal.SignatureValid
	}
}

// acknowledgementFacts is what a merchant's answer to a notification says:
// which one it is about, and its word.
func acknowledgementFacts(r *proxy.Request, a *proxy.Answer) journal.Facts {
	said, ok := readNotice(r)
	if !ok {
		return journal.Facts{Operation: faults.Other}
	}
	told := said.facts()
	facts := journal.Facts{Operation: told.Operation, NotificationID: told.NotificationID, Account: told.Account,
		MerchantReference: told.MerchantReference, ProviderReference: told.ProviderReference,
		RefundReference: told.RefundReference}
	const word = 16
	if len(a.Body) <= word {
		facts.Status = string(a.Body)
	}
	return facts
}

// remember keeps where an app wants to be notified, for forgeries about
// payments that name no address.
func (d *Dialect) remember(appID, notifyURL string) {
	if read, err := url.Parse(notifyURL); err != nil || read.Host == "" || appID == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notifyAt[appID] = notifyURL
}

// remembered is where an app last wanted to be notified.
func (d *Dialect) remembered(appID string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.notifyAt[appID]
}

// Refuse implements proxy.Dialect. A status alone is a gateway out of order,
// which answers a page; nothing at all is the provider's unknown outcome.
func (d *Dialect) Refuse(r *proxy.Request, response faults.Response) (*proxy.Answer, error) {
	asked, ok := d.asked(r)
	if !ok {
		return merchantRefusal(response), nil
	}
	if response.TooMany {
		response = faults.Response{Code: subLimited}
		if asked.rest {
			response.Status = http.StatusTooManyRequests
		}
	}
	if response.Code == "" && response.Status >= http.StatusBadRequest {
		return d.desk.brokenPage(response.Status), nil
	}
	refused := d.desk.injected(response.Code)
	if asked.rest {
		return d.desk.restRefusal(refused, response.Status)
	}
	if asked.method.fromShopper() {
		return d.desk.errorPage(refused), nil
	}
	answer, err := d.desk.refusal(asked.method.node(), refused)
	if err != nil {
		return nil, fmt.Errorf("refuse with %s: %w", response.Code, err)
	}
	if response.Status != 0 {
		answer.Status, answer.Reason = response.Status, http.StatusText(response.Status)
	}
	return answer, nil
}

// injected is a failure as faults name it: a sub_code, with or without its
// prefix, or a bare code.
func (d desk) injected(code string) *failure {
	switch {
	case code == "":
		return d.unknown()
	case code == codeUnknown:
		return refuse(subUnknown)
	case strings.Trim(code, "0123456789") == "":
		return &failure{code: code}
	default:
		return refuse(spelled(code))
	}
}

// merchantRefusal is how a merchant refuses a notification: any word but
// success (§7). It signs nothing.
func merchantRefusal(response faults.Response) *proxy.Answer {
	status := response.Status
	if status == 0 {
		status = http.StatusOK
	}
	answer := &proxy.Answer{Status: status, Reason: http.StatusText(status), Body: []byte("fail")}
	answer.Header.Set("Content-Type", "text/plain")
	answer.Header.Set("Content-Length", "4")
	return answer
}
