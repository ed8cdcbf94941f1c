package document

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Fields notes where each key of a map stands, refuses keys that are not
// known, and returns the values of those that are.
func (l *Notes) Fields(path string, n Node, known []string) map[string]Node {
	if n.Kind != Mapping {
		l.Source.spots[path] = n.At
		l.Addf(path, "this should be a map with some of the keys %s", Joined(known))
		return nil
	}
	values := map[string]Node{}
	for _, e := range n.Keys {
		at := Under(path, e.Key)
		_, again := values[e.Key]
		if !slices.Contains(known, e.Key) || again {
			l.Source.spots[at] = e.At
			if again {
				l.Addf(at, "the key %q stands here twice", e.Key)
			} else {
				l.Unknown(at, "key", e.Key, known)
			}
			continue
		}
		l.Source.spots[at] = e.At
		if e.Value.Kind != Nothing && e.Value.Kind != Mapping {
			l.Source.spots[at] = e.Value.At
		}
		values[e.Key] = e.Value
	}
	return values
}

// Under is the path of a key in the map at another path.
func Under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Ordered are the members of a list with their paths.
type Ordered struct {
	Paths  []string
	ByPath map[string]Node
}

// Ordered reads a list. A scalar counts as a list of one, which is pleasant to
// type.
func (l *Notes) Ordered(path string, n Node) Ordered {
	made := Ordered{ByPath: map[string]Node{}}
	members := n.List
	switch n.Kind {
	case Scalar:
		members = []Node{n}
	case Sequence:
	default:
		l.Add(path, "this should be a list")
		return made
	}
	for i, member := range members {
		at := fmt.Sprintf("%s[%d]", path, i)
		l.Source.spots[at] = member.At
		made.Paths = append(made.Paths, at)
		made.ByPath[at] = member
	}
	return made
}

// Text reads any one value as it is written.
func (l *Notes) Text(path string, n Node) string {
	switch {
	case n.Kind == Nothing:
		l.Add(path, "a value is missing here")
	case n.Kind != Scalar:
		l.Add(path, "this should be one value, not a list or a map")
	case len(n.Text) > 1000:
		l.Add(path, "this text is too long; 1000 bytes are the most")
	default:
		return n.Text
	}
	return ""
}

// Count reads a whole number.
func (l *Notes) Count(path string, n Node) int {
	text := l.Text(path, n)
	number, err := strconv.Atoi(text)
	if text != "" && (err != nil || number < 0 || number > math.MaxInt32) {
		l.Addf(path, "this should be a whole number from 0, not %q", Clip(text))
		return 0
	}
	return number
}

// Positive reads a count that is at least 1 unless zero makes sense. A bad one
// becomes 1, so that nothing else is said to be wrong because of it.
func (l *Notes) Positive(path string, n Node, zero bool, otherwise string) int {
	before := len(l.Found)
	number := l.Count(path, n)
	if number == 0 && !zero && len(l.Found) == before {
		l.Add(path, otherwise)
	}
	if number == 0 && !zero {
		return 1
	}
	return number
}

// Flag reads true or false. YAML knows more words for them; two are enough, and
// "no" in quotes is a text.
func (l *Notes) Flag(path string, n Node) bool {
	text := l.Text(path, n)
	if text != "" && (!n.Bare || (text != "true" && text != "false")) {
		l.Addf(path, "this should be true or false, not %q", Clip(text))
	}
	return text == "true"
}

// Word reads one of some words; others get a suggestion.
func (l *Notes) Word(path, what string, n Node, words []string) string {
	text := l.Text(path, n)
	for _, word := range words {
		if text == word {
			return text
		}
	}
	if text != "" {
		l.Unknown(path, what, text, words)
	}
	return ""
}

// Joined lists words for people.
func joined[S ~string](words []S) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}

// Joined lists words for people.
func Joined[S ~string](words []S) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}
