package unionpay

import (
	"fmt"
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/surgery"
)

// text is one message while it is edited: every byte that is
// not asked to change stays as the sender wrote it.
type text struct {
	form form
	raw  []byte
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
