package wechatpay

import (
	"fmt"
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/keys"
	"github.com/payquake/payquake/providers/surgery"
)

// replaceMember gives a member that the words locate another text.
func replaceMember(text []byte, words wording, value string, path ...string) ([]byte, error) {
	where, err := words.locate(text, path...)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path[len(path)-1], proxy.ErrCannotEdit)
	}
	return where.Replaced(text, strconv.Quote(value)), nil
}

// stateNobodyKnows is a trade_state that §3.3 does not list.
const stateNobodyKnows = "UNDECIDED"

// changedState is a trade_state after a change. It fails with
// proxy.ErrCannotEdit when the state is not the one that the change is from.
func changedState(was string, change faults.StateChange) (becomes string, err error) {
	paid := was == stateSuccess || was == stateRefund
	unpaid := was == stateNotPay || was == stateUserPaying
	switch {
	case change == faults.StateUnknown:
		return stateNobodyKnows, nil
	case change == faults.PaidToUnpaid && paid:
		return stateNotPay, nil
	case change == faults.UnpaidToPaid && unpaid:
		return stateSuccess, nil
	default:
		return "", fmt.Errorf("%s of %q: %w", change, was, proxy.ErrCannotEdit)
	}
}

// changeState makes a transaction object lie about its trade_state. One that
// becomes paid gets the number and the time that go with it.
func (d *Dialect) changeState(text []byte, change faults.StateChange, words wording) ([]byte, error) {
	where, err := words.locate(text, "trade_state")
	if err != nil {
		return nil, fmt.Errorf("find trade_state: %w", proxy.ErrCannotEdit)
	}
	was, err := strconv.Unquote(string(text[where.Start:where.End]))
	if err != nil {
		return nil, fmt.Errorf("read trade_state: %w", proxy.ErrCannotEdit)
	}
	becomes, err := changedState(was, change)
	if err != nil {
		return nil, err
	}
	said := strconv.Quote(becomes)
	if _, err := words.locate(text, "transaction_id"); err != nil && change == faults.UnpaidToPaid {
		now := d.clock.Now()
		said += `,"transaction_id":"` + newTransactionID(now) + `","success_time":"` + wireTime(now) + `"`
	}
	text = where.Replaced(text, said)
	if described, err := replaceMember(text, words, describe(becomes), "trade_state_desc"); err == nil {
		text = described
	}
	return text, nil
}

// changeAccount makes a message one for another merchant, or for another app of
// the same one. WeChat Pay has no test mode.
func changeAccount(text []byte, change faults.AccountChange) ([]byte, error) {
	names := map[faults.AccountChange][]string{faults.OtherAccount: {"mchid", "combine_mchid"}, faults.OtherApp: {"appid", "combine_appid"}}
	for _, name := range names[change] {
		if changed, err := replaceMember(text, ordinary(""), otherAccount(change), name); err == nil {
			return changed, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", change, proxy.ErrCannotEdit)
}

// otherAccount is the number of somebody else's account or app.
func otherAccount(change faults.AccountChange) string {
	if change == faults.OtherApp {
		return "wx" + keys.Hex(16)
	}
	return "1" + keys.Digits(9)
}

// changeAmount corrupts the amount that the words name, in fen, or the currency beside it. It
// fails with proxy.ErrCannotEdit when there is no such amount, or when the
// change would change nothing.
func changeAmount(text []byte, change faults.AmountChange, words wording) ([]byte, error) {
	where, err := words.locate(text, "amount", words.amount)
	if err != nil {
		return nil, fmt.Errorf("find amount.%s: %w", words.amount, proxy.ErrCannotEdit)
	}
	switch change {
	case faults.AmountMissing:
		return where.Removed(text), nil
	case faults.AmountOtherCurrency:
		return changeCurrency(text, where, words)
	}
	was, err := strconv.ParseInt(string(text[where.Start:where.End]), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read amount.%s: %w", words.amount, proxy.ErrCannotEdit)
	}
	becomes, err := surgery.Changed(was, change)
	if err != nil {
		return nil, err
	}
	value := becomes.Text
	if !becomes.Number {
		value = strconv.Quote(becomes.Text)
	}
	return where.Replaced(text, value), nil
}

// changeCurrency names another currency, beside the amount if none is named.
func changeCurrency(text []byte, beside surgery.Span, words wording) ([]byte, error) {
	if where, err := words.locate(text, "amount", "currency"); err == nil {
		return where.Replaced(text, `"USD"`), nil
	}
	return surgery.Splice(text, beside.End, beside.End, `,"currency":"USD"`), nil
}
