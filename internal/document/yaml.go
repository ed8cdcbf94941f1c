package document

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A file may come from anywhere, so its size and depth are bounded before it is
// parsed, and what makes a small text large (aliases, merges) is refused rather
// than resolved.
const (
	maxBytes = 1 << 20
	maxDepth = 32
	maxKeys  = 100
)

// Source is a file: its lines, and where each part of it stands.
type Source struct {
	File  string // its name, as problems give it
	lines []string
	spots map[string]Spot
}

// Spot is a place in a file, from 1.
type Spot struct{ Line, Column int }

// line is a line of the file; "" beyond its ends.
func (s *Source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// spot finds where a path stands, or the nearest part around it that does.
func (s *Source) spot(path string) Spot {
	for {
		if found, known := s.spots[path]; known {
			return found
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return Spot{1, 1}
		}
		path = path[:cut]
	}
}

// Node is a part of a file: a scalar with its text, a list, or a map.
type Node struct {
	Kind Kind
	Text string // of a scalar
	Bare bool   // a scalar without quotes, which may be a number or a flag
	List []Node
	Keys []Entry
	At   Spot
}

// Kind is what a Node is.
type Kind int

// The kinds of nodes. Nothing is a key without a value.
const (
	Nothing Kind = iota
	Scalar
	Sequence
	Mapping
)

// Entry is a key of a map with its value.
type Entry struct {
	Key   string
	At    Spot
	Value Node
}

// Format is what problems call a kind of file.
type Format struct {
	What  string // such as "scenario"
	Begin string // how such a file begins, for one that is empty
}

// Parse reads a text into nodes. A text that is no YAML of the plain kind is one
// problem.
func Parse(file string, text []byte, format Format) (src *Source, root Node, problem *Problem) {
	src = &Source{File: filepath.ToSlash(file), spots: map[string]Spot{}}
	root, problem = src.parse(text, format)
	return src, root, problem
}

func (src *Source) parse(text []byte, format Format) (root Node, problem *Problem) {
	at := func(where Spot, message string) *Problem {
		return &Problem{File: src.File, Line: where.Line, Column: where.Column, Message: message, excerpt: src.excerpt(where)}
	}
	// The parser is a stranger's: what it does not expect must not end payquake.
	defer func() {
		if failure := recover(); failure != nil {
			root, problem = Node{}, &Problem{File: src.File, Line: 1, Column: 1, Message: "this cannot be read as YAML"}
		}
	}()
	if len(text) > maxBytes {
		return Node{}, &Problem{File: src.File, Line: 1, Column: 1, Message: fmt.Sprintf("a %s file has at most %d bytes, this has %d", format.What, maxBytes, len(text))}
	}
	src.lines = strings.Split(string(text), "\n")
	if where, bad := invalidUTF8(src.lines); bad {
		return Node{}, at(where, "this is not UTF-8 text")
	}
	tokens := lexer.Tokenize(string(text))
	if where, message := unfit(tokens, format.What); message != "" {
		return Node{}, at(where, message)
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return Node{}, at(whereOf(err), "this is no YAML: "+messageOf(err))
	}
	bodies := make([]ast.Node, 0, 1)
	for _, document := range file.Docs {
		if document.Body != nil {
			bodies = append(bodies, document.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		return Node{}, at(Spot{1, 1}, fmt.Sprintf("the file is empty; a %s begins with %s", format.What, format.Begin))
	case len(bodies) > 1:
		return Node{}, at(place(bodies[1].GetToken()), "one file holds one "+format.What)
	}
	root, err = convert(bodies[0])
	var shape *shapeError
	if errors.As(err, &shape) {
		return Node{}, at(shape.at, shape.what+" is not part of the "+format.What+" format")
	}
	return root, nil
}

// invalidUTF8 finds the first byte that is no text.
func invalidUTF8(lines []string) (Spot, bool) {
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
		return Spot{i + 1, column}, true
	}
	return Spot{}, false
}

// unfit looks for what must not reach the parser, which calls itself once per
// level of nesting, and takes a time that is the square of a block map's keys.
func unfit(tokens token.Tokens, what string) (Spot, string) {
	flow, entries := 0, 0
	keys := map[int]int{} // of the block maps that are open, by column
	for i, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return place(t), "anchors, aliases and merges are not part of the " + what + " format; write it out"
		case token.TagType, token.MappingKeyType:
			return place(t), fmt.Sprintf("%q is not part of the %s format", Clip(t.Value), what)
		case token.SequenceEntryType:
			forget(keys, place(t).Column)
		case token.MappingValueType:
			if flow == 0 && i > 0 {
				column := place(tokens[i-1]).Column
				forget(keys, column)
				keys[column]++
			}
			if i > 0 && keys[place(tokens[i-1]).Column] > maxKeys {
				return place(t), "this map has too many keys for a " + what
			}
		}
		// "- - - -" opens a level with every dash.
		if t.Type == token.SequenceEntryType && i > 0 && tokens[i-1].Type == token.SequenceEntryType {
			entries++
		} else if t.Type != token.SequenceEntryType {
			entries = 0
		}
		if flow > maxDepth || entries > maxDepth || len(keys) > maxDepth {
			return place(t), "this is nested too deeply for a " + what
		}
	}
	return Spot{}, ""
}

// forget drops the maps that end where something stands at a column before
// theirs.
func forget(keys map[int]int, column int) {
	maps.DeleteFunc(keys, func(open, _ int) bool { return open > column })
}

// place is where a token stands.
func place(t *token.Token) Spot {
	if t == nil || t.Position == nil {
		return Spot{1, 1}
	}
	return Spot{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// located is how the parser's errors carry their place.
type located interface {
	GetToken() *token.Token
	GetMessage() string
}

// whereOf is where the parser found an error.
func whereOf(err error) Spot {
	var with located
	if errors.As(err, &with) {
		return place(with.GetToken())
	}
	return Spot{1, 1}
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
	at   Spot
	what string
}

func (e *shapeError) Error() string { return e.what + " is not part of the format" }

// convert turns the parser's tree into nodes.
func convert(n ast.Node) (Node, error) {
	switch n := n.(type) {
	case nil:
		return Node{}, nil
	case *ast.NullNode:
		return Node{At: place(n.GetToken())}, nil
	case *ast.CommentGroupNode:
		return Node{At: place(n.GetToken())}, nil
	case *ast.StringNode:
		quoted := n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType
		return Node{Kind: Scalar, Text: n.Value, Bare: !quoted, At: place(n.GetToken())}, nil
	case *ast.LiteralNode:
		return Node{Kind: Scalar, Text: strings.TrimRight(n.Value.Value, "\n"), At: place(n.GetToken())}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return Node{Kind: Scalar, Text: n.GetToken().Value, Bare: true, At: place(n.GetToken())}, nil
	case *ast.SequenceNode:
		made := Node{Kind: Sequence, At: place(n.GetToken())}
		for _, value := range n.Values {
			item, err := convert(value)
			if err != nil {
				return Node{}, err
			}
			made.List = append(made.List, item)
		}
		return made, nil
	case *ast.MappingNode:
		return convertMap(n)
	case *ast.MappingValueNode:
		return convertMap(&ast.MappingNode{BaseNode: n.BaseNode, Start: n.Start, Values: []*ast.MappingValueNode{n}})
	default:
		return Node{}, &shapeError{place(n.GetToken()), "this"}
	}
}

// convertMap turns a map. Keys are texts; a key that stands twice is told later,
// with its place.
func convertMap(n *ast.MappingNode) (Node, error) {
	made := Node{Kind: Mapping, At: place(n.GetToken())}
	for _, value := range n.Values {
		key, err := convert(value.Key)
		if err != nil || key.Kind != Scalar {
			return Node{}, &shapeError{place(value.Key.GetToken()), "this key"}
		}
		converted, err := convert(value.Value)
		if err != nil {
			return Node{}, err
		}
		made.Keys = append(made.Keys, Entry{key.Text, key.At, converted})
	}
	// A block map's own token is its first colon; it begins at its first key.
	if len(made.Keys) > 0 && !n.IsFlowStyle {
		made.At = made.Keys[0].At
	}
	return made, nil
}
