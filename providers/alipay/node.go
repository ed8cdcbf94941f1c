package alipay

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// node is a response node that is being written: its members in their order.
// What clients cut out of an answer decides how it must be written (§3): on
// one line, with \/ for a slash, everything else raw, scalars as strings, and
// nothing empty.
type node struct{ members []string }

// text adds a member unless its value is empty.
func (n *node) text(name, value string) {
	if value != "" {
		n.raw(name, quoted(value))
	}
}

// raw adds a member whose value is JSON already.
func (n *node) raw(name, value string) { n.members = append(n.members, quoted(name)+":"+value) }

// String is the node as it is signed and sent.
func (n *node) String() string { return "{" + strings.Join(n.members, ",") + "}" }

// quoted is a JSON string as the provider writes it.
func quoted(value string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range strings.ToValidUTF8(value, string(utf8.RuneError)) {
		switch {
		case r == '"' || r == '\\' || r == '/':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < ' ':
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
