package alipay

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// pair is one name=value of a query or a form, decoded, with the place of its
// raw value: edits touch nothing else.
type pair struct {
	name, value string
	start, end  int // of the raw value in its text
}

// errGarbled says that a text is no query and no form.
var errGarbled = errors.New("neither a query nor a form")

// readPairs reads name=value joined by &, where + is a space (§2). The order
// and every occurrence are kept.
func readPairs(text string) ([]pair, error) {
	var pairs []pair
	for at := 0; at < len(text); {
		end := len(text)
		if and := strings.IndexByte(text[at:], '&'); and >= 0 {
			end = at + and
		}
		if at < end {
			read, err := readPair(text, at, end)
			if err != nil {
				return nil, err
			}
			pairs = append(pairs, read)
		}
		at = end + 1
	}
	return pairs, nil
}

func readPair(text string, at, end int) (pair, error) {
	rawName, rawValue, _ := strings.Cut(text[at:end], "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil {
		return pair{}, errGarbled
	}
	value, err := url.QueryUnescape(rawValue)
	if err != nil {
		return pair{}, errGarbled
	}
	return pair{name: name, value: value, start: end - len(rawValue), end: end}, nil
}

// parameters are the values of a request by name.
type parameters map[string]string

// merge adds pairs; a name that comes again takes the later value, so that the
// form wins over the query. Clients that send a name twice send the same value
// (§2).
func (p parameters) merge(pairs []pair) {
	for _, each := range pairs {
		p[each.name] = each.value
	}
}

// readParameters reads query and form together, whatever the verb (§2).
func readParameters(query, form string) (parameters, error) {
	read := parameters{}
	for _, text := range []string{query, form} {
		pairs, err := readPairs(text)
		if err != nil {
			return nil, err
		}
		read.merge(pairs)
	}
	return read, nil
}

// toSign is the string that is signed (§2): sorted, joined, raw. The named
// parameters are left out, and those with an empty value unless empties says
// otherwise.
func (p parameters) toSign(empties bool, without ...string) string {
	names := make([]string, 0, len(p))
	for name, value := range p {
		if (value != "" || empties) && !slices.Contains(without, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out strings.Builder
	for i, name := range names {
		if i > 0 {
			out.WriteByte('&')
		}
		out.WriteString(name + "=" + p[name])
	}
	return out.String()
}

// encoded is the parameters as a form, sorted by name, as notifications are
// posted (§7).
func (p parameters) encoded() string {
	values := url.Values{}
	for name, value := range p {
		values.Set(name, value)
	}
	return values.Encode()
}
