package unionpay

import (
	"crypto"
	"fmt"
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
)

// EditRequest implements proxy.Dialect. A call is signed again with the
// merchant's key, a notification with the provider's.
func (d *Dialect) EditRequest(r *proxy.Request, edit faults.Edit) (*proxy.Request, error) {
	edited := r.Clone()
	body := newText(encoded, edited.Body)
	if err := d.change(body, edit); err != nil {
		return nil, fmt.Errorf("edit a request: %w", err)
	}
	sender := d.platformSigns
	if _, isCall := endpointOf(r.Target); isCall {
		sender = d.merchantSigns
	}
	if err := sender(body, edit.Signature); err != nil {
		return nil, fmt.Errorf("change a request's signature: %w", err)
	}
	setBody(&edited.Header, &edited.Body, body.raw)
	return edited, nil
}

// EditAnswer implements proxy.Dialect. The answers of the front endpoint, and
// all pages, have neither an amount nor a signature.
func (d *Dialect) EditAnswer(r *proxy.Request, a *proxy.Answer, edit faults.Edit) (*proxy.Answer, error) {
	if _, isCall := endpointOf(r.Target); !isCall {
		return nil, fmt.Errorf("edit a merchant's acknowledgement: %w", proxy.ErrCannotEdit)
	}
	edited := a.Clone()
	body := newText(plain, edited.Body)
	if err := d.change(body, edit); err != nil {
		return nil, fmt.Errorf("edit an answer: %w", err)
	}
	if err := d.platformSigns(body, edit.Signature); err != nil {
		return nil, fmt.Errorf("change an answer's signature: %w", err)
	}
	setBody(&edited.Header, &edited.Body, body.raw)
	return edited, nil
}

// change carries out what an edit says of the content.
func (d *Dialect) change(t *text, edit faults.Edit) error {
	if edit.Reference != "" {
		if err := d.changeReference(t, string(edit.Reference)); err != nil {
			return err
		}
	}
	if edit.State != "" {
		if err := t.changeState(edit.State); err != nil {
			return err
		}
	}
	if edit.Account != "" {
		if err := t.changeAccount(edit.Account); err != nil {
			return err
		}
	}
	if edit.Field != nil {
		if err := t.changeField(*edit.Field); err != nil {
			return err
		}
	}
	if edit.Amount != "" {
		return t.changeAmount(edit.Amount)
	}
	return nil
}

// changeReference names another payment. What names its payment only by queryId
// has no merchant reference to replace: most refunds and voids, and queries
// about those, whose orderId is their own.
func (d *Dialect) changeReference(t *text, reference string) error {
	values, err := t.values()
	if err != nil {
		return err
	}
	kind := values.transaction()
	if kind == queryByOrder {
		kind, _ = d.memory.kind(values)
	}
	name := "orderId"
	if kind == refund || kind == void {
		name = "origOrderId"
	}
	if values[name] == reference {
		return fmt.Errorf("%s is %s already: %w", name, reference, proxy.ErrCannotEdit)
	}
	return t.set(name, reference)
}

// setBody replaces a body and keeps a stated length true.
func setBody(header *proxy.Header, body *[]byte, with []byte) {
	*body = with
	if header.First("Content-Length") != "" {
		header.Set("Content-Length", strconv.Itoa(len(with)))
	}
}

// spoil does what needs no key; done is false if there is more to do.
func (t *text) spoil(change faults.SignatureChange) (done bool, err error) {
	if change == "" {
		return true, nil
	}
	was, err := t.at("signature")
	if err != nil {
		return true, err
	}
	switch change {
	case faults.SignatureMissing:
		return true, t.remove("signature")
	case faults.SignatureBroken:
		return true, t.set("signature", keys.Broken(was.value))
	case faults.SignatureProbe:
		return true, fmt.Errorf("UnionPay sends no probes: %w", proxy.ErrCannotEdit)
	default:
		return false, nil
	}
}

// merchantSigns changes a merchant's signature. Only the values that must
// change do; their order stays the client's.
func (d *Dialect) merchantSigns(t *text, change faults.SignatureChange) error {
	if done, err := t.spoil(change); done {
		return err
	}
	values, err := t.values()
	if err != nil {
		return err
	}
	switch change {
	case faults.SignatureWrongSerial:
		// A certId that nobody has, in a genuine signature of it.
		if err := t.set("certId", "7"+keys.Digits(10)); err != nil {
			return err
		}
	case faults.SignatureExpiredTimestamp:
		if !values.transaction().fresh() {
			return fmt.Errorf("a txnTime that names another transaction does not age: %w", proxy.ErrCannotEdit)
		}
		if err := t.set("txnTime", writeTime(d.clock.Now().Add(-2*d.options.window()))); err != nil {
			return err
		}
	}
	return d.merchantSignsAgain(t, change == faults.SignatureWrongKey)
}

// merchantSignsAgain makes the signature over the values as they are now.
func (d *Dialect) merchantSignsAgain(t *text, wrongly bool) error {
	values, err := t.values()
	if err != nil {
		return err
	}
	if values["signMethod"] == bySecureKey {
		return d.sealAgain(t, values, wrongly)
	}
	var pair crypto.Signer = d.private[t.owner]
	if wrongly {
		strangers, err := d.stranger()
		if err != nil {
			return err
		}
		pair = strangers.foreign.pair
	}
	if pair == nil {
		return fmt.Errorf("no private key of merchant %s: %w", t.owner, proxy.ErrCannotEdit)
	}
	signature, err := values.sign(pair)
	if err != nil {
		return err
	}
	return t.set("signature", signature)
}

// sealAgain does the same for signMethod 11, which has the same key in both
// directions.
func (d *Dialect) sealAgain(t *text, values fields, wrongly bool) error {
	who := d.ring.merchants[t.owner]
	if who == nil || who.SecureKey == "" {
		return fmt.Errorf("no secure key of merchant %s: %w", t.owner, proxy.ErrCannotEdit)
	}
	key := who.SecureKey
	if wrongly {
		key = keys.Hex(32)
	}
	return t.set("signature", values.seal(key))
}

// platformSigns changes the provider's signature on an answer or a
// notification. What is wrong with a certificate is wrong with the one inside
// the message; the signature fits it (§16.1).
func (d *Dialect) platformSigns(t *text, change faults.SignatureChange) error {
	if done, err := t.spoil(change); done {
		return err
	}
	values, err := t.values()
	if err != nil {
		return err
	}
	if values["signMethod"] == bySecureKey {
		if change == faults.SignatureWrongSerial || change == faults.SignatureExpiredTimestamp {
			return fmt.Errorf("a secure key has no certificate: %w", proxy.ErrCannotEdit)
		}
		return d.sealAgain(t, values, change == faults.SignatureWrongKey)
	}
	who, err := d.signer(change)
	if err != nil {
		return err
	}
	if own, is := d.ring.named(values["signPubKeyCert"]); is && change == faults.SignatureResigned {
		who = own // whichever the provider signs with now
	}
	if who.pem != values["signPubKeyCert"] {
		if err := t.set("signPubKeyCert", who.pem); err != nil {
			return err
		}
		values["signPubKeyCert"] = who.pem
	}
	signature, err := values.sign(who.pair)
	if err != nil {
		return err
	}
	return t.set("signature", signature)
}

// signer is who signs a message of the provider's again.
func (d *Dialect) signer(change faults.SignatureChange) (identity, error) {
	switch change {
	case faults.SignatureResigned:
		return d.ring.leaf, nil
	case faults.SignatureExpiredTimestamp:
		if d.expired == nil {
			return identity{}, fmt.Errorf("no certificate that has run out: %w", proxy.ErrCannotEdit)
		}
		return *d.expired, nil
	case faults.SignatureWrongKey, faults.SignatureWrongSerial:
		strangers, err := d.stranger()
		if err != nil {
			return identity{}, fmt.Errorf("make a certificate that nobody trusts: %w", err)
		}
		if change == faults.SignatureWrongKey {
			return strangers.foreign, nil
		}
		return strangers.unchained, nil
	default:
		return identity{}, fmt.Errorf("signature %q: %w", change, proxy.ErrCannotEdit)
	}
}
