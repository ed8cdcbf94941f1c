// Package surgery edits messages without touching more of them than asked: a
// receiver that re-serialises must not be helped. It edits JSON texts, and says
// what a corrupted amount becomes, for every dialect.
package surgery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
)

// Span is where a member lies in a JSON text. Edits replace a span and keep
// every other byte: a receiver that re-serialises must not be helped.
type Span struct {
	Before int // end of what precedes the member: the brace, or the value before it
	Start  int // of the value
	End    int // of the value
	Next   int // start of the next member's name, or of the closing brace
	First  bool
}

// ErrNoMember says that an object has no such member.
var ErrNoMember = errors.New("no such member")

// Locate finds the member at a path of object members; ErrNoMember if there is
// none, or if the text is no JSON object.
func Locate(text []byte, path ...string) (Span, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return Span{}, ErrNoMember
	}
	for first := true; decoder.More(); first = false {
		before := int(decoder.InputOffset())
		name, err := decoder.Token()
		if err != nil {
			return Span{}, ErrNoMember
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return Span{}, ErrNoMember
		}
		end := int(decoder.InputOffset())
		if name != path[0] {
			continue
		}
		found := Span{Before: before, Start: end - len(value), End: end, Next: skip(text, end), First: first}
		if len(path) == 1 {
			return found, nil
		}
		inner, err := Locate(value, path[1:]...)
		if err != nil {
			return Span{}, err
		}
		at := found.Start
		return Span{inner.Before + at, inner.Start + at, inner.End + at, inner.Next + at, inner.First}, nil
	}
	return Span{}, ErrNoMember
}

// skip moves over the comma and spaces after a value.
func skip(text []byte, at int) int {
	for at < len(text) && bytes.IndexByte([]byte(" \t\r\n,"), text[at]) >= 0 {
		at++
	}
	return at
}

// Replaced is the text with another value in the span.
func (s Span) Replaced(text []byte, value string) []byte { return Splice(text, s.Start, s.End, value) }

// Removed is the text without the member and one of its commas.
func (s Span) Removed(text []byte) []byte {
	if s.First {
		return Splice(text, s.Before, s.Next, "")
	}
	return Splice(text, s.Before, s.End, "")
}

// Splice replaces the bytes from one offset to another in a copy.
func Splice(text []byte, from, to int, with string) []byte {
	made := make([]byte, 0, len(text)-(to-from)+len(with))
	made = append(append(made, text[:from]...), with...)
	return append(made, text[to:]...)
}

// Amount is what an amount becomes: a number of minor units in decimal digits
// (it may exceed an int64), or a text that is none.
type Amount struct {
	Number bool
	Text   string
}

// Changed is an amount after the change. A change that changes nothing is
// refused with proxy.ErrCannotEdit: a pin must not count as fired by it. So are
// AmountMissing and AmountOtherCurrency, which are no matter of the number.
func Changed(was int64, change faults.AmountChange) (Amount, error) {
	becomes := was
	switch change {
	case faults.AmountEmpty:
		return Amount{}, nil
	case faults.AmountNotANumber:
		return Amount{Text: "one yuan"}, nil
	case faults.AmountOverflow:
		return Amount{Number: true, Text: "9223372036854775808"}, nil // one more than an int64 holds
	case faults.AmountPlusOne:
		becomes = was + 1
	case faults.AmountMinusOne:
		becomes = was - 1
	case faults.AmountTimes100:
		if was > math.MaxInt64/100 {
			return Amount{}, fmt.Errorf("%d times 100: %w", was, proxy.ErrCannotEdit)
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
		return Amount{}, fmt.Errorf("change %q: %w", change, proxy.ErrCannotEdit)
	}
	if becomes == was {
		return Amount{}, fmt.Errorf("%s leaves %d as it is: %w", change, was, proxy.ErrCannotEdit)
	}
	return Amount{Number: true, Text: strconv.FormatInt(becomes, 10)}, nil
}

// Field carries out an edit of one member of a JSON object: a number or another
// literal stays one if the new value is one too, and everything else becomes a
// string. It fails with proxy.ErrCannotEdit when there is no such member, or when
// nothing would change.
func Field(text []byte, edit faults.FieldEdit) ([]byte, error) {
	where, err := Locate(text, edit.Path...)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", strings.Join(edit.Path, "."), proxy.ErrCannotEdit)
	}
	if edit.Missing {
		return where.Removed(text), nil
	}
	was := string(text[where.Start:where.End])
	becomes := quoted(edit.Value)
	if !strings.HasPrefix(was, `"`) && json.Valid([]byte(edit.Value)) {
		becomes = edit.Value
	}
	if becomes == was {
		return nil, fmt.Errorf("%s is %s already: %w", strings.Join(edit.Path, "."), was, proxy.ErrCannotEdit)
	}
	return where.Replaced(text, becomes), nil
}

// quoted is a text as a JSON string, without the escapes that only HTML needs.
func quoted(text string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string into memory: cannot fail
	return strings.TrimSuffix(out.String(), "\n")
}
