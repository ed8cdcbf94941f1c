package scenarios

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A scenario file may come from anywhere, so its size and depth are bounded
// before it is parsed, and what makes a small text large (aliases, merges) is
// refused rather than resolved.
const (
	maxBytes = 1 << 20
	maxDepth = 32
	maxKeys  = 100
)

// source is a scenario file: its lines, and where each part of it stands.
type source struct {
	file  string
	lines []string
	spots map[string]spot
}

// spot is a place in a file, from 1.
type spot struct{ line, column int }

// line is a line of the file; "" beyond its ends.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// spot finds where a path stands, or the nearest part around it that does.
func (s *source) spot(path string) spot {
	for {
		if found, known := s.spots[path]; known {
			return found
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return spot{1, 1}
		}
		path = path[:cut]
	}
}

// node is a part of a file: a scalar with its text, a list, or a map.
type node struct {
	kind nodeKind
	text string // of a scalar
	bare bool   // a scalar without quotes, which may be a number or a flag
	list []node
	keys []entry
	at   spot
}

type nodeKind int

const (
	nothing nodeKind = iota
	scalar
	sequence
	mapping
)

// entry is a key of a map with its value.
type entry struct {
	key   string
	at    spot
	value node
}

// errShape is wrapped with what the format has no use for.
var errShape = errors.New("not part of the scenario format")

// parseYAML reads a text into nodes. A text that is no YAML of the plain kind
// is one problem.
func parseYAML(src *source, text []byte) (root node, problem *Problem) {
	at := func(where spot, message string) *Problem {
		return &Problem{File: src.file, Line: where.line, Column: where.column, Message: message, excerpt: src.excerpt(where)}
	}
	// The parser is a stranger's: what it does not expect must not end payquake.
	defer func() {
		if failure := recover(); failure != nil {
			root, problem = node{}, &Problem{File: src.file, Line: 1, Column: 1, Message: "this cannot be read as YAML"}
		}
	}()
	if len(text) > maxBytes {
		return node{}, &Problem{File: src.file, Line: 1, Column: 1, Message: fmt.Sprintf("a scenario file has at most %d bytes, this has %d", maxBytes, len(text))}
	}
	src.lines = strings.Split(string(text), "\n")
	if where, bad := invalidUTF8(src.lines); bad {
		return node{}, at(where, "this is not UTF-8 text")
	}
	tokens := lexer.Tokenize(string(text))
	if where, message := unfit(tokens); message != "" {
		return node{}, at(where, message)
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return node{}, at(whereOf(err), "this is no YAML: "+messageOf(err))
	}
	bodies := make([]ast.Node, 0, 1)
	for _, document := range file.Docs {
		if document.Body != nil {
			bodies = append(bodies, document.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		return node{}, at(spot{1, 1}, "the file is empty; a scenario begins with name: and about:")
	case len(bodies) > 1:
		return node{}, at(place(bodies[1].GetToken()), "one file holds one scenario")
	}
	root, err = convert(bodies[0])
	var shape *shapeError
	if errors.As(err, &shape) {
		return node{}, at(shape.at, err.Error())
	}
	return root, nil
}

// invalidUTF8 finds the first byte that is no text.
func invalidUTF8(lines []string) (spot, bool) {
	for i, line := range lines {
		if utf8.ValidString(line) {
			continue
		}
		column := 1
		for _, r := range line {
			if r == utf8.RuneError {
				break
			}
			column++
		}
		return spot{i + 1, column}, true
	}
	return spot{}, false
}

// unfit looks for what must not reach the parser, which calls itself once per
// level of nesting, and takes a time that is the square of a block map's keys.
func unfit(tokens token.Tokens) (spot, string) {
	flow, entries := 0, 0
	keys := map[int]int{} // of the block maps that are open, by column
	for i, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return place(t), "anchors, aliases and merges are not part of the scenario format; write it out"
		case token.TagType, token.MappingKeyType:
			return place(t), fmt.Sprintf("%q is not part of the scenario format", clip(t.Value))
		case token.SequenceEntryType:
			forget(keys, place(t).column)
		case token.MappingValueType:
			if flow == 0 && i > 0 {
				column := place(tokens[i-1]).column
				forget(keys, column)
				keys[column]++
			}
			if i > 0 && keys[place(tokens[i-1]).column] > maxKeys {
				return place(t), "this map has too many keys for a scenario"
			}
		}
		// "- - - -" opens a level with every dash.
		if t.Type == token.SequenceEntryType && i > 0 && tokens[i-1].Type == token.SequenceEntryType {
			entries++
		} else if t.Type != token.SequenceEntryType {
			entries = 0
		}
		if flow > maxDepth || entries > maxDepth || len(keys) > maxDepth {
			return place(t), "this is nested too deeply for a scenario"
		}
	}
	return spot{}, ""
}

// forget drops the maps that end where something stands at a column before
// theirs.
func forget(keys map[int]int, column int) {
	maps.DeleteFunc(keys, func(open, _ int) bool { return open > column })
}

// place is where a token stands.
func place(t *token.Token) spot {
	if t == nil || t.Position == nil {
		return spot{1, 1}
	}
	return spot{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// located is how the parser's errors carry their place.
type located interface {
	GetToken() *token.Token
	GetMessage() string
}

// whereOf is where the parser found an error.
func whereOf(err error) spot {
	var with located
	if errors.As(err, &with) {
		return place(with.GetToken())
	}
	return spot{1, 1}
}

// messageOf is an error without the parser's own excerpt: ours is the same for
// every problem.
func messageOf(err error) string {
	var with located
	if errors.As(err, &with) {
		return with.GetMessage()
	}
	return err.Error()
}

type shapeError struct {
	at   spot
	what string
}

func (e *shapeError) Error() string { return e.what + " is " + errShape.Error() }
func (e *shapeError) Unwrap() error { return errShape }

// convert turns the parser's tree into nodes.
func convert(n ast.Node) (node, error) {
	switch n := n.(type) {
	case nil:
		return node{}, nil
	case *ast.NullNode:
		return node{at: place(n.GetToken())}, nil
	case *ast.CommentGroupNode:
		return node{at: place(n.GetToken())}, nil
	case *ast.StringNode:
		quoted := n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType
		return node{kind: scalar, text: n.Value, bare: !quoted, at: place(n.GetToken())}, nil
	case *ast.LiteralNode:
		return node{kind: scalar, text: strings.TrimRight(n.Value.Value, "\n"), at: place(n.GetToken())}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node{kind: scalar, text: n.GetToken().Value, bare: true, at: place(n.GetToken())}, nil
	case *ast.SequenceNode:
		made := node{kind: sequence, at: place(n.GetToken())}
		for _, value := range n.Values {
			item, err := convert(value)
			if err != nil {
				return node{}, err
			}
			made.list = append(made.list, item)
		}
		return made, nil
	case *ast.MappingNode:
		return convertMap(n)
	case *ast.MappingValueNode:
		return convertMap(&ast.MappingNode{BaseNode: n.BaseNode, Start: n.Start, Values: []*ast.MappingValueNode{n}})
	default:
		return node{}, &shapeError{place(n.GetToken()), "this"}
	}
}

// convertMap turns a map. Keys are texts; a key that stands twice is told later,
// with its place.
func convertMap(n *ast.MappingNode) (node, error) {
	made := node{kind: mapping, at: place(n.GetToken())}
	for _, value := range n.Values {
		key, err := convert(value.Key)
		if err != nil || key.kind != scalar {
			return node{}, &shapeError{place(value.Key.GetToken()), "this key"}
		}
		converted, err := convert(value.Value)
		if err != nil {
			return node{}, err
		}
		made.keys = append(made.keys, entry{key.text, key.at, converted})
	}
	// A block map's own token is its first colon; it begins at its first key.
	if len(made.keys) > 0 && !n.IsFlowStyle {
		made.at = made.keys[0].at
	}
	return made, nil
}
