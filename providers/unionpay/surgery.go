package unionpay

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/surgery"
)

// text is one message while it is edited: every byte that is
// not asked to change stays as the sender wrote it.
type text struct {
	form form
	raw  []byte
	// owner is the merId that it had at first: whose keys seal it, whoever it
	// is made out to be for.
	owner string
}

// newText begins to edit a message.
func newText(form form, raw []byte) *text {
	t := &text{form: form, raw: raw}
	if values, err := t.values(); err == nil {
		t.owner = values["merId"]
	}
	return t
}

// at finds a pair; proxy.ErrCannotEdit if there is none.
func (t *text) at(name string) (pair, error) {
	read, err := t.form.pairs(string(t.raw))
	if err != nil {
		return pair{}, fmt.Errorf("read the pairs: %w", proxy.ErrCannotEdit)
	}
	for _, one := range read {
		if one.name == name {
			return one, nil
		}
	}
	return pair{}, fmt.Errorf("find %s: %w", name, proxy.ErrCannotEdit)
}

// values are all pairs as they are now.
func (t *text) values() (fields, error) {
	values, err := t.form.parse(string(t.raw))
	if err != nil {
		return nil, fmt.Errorf("read the pairs: %w", proxy.ErrCannotEdit)
	}
	return values, nil
}

// set replaces a value.
func (t *text) set(name, value string) error {
	where, err := t.at(name)
	if err != nil {
		return err
	}
	t.raw = surgery.Splice(t.raw, where.at, where.end, t.form.written(value))
	return nil
}

// remove drops a pair and one & beside it.
func (t *text) remove(name string) error {
	where, err := t.at(name)
	if err != nil {
		return err
	}
	from, to := where.start, where.end
	if to < len(t.raw) {
		to++
	} else if from > 0 {
		from--
	}
	t.raw = surgery.Splice(t.raw, from, to, "")
	return nil
}

// changeAmount corrupts txnAmt, or the currency beside it. settleAmt stays: only
// what the fault asks for changes. It fails with proxy.ErrCannotEdit when there
// is no amount, or when the change would change nothing.
func (t *text) changeAmount(change faults.AmountChange) error {
	where, err := t.at("txnAmt")
	if err != nil {
		return err
	}
	switch change {
	case faults.AmountMissing:
		return t.remove("txnAmt")
	case faults.AmountOtherCurrency:
		if _, err := t.at("currencyCode"); err == nil {
			return t.set("currencyCode", "840")
		}
		t.raw = surgery.Splice(t.raw, where.end, where.end, "&currencyCode=840")
		return nil
	}
	was, err := strconv.ParseInt(where.value, 10, 64)
	if err != nil {
		return fmt.Errorf("read txnAmt: %w", proxy.ErrCannotEdit)
	}
	becomes, err := surgery.Changed(was, change)
	if err != nil {
		return err
	}
	return t.set("txnAmt", becomes.Text)
}

// codeNobodyKnows is a respCode that §7 does not list.
const codeNobodyKnows = "Z9"

// changeState makes a query's answer lie about its origRespCode, and a
// notification about its respCode.
func (t *text) changeState(change faults.StateChange) error {
	name := "origRespCode"
	where, err := t.at(name)
	if err != nil {
		name = "respCode"
		if where, err = t.at(name); err != nil {
			return err
		}
	}
	state := stateOf(where.value)
	switch {
	case change == faults.StateUnknown:
		return t.set(name, codeNobodyKnows)
	case change == faults.PaidToUnpaid && state == payment.Captured:
		return t.set(name, codeAccepted)
	case change == faults.UnpaidToPaid && state != payment.Captured && state != "":
		return t.set(name, codeOK)
	default:
		return fmt.Errorf("%s of %s %q: %w", change, name, where.value, proxy.ErrCannotEdit)
	}
}

// sandboxMerchant is an account as UnionPay's sandbox gives them out (§1), and
// none that a run makes.
const sandboxMerchant = "777290058199999"

// changeAccount makes a message one for another merchant, or for the sandbox.
// UnionPay knows no apps.
func (t *text) changeAccount(change faults.AccountChange) error {
	switch change {
	case faults.OtherAccount:
		return t.set("merId", "898"+keys.Digits(12))
	case faults.TestMode:
		return t.set("merId", sandboxMerchant)
	default:
		return fmt.Errorf("%s: %w", change, proxy.ErrCannotEdit)
	}
}

// changeField gives a value another text, or drops its pair.
func (t *text) changeField(edit faults.FieldEdit) error {
	name := strings.Join(edit.Path, ".")
	where, err := t.at(name)
	switch {
	case err != nil:
		return err
	case edit.Missing:
		return t.remove(name)
	case where.value == edit.Value:
		return fmt.Errorf("%s is %q already: %w", name, edit.Value, proxy.ErrCannotEdit)
	default:
		return t.set(name, edit.Value)
	}
}
