package wechatpay

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/ledger"
	"github.com/payquake/payquake/providers/surgery"
)

// editsV2 is what an edit changes of a v2 message: the parameter of its
// amount, "" if it has none, and the one of the currency.
type editsV2 struct{ amount, currency string }

// requestEditsV2 and answerEditsV2 are the amounts of calls and answers.
func requestEditsV2(operation faults.Operation) editsV2 {
	switch operation {
	case faults.Create, faults.PayCode:
		return editsV2{"total_fee", "fee_type"}
	case faults.Refund:
		return editsV2{"refund_fee", "refund_fee_type"}
	default:
		return editsV2{}
	}
}

func answerEditsV2(operation faults.Operation) editsV2 {
	switch operation {
	case faults.PayCode, faults.Query:
		return editsV2{"total_fee", "fee_type"}
	case faults.Refund:
		return editsV2{"refund_fee", "refund_fee_type"}
	case faults.RefundQuery:
		return editsV2{"refund_fee_0", "refund_fee_type_0"}
	default:
		return editsV2{}
	}
}

// editedV2 is a body after an edit; every byte that need not change stays. The
// signature is of the given type, since answers do not name theirs.
func (d *Dialect) editedV2(text []byte, edit faults.Edit, where editsV2, signType string) ([]byte, error) {
	form, err := parseXML(text)
	if err != nil {
		return nil, fmt.Errorf("read the XML: %w: %w", proxy.ErrCannotEdit, err)
	}
	owner := form.get("mch_id") // whoever it becomes
	if edit.Reference != "" {
		if text, err = replaced(text, "out_trade_no", string(edit.Reference)); err != nil {
			return nil, err
		}
	}
	if edit.Account != "" {
		if text, err = changeAccountV2(text, edit.Account); err != nil {
			return nil, err
		}
	}
	if edit.State != "" {
		if text, err = changeStateV2(text, edit.State, form); err != nil {
			return nil, err
		}
	}
	if edit.Field != nil {
		if text, err = changeFieldV2(text, *edit.Field); err != nil {
			return nil, err
		}
	}
	if edit.Amount != "" {
		if text, err = changeFee(text, edit.Amount, where); err != nil {
			return nil, err
		}
	}
	return d.signAgainV2(text, edit.Signature, signType, owner)
}

// changeAccountV2 makes a message one for another merchant or app. It stays
// sealed with this merchant's key, as if one key served all of its accounts.
func changeAccountV2(text []byte, change faults.AccountChange) ([]byte, error) {
	switch change {
	case faults.OtherAccount:
		return replaced(text, "mch_id", otherAccount(change))
	case faults.OtherApp:
		return replaced(text, "appid", otherAccount(change))
	default:
		return nil, fmt.Errorf("%s: %w", change, proxy.ErrCannotEdit)
	}
}

// changeStateV2 makes a query's answer lie about its trade_state, and a
// notification, which has none, about its result_code.
func changeStateV2(text []byte, change faults.StateChange, said document) ([]byte, error) {
	if was := said.get("trade_state"); was != "" {
		becomes, err := changedState(was, change)
		if err != nil {
			return nil, err
		}
		return replaced(text, "trade_state", becomes)
	}
	switch {
	case change == faults.StateUnknown:
		return replaced(text, "result_code", stateNobodyKnows)
	case change == faults.PaidToUnpaid && said.get("result_code") == "SUCCESS":
		return replaced(text, "result_code", "FAIL")
	default:
		return nil, fmt.Errorf("%s of %q: %w", change, said.get("result_code"), proxy.ErrCannotEdit)
	}
}

// changeFieldV2 gives one element another text, or drops it.
func changeFieldV2(text []byte, edit faults.FieldEdit) ([]byte, error) {
	name := strings.Join(edit.Path, ".")
	at, err := find(text, name)
	switch {
	case err != nil:
		return nil, err
	case edit.Missing:
		return surgery.Splice(text, at.from, at.to, ""), nil
	case at.value == edit.Value:
		return nil, fmt.Errorf("%s is %q already: %w", name, edit.Value, proxy.ErrCannotEdit)
	default:
		return replaced(text, name, edit.Value)
	}
}

// changeFee corrupts an amount, or names another currency.
func changeFee(text []byte, change faults.AmountChange, where editsV2) ([]byte, error) {
	at, err := find(text, where.amount)
	if err != nil {
		return nil, err
	}
	switch change {
	case faults.AmountMissing:
		return surgery.Splice(text, at.from, at.to, ""), nil
	case faults.AmountOtherCurrency:
		if edited, err := replaced(text, where.currency, "USD"); err == nil {
			return edited, nil
		}
		return surgery.Splice(text, at.to, at.to, "<"+where.currency+">USD</"+where.currency+">"), nil
	}
	was, err := strconv.ParseInt(at.value, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", where.amount, proxy.ErrCannotEdit)
	}
	becomes, err := surgery.Changed(was, change)
	if err != nil {
		return nil, err
	}
	return replaced(text, where.amount, becomes.Text)
}

// find is a parameter's place; an empty tag has no place for a value.
func find(text []byte, name string) (element, error) {
	elements, err := elementsOf(text)
	if err != nil {
		return element{}, fmt.Errorf("find %s: %w: %w", name, proxy.ErrCannotEdit, err)
	}
	for _, each := range elements {
		if each.name == name && each.end < each.to {
			return each, nil
		}
	}
	return element{}, fmt.Errorf("find %s: %w", name, proxy.ErrCannotEdit)
}

// replaced is the text with another value of a parameter, in CDATA if the
// value was.
func replaced(text []byte, name, value string) ([]byte, error) {
	at, err := find(text, name)
	if err != nil {
		return nil, err
	}
	cdata := bytes.HasPrefix(text[at.start:at.end], []byte("<![CDATA["))
	return surgery.Splice(text, at.start, at.end, field{value: value, plain: !cdata}.content()), nil
}

// signAgainV2 changes a signature, made with the owner's key. v2 has neither timestamps nor serials nor
// probes.
func (d *Dialect) signAgainV2(text []byte, change faults.SignatureChange, signType, owner string) ([]byte, error) {
	if change == "" {
		return text, nil
	}
	at, err := find(text, "sign")
	if err != nil {
		return nil, err
	}
	form, err := parseXML(text)
	if err != nil {
		return nil, fmt.Errorf("sign again: %w: %w", proxy.ErrCannotEdit, err)
	}
	switch change {
	case faults.SignatureMissing:
		return surgery.Splice(text, at.from, at.to, ""), nil
	case faults.SignatureBroken:
		return replaced(text, "sign", brokenDigits(at.value))
	case faults.SignatureWrongKey:
		return replaced(text, "sign", form.sign(keys.Hex(32), signType))
	case faults.SignatureResigned:
		who := d.ring.merchants[owner]
		if who == nil || who.APIv2Key == "" || form.sign(who.APIv2Key, signType) == "" {
			return nil, fmt.Errorf("sign for %q: %w", owner, proxy.ErrCannotEdit)
		}
		return replaced(text, "sign", form.sign(who.APIv2Key, signType))
	default:
		return nil, fmt.Errorf("%s: %w", change, proxy.ErrCannotEdit)
	}
}

// editRequestV2 edits a v2 call or notification. A refund names its order too,
// but what a query, a close or a reversal is about is not an edit's business.
func (d *Dialect) editRequestV2(r *proxy.Request, where editsV2, edit faults.Edit) (*proxy.Request, error) {
	form, err := parseXML(r.Body)
	if err != nil || (where == editsV2{} && (edit.Amount != "" || edit.Reference != "")) {
		return nil, proxy.ErrCannotEdit
	}
	body, err := d.editedV2(r.Body, edit, where, form.signTypeOf())
	if err != nil {
		return nil, err
	}
	edited := r.Clone()
	if !bytes.Equal(body, r.Body) {
		setBody(&edited.Header, &edited.Body, body)
	}
	return edited, nil
}

// editAnswerV2 edits an answer of v2, signed as its request was.
func (d *Dialect) editAnswerV2(r *proxy.Request, a *proxy.Answer, found route, edit faults.Edit) (*proxy.Answer, error) {
	request, err := parseXML(r.Body)
	if err != nil {
		return nil, proxy.ErrCannotEdit
	}
	body, err := d.editedV2(a.Body, edit, answerEditsV2(found.operation), request.signTypeOf())
	if err != nil {
		return nil, err
	}
	edited := a.Clone()
	if !bytes.Equal(body, a.Body) {
		setBody(&edited.Header, &edited.Body, body)
	}
	return edited, nil
}

// forgeV2 is the notification of v2 that the order was paid, right in every way.
func (d *Dialect) forgeV2(r *proxy.Request, found route) (*proxy.Request, error) {
	_, form := d.askedV2(r, found)
	who := d.ring.merchants[form.get("mch_id")]
	if who == nil || fee(form.get("total_fee")) == 0 ||
		(found.operation != faults.Create && found.operation != faults.PayCode) {
		return nil, fmt.Errorf("forge a notification: %w: %w", errNoForgery, proxy.ErrCannotEdit)
	}
	to := form.get("notify_url")
	if to == "" {
		to = d.remembered(who.MchID)
	}
	if to == "" {
		return nil, fmt.Errorf("forge a notification: no notify_url is known: %w", proxy.ErrCannotEdit)
	}
	now := d.clock.Now()
	c := callV2{form: form}
	fiction := &order{account: who, params: c.asked(), scene: found.scene, v2: form.signTypeOf(),
		paid: ledger.Payment{ProviderReference: payment.ProviderReference(newTransactionID(now)), CapturedAt: now}}
	if found.operation == faults.Create {
		fiction.scene = sceneV2(form.get("trade_type"))
	}
	body, err := d.signAgainV2(noticeV2(fiction, keys.Letters(32)).encode(), faults.SignatureResigned, fiction.v2, who.MchID)
	if err != nil {
		return nil, fmt.Errorf("forge a notification: %w", err)
	}
	return noticeTo(to, body)
}
