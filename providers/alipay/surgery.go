package alipay

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/surgery"
)

// otherCurrency is what an amount's currency becomes.
const otherCurrency = "USD"

// changedYuan is an amount in yuan after a change; number is false for what is
// no amount any more.
func changedYuan(was string, change faults.AmountChange) (becomes string, number bool, err error) {
	read, err := payment.ParseDecimal(was, payment.CNY)
	if err != nil {
		return "", false, fmt.Errorf("read %q: %w", was, proxy.ErrCannotEdit)
	}
	changed, err := surgery.Changed(read.Minor, change)
	if err != nil {
		return "", false, err
	}
	if !changed.Number {
		return changed.Text, false, nil
	}
	return pointed(changed.Text), true, nil
}

// pointed writes fen as yuan, however many digits they have.
func pointed(fen string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(fen, "-"); negative {
		sign, fen = "-", rest
	}
	fen = strings.Repeat("0", max(0, 3-len(fen))) + fen
	return sign + fen[:len(fen)-2] + "." + fen[len(fen)-2:]
}

// changeMember corrupts an amount of a JSON object, or the currency beside it.
// A number stays a number, and a string a string.
func changeMember(text []byte, change faults.AmountChange, name string) ([]byte, error) {
	where, err := surgery.Locate(text, name)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", name, proxy.ErrCannotEdit)
	}
	switch change {
	case faults.AmountMissing:
		return where.Removed(text), nil
	case faults.AmountOtherCurrency:
		if named, err := surgery.Locate(text, "trans_currency"); err == nil {
			return named.Replaced(text, `"`+otherCurrency+`"`), nil
		}
		return surgery.Splice(text, where.End, where.End, `,"trans_currency":"`+otherCurrency+`"`), nil
	}
	raw := string(text[where.Start:where.End])
	becomes, number, err := changedYuan(strings.Trim(raw, `"`), change)
	if err != nil {
		return nil, err
	}
	if !number || strings.HasPrefix(raw, `"`) {
		becomes = quoted(becomes)
	}
	return where.Replaced(text, becomes), nil
}

// renameMember puts another merchant reference in place of the one that a JSON
// object names.
func renameMember(text []byte, reference payment.MerchantReference) ([]byte, error) {
	where, err := surgery.Locate(text, "out_trade_no")
	if err != nil {
		return nil, fmt.Errorf("find out_trade_no: %w", proxy.ErrCannotEdit)
	}
	return where.Replaced(text, quoted(string(reference))), nil
}

// editJSON carries out what an edit says about a JSON object.
func editJSON(text []byte, edit faults.Edit, amount string) ([]byte, error) {
	var err error
	if edit.Amount != "" {
		if amount == "" {
			return nil, proxy.ErrCannotEdit
		}
		if text, err = changeMember(text, edit.Amount, amount); err != nil {
			return nil, err
		}
	}
	if edit.State != "" {
		if text, err = changeMemberState(text, edit.State); err != nil {
			return nil, err
		}
	}
	if edit.Field != nil {
		if text, err = surgery.Field(text, *edit.Field); err != nil {
			return nil, err
		}
	}
	if edit.Account != "" {
		return nil, fmt.Errorf("whose a call is: %w", proxy.ErrCannotEdit)
	}
	if edit.Reference != "" {
		return renameMember(text, edit.Reference)
	}
	return text, nil
}

// stateNobodyKnows is a trade_status that §6 does not list.
const stateNobodyKnows = "TRADE_UNDECIDED"

// changedState is a trade_status after a change. It fails with
// proxy.ErrCannotEdit when the status is not the one that the change is from.
func changedState(was string, change faults.StateChange) (becomes string, err error) {
	switch {
	case change == faults.StateUnknown:
		return stateNobodyKnows, nil
	case change == faults.PaidToUnpaid && (was == stateSuccess || was == stateFinished):
		return stateOpen, nil
	case change == faults.UnpaidToPaid && (was == stateOpen || was == stateClosed):
		return stateSuccess, nil
	default:
		return "", fmt.Errorf("%s of %q: %w", change, was, proxy.ErrCannotEdit)
	}
}

// changeMemberState makes an answer lie about its trade_status.
func changeMemberState(text []byte, change faults.StateChange) ([]byte, error) {
	where, err := surgery.Locate(text, "trade_status")
	if err != nil {
		return nil, fmt.Errorf("find trade_status: %w", proxy.ErrCannotEdit)
	}
	becomes, err := changedState(strings.Trim(string(text[where.Start:where.End]), `"`), change)
	if err != nil {
		return nil, err
	}
	return where.Replaced(text, quoted(becomes)), nil
}

// The identifiers of Alipay's sandbox (§9): apps of it begin with 9021, and
// sellers have 16 digits like any others.
const (
	sandboxApp    = "9021000100000000"
	sandboxSeller = "2088000000000000"
)

// changeOwner makes a notification one for another seller, for another app of
// the same one, or for the sandbox.
func changeOwner(form string, change faults.AccountChange) (string, error) {
	becomes := map[string]string{}
	switch change {
	case faults.OtherAccount:
		becomes["seller_id"] = "2088" + keys.Digits(12)
	case faults.OtherApp:
		becomes["app_id"], becomes["auth_app_id"] = "2021"+keys.Digits(12), "2021"+keys.Digits(12)
	case faults.TestMode:
		becomes["app_id"], becomes["auth_app_id"], becomes["seller_id"] = sandboxApp, sandboxApp, sandboxSeller
	}
	changed := false
	for _, name := range slices.Sorted(maps.Keys(becomes)) {
		var found bool
		form, found = setPair(form, name, becomes[name])
		changed = changed || found
	}
	if !changed {
		return "", fmt.Errorf("%s: %w", change, proxy.ErrCannotEdit)
	}
	return form, nil
}

// changePair gives a field of a form another text, or drops it.
func changePair(form string, edit faults.FieldEdit) (string, error) {
	name := strings.Join(edit.Path, ".")
	changed, found := form, false
	if edit.Missing {
		changed, found = dropPair(form, name)
	} else {
		changed, found = setPair(form, name, edit.Value)
	}
	if !found || changed == form {
		return "", fmt.Errorf("nothing to change about %s: %w", name, proxy.ErrCannotEdit)
	}
	return changed, nil
}

// setPair gives every pair of a name another value; false if there is none.
// Only those bytes of a raw value change that stand for what changed.
func setPair(text, name, value string) (string, bool) {
	pairs, err := readPairs(text)
	if err != nil {
		return text, false
	}
	found := false
	for _, each := range slices.Backward(pairs) {
		if each.name == name {
			text = text[:each.start] + respelled(text[each.start:each.end], each.value, value) + text[each.end:]
			found = true
		}
	}
	return text, found
}

// dropPair removes every pair of a name and its ampersand.
func dropPair(text, name string) (string, bool) {
	pairs, err := readPairs(text)
	if err != nil {
		return text, false
	}
	found := false
	for _, each := range slices.Backward(pairs) {
		if each.name != name {
			continue
		}
		begin := strings.LastIndexByte(text[:each.start], '&') + 1
		end := each.end
		if end < len(text) {
			end++ // the ampersand after it
		} else if begin > 0 {
			begin-- // or the one before
		}
		text, found = text[:begin]+text[end:], true
	}
	return text, found
}

// addPair adds a pair after the last one of a name.
func addPair(text, after, name, value string) (string, bool) {
	pairs, err := readPairs(text)
	if err != nil {
		return text, false
	}
	for _, each := range slices.Backward(pairs) {
		if each.name == after {
			return text[:each.end] + "&" + name + "=" + url.QueryEscape(value) + text[each.end:], true
		}
	}
	return text, false
}

// respelled is a raw value that decodes to another one, with what both have in
// common spelled as it was.
func respelled(raw, was, becomes string) string {
	before := 0
	for before < min(len(was), len(becomes)) && was[before] == becomes[before] {
		before++
	}
	after := 0
	for after < min(len(was), len(becomes))-before && was[len(was)-1-after] == becomes[len(becomes)-1-after] {
		after++
	}
	return raw[:rawOffset(raw, before)] + url.QueryEscape(becomes[before:len(becomes)-after]) +
		raw[rawOffset(raw, len(was)-after):]
}

// rawOffset is where the nth decoded byte stands in a raw value.
func rawOffset(raw string, n int) int {
	at := 0
	for ; n > 0; n-- {
		if raw[at] == '%' {
			at += 3
		} else {
			at++
		}
	}
	return at
}
