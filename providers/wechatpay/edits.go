package wechatpay

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/surgery"
)

// staleBy is how old an expired signature's timestamp is: twice the window.
const staleBy = 2 * window

// EditRequest implements proxy.Dialect. A call is signed again with the
// merchant's key, a notification with the provider's.
func (d *Dialect) EditRequest(r *proxy.Request, edit faults.Edit) (*proxy.Request, error) {
	found, isCall := routeOf(r.Target)
	where, older := requestEditsV2(found.operation), found.v2
	if _, ok := d.openV2(r); ok && !isCall {
		where, older = editsV2{"total_fee", "fee_type"}, true
	}
	if older {
		edited, err := d.editRequestV2(r, where, edit)
		if err != nil {
			return nil, fmt.Errorf("edit a request of v2: %w", err)
		}
		return edited, nil
	}
	edited := r.Clone()
	body, err := d.editedRequest(r, found, isCall, edit)
	if err != nil {
		return nil, fmt.Errorf("edit a request: %w", err)
	}
	if !bytes.Equal(body, r.Body) {
		setBody(&edited.Header, &edited.Body, body)
	}
	if isCall {
		err = d.changeAuthorization(edited, edit.Signature)
	} else {
		err = d.changeSignature(&edited.Header, edited.Body, edit.Signature)
	}
	if err != nil {
		return nil, fmt.Errorf("change a request's signature: %w", err)
	}
	return edited, nil
}

// editedRequest is a request's body as edited: the amount is the order's total,
// or what a refund asks for.
func (d *Dialect) editedRequest(r *proxy.Request, found route, isCall bool, edit faults.Edit) ([]byte, error) {
	switch {
	case !edit.Changes():
		return r.Body, nil
	case !isCall:
		return d.editedNotification(r, edit)
	case found.combined && found.operation == faults.Create:
		return d.editText(r.Body, edit, firstSub())
	case found.operation == faults.Create || found.operation == faults.PayCode:
		return d.editText(r.Body, edit, ordinary("total"))
	case found.operation == faults.Refund:
		return d.editText(r.Body, edit, ordinary("refund"))
	default:
		return d.editText(r.Body, edit, ordinary("")) // it has no amount; its fields may change
	}
}

// editText changes what a body says.
func (d *Dialect) editText(text []byte, edit faults.Edit, words wording) ([]byte, error) {
	var err error
	if edit.Reference != "" {
		if text, err = replaceMember(text, words, string(edit.Reference), words.number); err != nil {
			return nil, err
		}
	}
	if edit.Account != "" {
		if text, err = changeAccount(text, edit.Account); err != nil {
			return nil, err
		}
	}
	if edit.State != "" {
		if text, err = d.changeState(text, edit.State, words); err != nil {
			return nil, err
		}
	}
	if edit.Field != nil {
		if text, err = surgery.Field(text, *edit.Field); err != nil {
			return nil, err
		}
	}
	if edit.Amount != "" {
		return changeAmount(text, edit.Amount, words)
	}
	return text, nil
}

// editedNotification opens, edits and seals again under the same nonce: the
// texts of both sides differ, but no attacker is being kept out here, and the
// envelope stays the same but for the ciphertext.
func (d *Dialect) editedNotification(r *proxy.Request, edit faults.Edit) ([]byte, error) {
	opened, err := d.open(r)
	if err != nil {
		return nil, proxy.ErrCannotEdit
	}
	words := ordinary("total")
	switch {
	case opened.operation == faults.NotifyRefund:
		words = ordinary("refund")
	case isCombined(reading{opened.values}):
		words = firstSub()
	}
	plain, err := d.editText(opened.plain, edit, words)
	if err != nil && edit.Field != nil { // it may be a member of the envelope
		return surgery.Field(r.Body, *edit.Field)
	}
	if err != nil {
		return nil, err
	}
	hidden, err := seal(opened.apiKey, opened.nonce, opened.associated, plain)
	if err != nil {
		return nil, err
	}
	where, err := surgery.Locate(r.Body, "resource", "ciphertext")
	if err != nil {
		return nil, proxy.ErrCannotEdit
	}
	return where.Replaced(r.Body, `"`+hidden+`"`), nil
}

// EditAnswer implements proxy.Dialect.
func (d *Dialect) EditAnswer(r *proxy.Request, a *proxy.Answer, edit faults.Edit) (*proxy.Answer, error) {
	found, isCall := routeOf(r.Target)
	if !isCall {
		return nil, fmt.Errorf("edit a merchant's acknowledgement: %w", proxy.ErrCannotEdit)
	}
	if found.v2 {
		edited, err := d.editAnswerV2(r, a, found, edit)
		if err != nil {
			return nil, fmt.Errorf("edit an answer of v2: %w", err)
		}
		return edited, nil
	}
	edited := a.Clone()
	if edit.Changes() {
		words := ordinary("total")
		switch {
		case found.combined:
			words = firstSub()
		case found.operation == faults.Refund || found.operation == faults.RefundQuery:
			words = ordinary("refund")
		}
		body, err := d.editText(a.Body, edit, words)
		if err != nil {
			return nil, fmt.Errorf("edit an answer: %w", err)
		}
		setBody(&edited.Header, &edited.Body, body)
	}
	if err := d.changeSignature(&edited.Header, edited.Body, edit.Signature); err != nil {
		return nil, fmt.Errorf("change an answer's signature: %w", err)
	}
	return edited, nil
}

// setBody replaces a body and keeps a stated length true.
func setBody(header *proxy.Header, body *[]byte, with []byte) {
	*body = with
	if header.First("Content-Length") != "" {
		header.Set("Content-Length", strconv.Itoa(len(with)))
	}
}

// changeAuthorization changes a merchant's signature. Only the pieces that
// must change do: the order of the fields, the nonce and, unless it is to be
// stale, the timestamp stay the client's. A merchant has no signature probe.
func (d *Dialect) changeAuthorization(r *proxy.Request, change faults.SignatureChange) error {
	if change == "" {
		return nil
	}
	header := r.Header.First("Authorization")
	said, err := parseAuthorization(header)
	if err != nil {
		return proxy.ErrCannotEdit
	}
	replace := func(field, was, becomes string) {
		header = strings.Replace(header, field+`="`+was+`"`, field+`="`+becomes+`"`, 1)
	}
	timestamp := said.timestamp
	switch change {
	case faults.SignatureMissing:
		r.Header.Remove("Authorization")
		return nil
	case faults.SignatureBroken:
		replace("signature", said.signature, keys.Broken(said.signature))
	case faults.SignatureWrongSerial:
		replace("serial_no", said.serial, bogusSerial(said.serial))
	case faults.SignatureExpiredTimestamp:
		timestamp = stale(d.clock.Now())
		replace("timestamp", said.timestamp, timestamp)
		fallthrough
	case faults.SignatureResigned, faults.SignatureWrongKey:
		pair, err := d.merchantKey(said.mchID, change)
		if err != nil {
			return err
		}
		again, err := keys.Sign(pair, requestMessage(r.Method, r.Target, timestamp, said.nonce, r.Body))
		if err != nil {
			return err
		}
		replace("signature", said.signature, again)
	default:
		return proxy.ErrCannotEdit
	}
	r.Header.Set("Authorization", header)
	return nil
}

// merchantKey is the key to sign a merchant's call with.
func (d *Dialect) merchantKey(mchid string, change faults.SignatureChange) (crypto.Signer, error) {
	if change == faults.SignatureWrongKey {
		return d.stranger()
	}
	pair, known := d.private[mchid]
	if !known {
		return nil, fmt.Errorf("no private key of merchant %s: %w", mchid, proxy.ErrCannotEdit)
	}
	return pair, nil
}

// changeSignature changes the provider's signature on an answer or a
// notification. One without a signature has nothing to change.
func (d *Dialect) changeSignature(header *proxy.Header, body []byte, change faults.SignatureChange) error {
	was := header.First(headerSignature)
	if change == "" {
		return nil
	}
	if was == "" {
		return proxy.ErrCannotEdit
	}
	switch change {
	case faults.SignatureMissing:
		for _, name := range signatureHeaders() {
			header.Remove(name)
		}
	case faults.SignatureBroken:
		header.Set(headerSignature, keys.Broken(was))
	case faults.SignatureWrongSerial:
		header.Set(headerSerial, bogusSerial(header.First(headerSerial)))
	case faults.SignatureProbe:
		header.Set(headerSignature, probePrefix+base64.StdEncoding.EncodeToString(keys.Random(keys.Bits/8)))
	case faults.SignatureResigned, faults.SignatureWrongKey, faults.SignatureExpiredTimestamp:
		return d.signAgain(header, body, change)
	default:
		return proxy.ErrCannotEdit
	}
	return nil
}

// signAgain signs an edited message under its own nonce and serial, and under
// its own timestamp unless that is to be stale.
func (d *Dialect) signAgain(header *proxy.Header, body []byte, change faults.SignatureChange) error {
	key := d.ring.named(header.First(headerSerial))
	if key == nil {
		return proxy.ErrCannotEdit
	}
	pair, timestamp := key.pair, header.First(headerTimestamp)
	switch change {
	case faults.SignatureWrongKey:
		stranger, err := d.stranger()
		if err != nil {
			return err
		}
		pair = stranger
	case faults.SignatureExpiredTimestamp:
		timestamp = stale(d.clock.Now())
	}
	signature, err := keys.Sign(pair, answerMessage(timestamp, header.First(headerNonce), body))
	if err != nil {
		return err
	}
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, signature)
	return nil
}

// stale is a timestamp that no receiver may accept any more.
func stale(now time.Time) string { return strconv.FormatInt(now.Add(-staleBy).Unix(), 10) }
