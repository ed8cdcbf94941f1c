package wechatpay

import (
	"fmt"
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/providers/surgery"
)

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
