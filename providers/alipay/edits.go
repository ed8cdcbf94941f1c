package alipay

import (
	"crypto"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/surgery"
)

// EditRequest implements proxy.Dialect. A call is signed again with the
// merchant's key, a notification with the provider's.
func (d *Dialect) EditRequest(r *proxy.Request, edit faults.Edit) (*proxy.Request, error) {
	edited := r.Clone()
	asked, isCall := d.asked(r)
	var err error
	switch {
	case isCall && asked.rest:
		err = d.editREST(edited, asked, edit)
	case isCall:
		err = d.editCall(edited, asked, edit)
	default:
		err = d.editNotice(edited, edit)
	}
	if err != nil {
		return nil, fmt.Errorf("edit a request: %w", err)
	}
	return edited, nil
}

// amountAsked is the member that a call's amount stands in; "" if it has none.
func amountAsked(operation faults.Operation) string {
	switch operation {
	case faults.Create, faults.PayCode:
		return "total_amount"
	case faults.Refund:
		return "refund_amount"
	default:
		return ""
	}
}

// editedBusiness is the business parameters after the edit, sealed again if
// they were.
func editedBusiness(asked asked, edit faults.Edit) (string, error) {
	plain, err := editJSON(asked.plain, edit, amountAsked(asked.method.operation()))
	if err != nil {
		return "", err
	}
	if !asked.sealed {
		return string(plain), nil
	}
	return seal(asked.aesKey, plain)
}

// editCall edits a request to gateway.do, wherever its parameters stand.
func (d *Dialect) editCall(r *proxy.Request, asked asked, edit faults.Edit) error {
	if edit.Amount != "" || edit.Reference != "" {
		business, err := editedBusiness(asked, edit)
		if err != nil {
			return err
		}
		if !setParameter(r, "biz_content", business) {
			return proxy.ErrCannotEdit
		}
	}
	return d.changeCallSignature(r, asked, edit.Signature)
}

// setParameter gives a parameter another value in query and form; false if it
// is in neither.
func setParameter(r *proxy.Request, name, value string) bool {
	return changeTexts(r, func(text string) (string, bool) { return setPair(text, name, value) })
}

// changeTexts changes the query and the form of a request; false if neither
// had anything to change.
func changeTexts(r *proxy.Request, change func(string) (string, bool)) bool {
	query, form := textsOf(r)
	again, inQuery := change(query)
	if inQuery {
		r.Target = r.Path() + "?" + again
	}
	again, inForm := change(form)
	if inForm && r.Method != http.MethodGet {
		setBody(&r.Header, &r.Body, []byte(again))
	}
	return inQuery || inForm
}

// setBody replaces a body and keeps a stated length true.
func setBody(header *proxy.Header, body *[]byte, with []byte) {
	*body = with
	if header.First("Content-Length") != "" {
		header.Set("Content-Length", strconv.Itoa(len(with)))
	}
}

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

// editREST edits a request of v3.
func (d *Dialect) editREST(r *proxy.Request, asked asked, edit faults.Edit) error {
	if edit.Amount != "" || edit.Reference != "" {
		business, err := editedBusiness(asked, edit)
		if err != nil {
			return err
		}
		setBody(&r.Header, &r.Body, []byte(business))
	}
	signed := asked.said.signed
	switch {
	case edit.Signature == "":
		return nil
	case asked.signature == "":
		return proxy.ErrCannotEdit
	case edit.Signature == faults.SignatureMissing:
		r.Header.Remove("Authorization")
		return nil
	case edit.Signature == faults.SignatureBroken:
		r.Header.Set("Authorization", restScheme+" "+signed+",sign="+keys.Broken(asked.signature))
		return nil
	case edit.Signature == faults.SignatureWrongSerial && asked.certSN != "":
		signed = strings.Replace(signed, asked.certSN, bogusSN(), 1)
	case edit.Signature == faults.SignatureExpiredTimestamp:
		signed = strings.Replace(signed, "timestamp="+asked.said.fields["timestamp"], "timestamp="+d.stale(), 1)
	case edit.Signature != faults.SignatureResigned && edit.Signature != faults.SignatureWrongKey:
		return proxy.ErrCannotEdit
	}
	pair, err := d.merchantKey(asked.appID, edit.Signature)
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

// stale is a timestamp of v3, in milliseconds, that no receiver may accept any
// more, whatever life the message gives itself.
func (d *Dialect) stale() string {
	return strconv.FormatInt(d.clock.Now().Add(-48*time.Hour).UnixMilli(), 10)
}

// editNotice edits a notification: a form that the provider signed.
func (d *Dialect) editNotice(r *proxy.Request, edit faults.Edit) error {
	said, ok := readNotice(r)
	if !ok {
		return proxy.ErrCannotEdit
	}
	form := string(r.Body)
	var err error
	if edit.Amount != "" {
		member := "total_amount"
		if said.refund {
			member = "refund_fee"
		}
		if form, err = changeField(form, said.read, edit.Amount, member); err != nil {
			return err
		}
	}
	if edit.Reference != "" {
		if form, ok = setPair(form, "out_trade_no", string(edit.Reference)); !ok {
			return proxy.ErrCannotEdit
		}
	}
	if form, err = d.changeNoticeSignature(form, edit.Signature); err != nil {
		return err
	}
	setBody(&r.Header, &r.Body, []byte(form))
	return nil
}

// changeField corrupts an amount of a form, or names another currency.
func changeField(form string, read parameters, change faults.AmountChange, name string) (string, error) {
	was, present := read[name]
	if !present {
		return "", fmt.Errorf("find %s: %w", name, proxy.ErrCannotEdit)
	}
	switch change {
	case faults.AmountMissing:
		form, _ = dropPair(form, name)
		return form, nil
	case faults.AmountOtherCurrency:
		if named, found := setPair(form, "trans_currency", otherCurrency); found {
			return named, nil
		}
		form, _ = addPair(form, name, "trans_currency", otherCurrency)
		return form, nil
	}
	becomes, _, err := changedYuan(was, change)
	if err != nil {
		return "", err
	}
	form, _ = setPair(form, name, becomes)
	return form, nil
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

// EditAnswer implements proxy.Dialect.
func (d *Dialect) EditAnswer(r *proxy.Request, a *proxy.Answer, edit faults.Edit) (*proxy.Answer, error) {
	asked, isCall := d.asked(r)
	if !isCall {
		return nil, fmt.Errorf("edit a merchant's acknowledgement: %w", proxy.ErrCannotEdit)
	}
	edited := a.Clone()
	answered := d.answered(asked, a)
	if edit.Amount != "" || edit.Reference != "" {
		body, err := editedNode(asked, answered, a.Body, edit)
		if err != nil {
			return nil, fmt.Errorf("edit an answer: %w", err)
		}
		setBody(&edited.Header, &edited.Body, body)
		answered = d.answered(asked, edited)
	}
	if err := d.changeAnswerSignature(edited, answered, edit.Signature); err != nil {
		return nil, fmt.Errorf("change an answer's signature: %w", err)
	}
	return edited, nil
}

// amountAnswered is the member that an answer's amount stands in.
func amountAnswered(operation faults.Operation) string {
	switch operation {
	case faults.PayCode, faults.Query:
		return "total_amount"
	case faults.Refund:
		return "refund_fee"
	case faults.RefundQuery:
		return "refund_amount"
	default:
		return ""
	}
}

// editedNode is an answer's body with its node edited, and sealed again if it
// was.
func editedNode(asked asked, answered answered, body []byte, edit faults.Edit) ([]byte, error) {
	plain, err := editJSON(answered.plain, edit, amountAnswered(asked.method.operation()))
	if err != nil {
		return nil, err
	}
	content := string(plain)
	if answered.sealed {
		if content, err = seal(asked.aesKey, plain); err != nil {
			return nil, err
		}
	}
	if answered.rest {
		return []byte(content), nil
	}
	if answered.sealed {
		content = `"` + content + `"`
	}
	where, err := surgery.Locate(body, answered.name)
	if err != nil {
		return nil, proxy.ErrCannotEdit
	}
	return where.Replaced(body, content), nil
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
