package unionpay

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// fields are the decoded values of a message by their names.
type fields map[string]string

// errGarbled says that bytes are no list of pairs.
var errGarbled = errors.New("not a list of name=value pairs")

// pair is where one name=value lies in a message, so that an edit touches no
// other byte. The value is decoded.
type pair struct {
	name, value string
	start       int // of the name
	at, end     int // of the value as it is written
}

// form is how a list of pairs is written.
type form bool

// Requests and notifications are percent-encoded; answers are not, and their
// values in braces or brackets may hold further pairs (§4).
const (
	encoded form = true
	plain   form = false
)

// pairs reads a message. A name twice is garbled rather than guessed at.
func (f form) pairs(text string) ([]pair, error) {
	var read []pair
	seen := map[string]bool{}
	for start := 0; start < len(text); {
		end := start + f.length(text[start:])
		written := text[start:end]
		name, value, found := strings.Cut(written, "=")
		if !found {
			return nil, errGarbled
		}
		one := pair{name: name, value: value, start: start, at: start + len(name) + 1, end: end}
		if f == encoded {
			var badName, badValue error
			one.name, badName = url.QueryUnescape(name)
			one.value, badValue = url.QueryUnescape(value)
			if badName != nil || badValue != nil {
				return nil, errGarbled
			}
		}
		if one.name == "" || seen[one.name] {
			return nil, errGarbled
		}
		seen[one.name] = true
		read = append(read, one)
		start = end + 1
	}
	if len(read) == 0 || strings.HasSuffix(text, "&") {
		return nil, errGarbled
	}
	return read, nil
}

// length is how long the first pair of a text is. In answers an & inside
// braces or brackets belongs to the value (§4, point 6), if they close.
func (f form) length(text string) int {
	end := strings.IndexByte(text, '&')
	if end < 0 {
		end = len(text)
	}
	if f == encoded {
		return end
	}
	at := strings.IndexByte(text[:end], '=') + 1
	closing := map[byte]string{'{': "}", '[': "]"}
	if at == 0 || at >= len(text) || closing[text[at]] == "" {
		return end
	}
	last := closing[text[at]]
	if shut := strings.Index(text[at:], last+"&"); shut >= 0 {
		return at + shut + 1
	}
	if strings.HasSuffix(text, last) {
		return len(text)
	}
	return end
}

// parse reads a message's values.
func (f form) parse(text string) (fields, error) {
	read, err := f.pairs(text)
	if err != nil {
		return nil, err
	}
	values := make(fields, len(read))
	for _, one := range read {
		values[one.name] = one.value
	}
	return values, nil
}

// written is a value as this form carries it.
func (f form) written(value string) string {
	if f == encoded {
		return url.QueryEscape(value)
	}
	return value
}

// write puts the values on one line, sorted, the signature last. There is
// nothing after it (§4).
func (f form) write(values fields) []byte {
	var line strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "signature" {
			continue
		}
		line.WriteString(name + "=" + f.written(values[name]) + "&")
	}
	if signature := values["signature"]; signature != "" {
		line.WriteString("signature=" + f.written(signature))
	}
	return []byte(strings.TrimSuffix(line.String(), "&"))
}

// echoed copies the named values that are there.
func (v fields) echoed(names ...string) fields {
	made := make(fields, len(names)+8)
	for _, name := range names {
		if v[name] != "" {
			made[name] = v[name]
		}
	}
	return made
}
