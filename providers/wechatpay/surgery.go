package wechatpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
)

// span is where a member lies in a JSON text. Edits replace a span and keep
// every other byte: a receiver that re-serialises must not be helped.
type span struct {
	before int // end of what precedes the member: the brace, or the value before it
	start  int // of the value
	end    int // of the value
	next   int // start of the next member's name, or of the closing brace
	first  bool
}

var errNoMember = errors.New("no such member")

// locate finds the member at a path of object members.
func locate(text []byte, path ...string) (span, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return span{}, errNoMember
	}
	for first := true; decoder.More(); first = false {
		before := int(decoder.InputOffset())
		name, err := decoder.Token()
		if err != nil {
			return span{}, errNoMember
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return span{}, errNoMember
		}
		end := int(decoder.InputOffset())
		if name != path[0] {
			continue
		}
		found := span{before: before, start: end - len(value), end: end, next: skip(text, end), first: first}
		if len(path) == 1 {
			return found, nil
		}
		inner, err := locate(value, path[1:]...)
		if err != nil {
			return span{}, err
		}
		at := found.start
		return span{inner.before + at, inner.start + at, inner.end + at, inner.next + at, inner.first}, nil
	}
	return span{}, errNoMember
}

// skip moves over the comma and spaces after a value.
func skip(text []byte, at int) int {
	for at < len(text) && bytes.IndexByte([]byte(" \t\r\n,"), text[at]) >= 0 {
		at++
	}
	return at
}

// replaced is the text with another value in the span.
func (s span) replaced(text []byte, value string) []byte { return splice(text, s.start, s.end, value) }

// removed is the text without the member and one of its commas.
func (s span) removed(text []byte) []byte {
	if s.first {
		return splice(text, s.before, s.next, "")
	}
	return splice(text, s.before, s.end, "")
}

// splice replaces the bytes from one offset to another in a copy.
func splice(text []byte, from, to int, with string) []byte {
	made := make([]byte, 0, len(text)-(to-from)+len(with))
	made = append(append(made, text[:from]...), with...)
	return append(made, text[to:]...)
}

// changeAmount corrupts amount.<member> in fen, or the currency beside it. It
// fails with proxy.ErrCannotEdit when there is no such amount, or when the
// change would change nothing.
func changeAmount(text []byte, change faults.AmountChange, member string) ([]byte, error) {
	where, err := locate(text, "amount", member)
	if err != nil {
		return nil, fmt.Errorf("find amount.%s: %w", member, proxy.ErrCannotEdit)
	}
	switch change {
	case faults.AmountMissing:
		return where.removed(text), nil
	case faults.AmountOtherCurrency:
		return changeCurrency(text, where)
	}
	was, err := strconv.ParseInt(string(text[where.start:where.end]), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read amount.%s: %w", member, proxy.ErrCannotEdit)
	}
	value, err := changed(was, change)
	if err != nil {
		return nil, err
	}
	return where.replaced(text, value), nil
}

// changed is an amount after the change, as it stands in JSON. A change that
// changes nothing is refused: a pin must not count as fired by it.
func changed(was int64, change faults.AmountChange) (string, error) {
	becomes := was
	switch change {
	case faults.AmountEmpty:
		return `""`, nil
	case faults.AmountNotANumber:
		return `"one yuan"`, nil
	case faults.AmountOverflow:
		return "9223372036854775808", nil // one more than an int64 holds
	case faults.AmountPlusOne:
		becomes = was + 1
	case faults.AmountMinusOne:
		becomes = was - 1
	case faults.AmountTimes100:
		if was > math.MaxInt64/100 {
			return "", fmt.Errorf("%d times 100: %w", was, proxy.ErrCannotEdit)
		}
		becomes = was * 100
	case faults.AmountDividedBy100:
		becomes = was / 100
	case faults.AmountNegative:
		becomes = -was
	case faults.AmountCentsDropped:
		becomes = was / 100 * 100
	case faults.AmountZero:
		becomes = 0
	default:
		return "", fmt.Errorf("change %q: %w", change, proxy.ErrCannotEdit)
	}
	if becomes == was {
		return "", fmt.Errorf("%s leaves %d as it is: %w", change, was, proxy.ErrCannotEdit)
	}
	return strconv.FormatInt(becomes, 10), nil
}

// changeCurrency names another currency, beside the amount if none is named.
func changeCurrency(text []byte, beside span) ([]byte, error) {
	if where, err := locate(text, "amount", "currency"); err == nil {
		return where.replaced(text, `"USD"`), nil
	}
	return splice(text, beside.end, beside.end, `,"currency":"USD"`), nil
}
