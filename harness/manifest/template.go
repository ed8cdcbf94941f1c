package manifest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/payquake/payquake/payment"
)

// Expression is a formula of the expression language (expr-lang.org) over the
// variables of its place.
type Expression struct {
	text    string
	program *vm.Program
}

// IsZero reports whether there is no expression.
func (e Expression) IsZero() bool { return e.program == nil }

// Value computes the expression. An error says what of it could not be computed.
func (e Expression) Value(vars Vars) (any, error) {
	value, err := expr.Run(e.program, withFunctions(vars))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.text, reasonOf(err))
	}
	return value, nil
}

// Text is the value as text; "" for nothing.
func (e Expression) Text(vars Vars) (string, error) {
	value, err := e.Value(vars)
	if err != nil {
		return "", err
	}
	return textOf(value), nil
}

// Vars are the variables that an expression may name.
type Vars = map[string]any

// compile makes an expression that names only these variables and the functions
// of every place.
func compile(text string, vars Vars) (Expression, error) {
	kinds := types.Map{}
	for name, value := range withFunctions(vars) {
		kinds[name] = types.Any
		if value != nil { // what an answer holds is known when it comes
			kinds[name] = types.TypeOf(value)
		}
	}
	program, err := expr.Compile(text, expr.Env(kinds))
	if err != nil {
		return Expression{}, reasonOf(err)
	}
	return Expression{text: text, program: program}, nil
}

// reasonOf is an error of the expression language in one line.
func reasonOf(err error) error {
	var at *file.Error
	if errors.As(err, &at) {
		return errors.New(at.Message)
	}
	return err
}

// withFunctions adds what every expression may call.
func withFunctions(vars Vars) Vars {
	all := Vars{"yuan": yuan, "fen": fen}
	for name, value := range vars {
		all[name] = value
	}
	return all
}

// yuan writes minor units in yuan: 1234 is "12.34".
func yuan(minor any) (string, error) {
	switch n := minor.(type) {
	case int64:
		return payment.Fen(n).Decimal(), nil
	case int:
		return payment.Fen(int64(n)).Decimal(), nil
	default:
		return "", fmt.Errorf("yuan(%v): want a whole number of fen", minor)
	}
}

// fen reads yuan into minor units, exactly: "12.34", "12.3" and 12 are 1234,
// 1230 and 1200.
func fen(amount any) (int64, error) {
	text := textOf(amount)
	if text == "" {
		return 0, nil
	}
	money, err := payment.ParseDecimal(strings.TrimPrefix(text, "-"), payment.CNY)
	if err != nil {
		return 0, fmt.Errorf("fen(%q): want an amount in yuan such as 12.34", text)
	}
	if strings.HasPrefix(text, "-") {
		return -money.Minor, nil
	}
	return money.Minor, nil
}

// textOf writes a value as it stands in a URL, a form or a header.
func textOf(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// Template is a value with expressions in it, each written ${…}: a text, or maps
// and lists of such. A text that is one expression and nothing else stands for
// the expression's value, whatever its type; in others the values are joined.
type Template struct {
	parts []part // of a text
	keys  []string
	items []Template // of a map, in the order of keys, or of a list
	shape shape
}

type shape int

const (
	textShape shape = iota
	listShape
	mapShape
	constantShape // a bare number, true, false or null
)

// part is a piece of a text: literal, or an expression.
type part struct {
	literal    string
	constant   any
	expression Expression
}

// Value fills the template in.
func (t Template) Value(vars Vars) (any, error) {
	switch t.shape {
	case constantShape:
		return t.parts[0].constant, nil
	case listShape:
		list := make([]any, len(t.items))
		for i, item := range t.items {
			value, err := item.Value(vars)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case mapShape:
		filled := make(map[string]any, len(t.items))
		for i, item := range t.items {
			value, err := item.Value(vars)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.keys[i], err)
			}
			filled[t.keys[i]] = value
		}
		return filled, nil
	default:
		if len(t.parts) == 1 && !t.parts[0].expression.IsZero() {
			return t.parts[0].expression.Value(vars)
		}
		return t.text(vars)
	}
}

// Text fills a template in as text.
func (t Template) Text(vars Vars) (string, error) {
	value, err := t.Value(vars)
	if err != nil {
		return "", err
	}
	return textOf(value), nil
}

func (t Template) text(vars Vars) (string, error) {
	var text strings.Builder
	for _, p := range t.parts {
		if p.expression.IsZero() {
			text.WriteString(p.literal)
			continue
		}
		value, err := p.expression.Text(vars)
		if err != nil {
			return "", err
		}
		text.WriteString(value)
	}
	return text.String(), nil
}

// Path fills a template in as the path of a URL, with its query: what expressions
// stand for is escaped, so that an order's number stays one part of it.
func (t Template) Path(vars Vars) (string, error) {
	var path strings.Builder
	escape := url.PathEscape
	for _, p := range t.parts {
		if p.expression.IsZero() {
			path.WriteString(p.literal)
			if strings.Contains(p.literal, "?") {
				escape = url.QueryEscape
			}
			continue
		}
		value, err := p.expression.Text(vars)
		if err != nil {
			return "", err
		}
		path.WriteString(escape(value))
	}
	return path.String(), nil
}

// Keys are the keys of a map, in the order of the file.
func (t Template) Keys() []string { return t.keys }

// Uses reports whether an expression of the template names a word.
func (t Template) Uses(word string) bool {
	for _, p := range t.parts {
		if names(p.expression.text, word) {
			return true
		}
	}
	for _, item := range t.items {
		if item.Uses(word) {
			return true
		}
	}
	return false
}

// names reports whether a word stands by itself in an expression.
func names(text, word string) bool {
	isLetter := func(b byte) bool {
		return b == '_' || b == '.' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
	}
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		at += from
		end := at + len(word)
		if (at == 0 || !isLetter(text[at-1])) && (end == len(text) || !isLetter(text[end]) || text[end] == '.') {
			return true
		}
		from = end
	}
}

// errOpen is an expression that does not end.
var errOpen = errors.New("an expression that begins with ${ ends with }")

// split cuts a text into literals and expressions. Braces inside an expression
// are balanced; "$${" stands for a literal "${".
func split(text string) (pieces []string, isExpression []bool, err error) {
	literal := strings.Builder{}
	flush := func() {
		if literal.Len() > 0 {
			pieces, isExpression = append(pieces, literal.String()), append(isExpression, false)
			literal.Reset()
		}
	}
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, "$${"):
			literal.WriteString("${")
			text = text[3:]
		case strings.HasPrefix(text, "${"):
			end := closing(text[2:])
			if end < 0 {
				return nil, nil, errOpen
			}
			flush()
			pieces, isExpression = append(pieces, strings.TrimSpace(text[2:2+end])), append(isExpression, true)
			text = text[2+end+1:]
		default:
			literal.WriteByte(text[0])
			text = text[1:]
		}
	}
	flush()
	return pieces, isExpression, nil
}

// closing finds the brace that ends an expression; braces in quotes do not count.
func closing(text string) int {
	depth, quote := 0, byte(0)
	for i := range len(text) {
		switch b := text[i]; {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'' || b == '`':
			quote = b
		case b == '{':
			depth++
		case b == '}' && depth > 0:
			depth--
		case b == '}':
			return i
		}
	}
	return -1
}
