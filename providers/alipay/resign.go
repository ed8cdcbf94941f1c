package alipay

import (
	"crypto"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/surgery"
)

// changeCallSignature changes an app's signature on a gateway call. The
// timestamp of one is stale only where the provider looks at it, and a serial
// is sent in certificate mode only.
func (d *Dialect) changeCallSignature(r *proxy.Request, asked asked, change faults.SignatureChange) error {
	window := d.ring.config.Options.TimestampWindow.Std()
	switch {
	case change == "":
		return nil
	case asked.signature == "" || asked.read["sign_type"] != signRSA2:
		return proxy.ErrCannotEdit
	case change == faults.SignatureMissing:
		changeTexts(r, func(text string) (string, bool) { return dropPair(text, "sign") })
		return nil
	case change == faults.SignatureBroken:
		setParameter(r, "sign", keys.Broken(asked.signature))
		return nil
	case change == faults.SignatureWrongSerial && asked.certSN != "":
		setParameter(r, "app_cert_sn", bogusSN())
	case change == faults.SignatureExpiredTimestamp && window > 0:
		setParameter(r, "timestamp", wireTime(d.clock.Now().Add(-2*window)))
	case change != faults.SignatureResigned && change != faults.SignatureWrongKey:
		return proxy.ErrCannotEdit
	}
	pair, err := d.merchantKey(asked.appID, change)
	if err != nil {
		return err
	}
	query, form := textsOf(r)
	read, err := readParameters(query, form)
	if err != nil {
		return proxy.ErrCannotEdit
	}
	again, err := keys.Sign(pair, read.toSign(false, "sign"))
	if err != nil {
		return err
	}
	setParameter(r, "sign", again)
	return nil
}

// merchantKey is the key to sign a merchant's call with.
func (d *Dialect) merchantKey(appID string, change faults.SignatureChange) (crypto.Signer, error) {
	if change == faults.SignatureWrongKey {
		return d.stranger()
	}
	pair, known := d.private[appID]
	if !known {
		return nil, fmt.Errorf("no private key of app %s: %w", appID, proxy.ErrCannotEdit)
	}
	return pair, nil
}

// changeNoticeSignature changes the signature of a notification. It names no
// serial, and no merchant is asked to look at its time (§7).
func (d *Dialect) changeNoticeSignature(form string, change faults.SignatureChange) (string, error) {
	if change == "" {
		return form, nil
	}
	read, err := readParameters("", form)
	if err != nil || read["sign"] == "" {
		return "", proxy.ErrCannotEdit
	}
	switch change {
	case faults.SignatureMissing:
		form, _ = dropPair(form, "sign")
		return form, nil
	case faults.SignatureBroken:
		form, _ = setPair(form, "sign", keys.Broken(read["sign"]))
		return form, nil
	case faults.SignatureResigned, faults.SignatureWrongKey:
		pair, err := d.platformKey(d.ring.signing(d.clock.Now()), change)
		if err != nil {
			return "", err
		}
		again, err := keys.Sign(pair, read.noticeString())
		if err != nil {
			return "", err
		}
		form, _ = setPair(form, "sign", again)
		return form, nil
	default:
		return "", proxy.ErrCannotEdit
	}
}

// platformKey is the key to sign the provider's message with.
func (d *Dialect) platformKey(own *identity, change faults.SignatureChange) (*keys.Signer, error) {
	if change == faults.SignatureWrongKey {
		return d.stranger()
	}
	if own == nil {
		return nil, proxy.ErrCannotEdit
	}
	return own.pair, nil
}

// changeAnswerSignature changes the provider's signature on an answer.
func (d *Dialect) changeAnswerSignature(a *proxy.Answer, answered answered, change faults.SignatureChange) error {
	switch {
	case change == "":
		return nil
	case answered.signature == "":
		return proxy.ErrCannotEdit
	case answered.rest:
		return d.changeRESTSignature(a, answered, change)
	}
	set := func(name, value string) error {
		where, err := surgery.Locate(a.Body, name)
		if err != nil {
			return proxy.ErrCannotEdit
		}
		setBody(&a.Header, &a.Body, where.Replaced(a.Body, `"`+value+`"`))
		return nil
	}
	switch change {
	case faults.SignatureMissing:
		where, err := surgery.Locate(a.Body, "sign")
		if err != nil {
			return proxy.ErrCannotEdit
		}
		setBody(&a.Header, &a.Body, where.Removed(a.Body))
		return nil
	case faults.SignatureBroken:
		return set("sign", keys.Broken(answered.signature))
	case faults.SignatureWrongSerial:
		return set("alipay_cert_sn", bogusSN())
	case faults.SignatureResigned, faults.SignatureWrongKey:
		pair, err := d.platformKey(d.ring.named(answered.sn), change)
		if err != nil {
			return err
		}
		again, err := keys.Sign(pair, string(answered.content))
		if err != nil {
			return err
		}
		return set("sign", again)
	default:
		return proxy.ErrCannotEdit
	}
}

// changeRESTSignature does the same in the headers of v3.
func (d *Dialect) changeRESTSignature(a *proxy.Answer, answered answered, change faults.SignatureChange) error {
	timestamp := a.Header.First(headerTimestamp)
	switch change {
	case faults.SignatureMissing:
		a.Header.Remove(headerSignature)
		return nil
	case faults.SignatureBroken:
		a.Header.Set(headerSignature, keys.Broken(answered.signature))
		return nil
	case faults.SignatureWrongSerial:
		if answered.sn == "" {
			return proxy.ErrCannotEdit
		}
		a.Header.Set(headerSN, bogusSN())
		return nil
	case faults.SignatureExpiredTimestamp:
		timestamp = d.stale()
	case faults.SignatureResigned, faults.SignatureWrongKey:
	default:
		return proxy.ErrCannotEdit
	}
	own := d.ring.named(answered.sn)
	pair, err := d.platformKey(own, change)
	if err != nil {
		return err
	}
	return d.desk.restSign(&a.Header, a.Body, timestamp, &identity{answered.sn, pair})
}

// stale is a timestamp of v3, in milliseconds, that no receiver may accept any
// more, whatever life the message gives itself.
func (d *Dialect) stale() string {
	return strconv.FormatInt(d.clock.Now().Add(-48*time.Hour).UnixMilli(), 10)
}

// changeAuthorization changes an app's signature on a request of v3.
func (d *Dialect) changeAuthorization(r *proxy.Request, asked asked, change faults.SignatureChange) error {
	signed := asked.said.signed
	switch {
	case change == "":
		return nil
	case asked.signature == "":
		return proxy.ErrCannotEdit
	case change == faults.SignatureMissing:
		r.Header.Remove("Authorization")
		return nil
	case change == faults.SignatureBroken:
		r.Header.Set("Authorization", restScheme+" "+signed+",sign="+keys.Broken(asked.signature))
		return nil
	case change == faults.SignatureWrongSerial && asked.certSN != "":
		signed = strings.Replace(signed, asked.certSN, bogusSN(), 1)
	case change == faults.SignatureExpiredTimestamp:
		signed = strings.Replace(signed, "timestamp="+asked.said.fields["timestamp"], "timestamp="+d.stale(), 1)
	case change != faults.SignatureResigned && change != faults.SignatureWrongKey:
		return proxy.ErrCannotEdit
	}
	pair, err := d.merchantKey(asked.appID, change)
	if err != nil {
		return err
	}
	again, err := keys.Sign(pair, restMessage(signed, restRequest{r.Method, r.Target, r.Header, r.Body}))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", restScheme+" "+signed+",sign="+again)
	return nil
}
