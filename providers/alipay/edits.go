package alipay

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
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
	// One thing after the other: what stands between them stays spelled as it is.
	for _, part := range []faults.Edit{{Amount: edit.Amount}, {Reference: edit.Reference}, {State: edit.State}, {Field: edit.Field}, {Account: edit.Account}} {
		if !part.Changes() {
			continue
		}
		business, err := editedBusiness(asked, part)
		if err != nil && part.Field != nil { // it may stand beside the business parameters
			if err = changeBeside(r, *part.Field); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		if !setParameter(r, "biz_content", business) {
			return proxy.ErrCannotEdit
		}
		asked, _ = d.asked(r) // a call before, and still one
	}
	return d.changeCallSignature(r, asked, edit.Signature)
}

// changeBeside changes a parameter in query or form that all calls have.
func changeBeside(r *proxy.Request, edit faults.FieldEdit) error {
	changed := changeTexts(r, func(text string) (string, bool) {
		again, err := changePair(text, edit)
		return again, err == nil
	})
	if !changed {
		return fmt.Errorf("find %s: %w", edit.Path[0], proxy.ErrCannotEdit)
	}
	return nil
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

// editREST edits a request of v3.
func (d *Dialect) editREST(r *proxy.Request, asked asked, edit faults.Edit) error {
	if edit.Changes() {
		business, err := editedBusiness(asked, edit)
		if err != nil {
			return err
		}
		setBody(&r.Header, &r.Body, []byte(business))
	}
	return d.changeAuthorization(r, asked, edit.Signature)
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
	if edit.State != "" {
		becomes, err := changedState(said.read["trade_status"], edit.State)
		if err != nil {
			return err
		}
		form, _ = setPair(form, "trade_status", becomes)
	}
	if edit.Account != "" {
		if form, err = changeOwner(form, edit.Account); err != nil {
			return err
		}
	}
	if edit.Field != nil {
		if form, err = changePair(form, *edit.Field); err != nil {
			return err
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

// EditAnswer implements proxy.Dialect.
func (d *Dialect) EditAnswer(r *proxy.Request, a *proxy.Answer, edit faults.Edit) (*proxy.Answer, error) {
	asked, isCall := d.asked(r)
	if !isCall {
		return nil, fmt.Errorf("edit a merchant's acknowledgement: %w", proxy.ErrCannotEdit)
	}
	edited := a.Clone()
	answered := d.answered(asked, a)
	if edit.Changes() {
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
