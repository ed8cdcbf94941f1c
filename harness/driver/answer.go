package driver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/journal"
)

// maxAnswer bounds what is read of a merchant's answer to a shopper.
const maxAnswer = 4 << 20

// answer is an answer of a described merchant, and what is read from it. What
// cannot be read is noted, not guessed: the call is then indeterminate.
type answer struct {
	vars   manifest.Vars
	values map[string]manifest.Expression
	err    error
}

func readAnswer(call manifest.Call, response *http.Response, most int64) (*answer, error) {
	text, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer broke off: %w", err)
	case int64(len(text)) > most:
		return nil, fmt.Errorf("the answer is longer than %d MiB", most>>20)
	}
	headers := map[string]string{}
	for name := range response.Header {
		headers[strings.ToLower(name)] = response.Header.Get(name)
	}
	return &answer{values: call.Take.Values, vars: manifest.Vars{
		"status": response.StatusCode, "headers": headers, "text": string(text), "body": decoded(text),
	}}, nil
}

// decoded reads JSON; what is none is nothing.
func decoded(text []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var body any
	if decoder.Decode(&body) != nil {
		return nil
	}
	return exact(body)
}

// exact turns whole numbers into ints and leaves others as their digits: a float
// would lose some.
func exact(value any) any {
	switch v := value.(type) {
	case json.Number:
		if whole, err := strconv.Atoi(v.String()); err == nil {
			return whole
		}
		return v.String()
	case map[string]any:
		for key := range v {
			v[key] = exact(v[key])
		}
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	}
	return value
}

// outcome says what is known after the answer.
func (a *answer) outcome(call manifest.Call) (journal.Outcome, error) {
	status := a.vars["status"].(int)
	ok := status/100 == 2
	failed := status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooEarly && status != http.StatusTooManyRequests
	for _, rule := range []struct {
		expression manifest.Expression
		into       *bool
	}{{call.OK, &ok}, {call.Failed, &failed}} {
		if rule.expression.IsZero() {
			continue
		}
		value, err := rule.expression.Value(a.vars)
		if err != nil {
			return journal.Indeterminate, err
		}
		*rule.into, _ = value.(bool)
	}
	switch {
	case ok:
		return journal.OK, nil
	case failed:
		return journal.Failed, nil
	default:
		return journal.Indeterminate, nil
	}
}

// text reads one value; "" if the driver does not say where it is, or it is not
// there.
func (a *answer) text(name string) string {
	if a == nil || a.values[name].IsZero() {
		return ""
	}
	text, err := a.values[name].Text(a.vars)
	if err != nil {
		a.note(fmt.Errorf("%s: %w", name, err))
	}
	return text
}

func (a *answer) note(err error) {
	if a.err == nil {
		a.err = err
	}
}

// each reads a list item by item.
func (a *answer) each(each *manifest.Each, read func(item *answer)) {
	if a == nil || each == nil {
		return
	}
	value, err := each.From.Value(a.vars)
	if err != nil {
		a.note(err)
		return
	}
	items, is := value.([]any)
	if !is && value != nil {
		a.note(errors.New("where a list was expected there is none"))
	}
	for _, value := range items {
		vars := maps.Clone(a.vars)
		vars["item"] = value
		item := &answer{vars: vars, values: each.Values}
		read(item)
		if item.err != nil {
			a.note(item.err)
		}
	}
}

// checked takes back that a call went well if its answer could not be read.
func (a *answer) checked(result Result) Result {
	if a == nil || a.err == nil {
		return result
	}
	return Result{OrderID: result.OrderID, Reason: printable("the answer cannot be read: " + a.err.Error())}
}

// meaning is what the merchant's word for a state means. One that the manifest
// does not list means nothing.
func meaning[S ~string](a *answer, words map[string]S, word, of string) S {
	meant, known := words[word]
	if !known {
		a.note(fmt.Errorf("the %s is in state %q, which driver.states.%s does not list", of, word, of))
	}
	return meant
}

// printable makes what a merchant said fit to be shown: without control
// characters, and not too long.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(text, "·"))
	if runes := []rune(text); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return text
}
