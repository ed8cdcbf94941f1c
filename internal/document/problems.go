// Package document reads YAML files that people write: strictly, with the place
// of every part, and so that all that is wrong with a file is told at once, each
// with its line, a caret and the word that may be meant.
package document

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with a file, at its place in it. What was
// not read from text has no line, only the path.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`   // from 1
	Column  int    `json:"column,omitempty"` // from 1, in characters
	Path    string `json:"path,omitempty"`   // such as faults[2].at
	Message string `json:"message"`
	// Suggestion is the word that may be meant.
	Suggestion string `json:"suggestion,omitempty"`

	excerpt string
}

// Problems are all the things that are wrong with a file, in its order. It is an error; an empty one is never returned as such.
type Problems []Problem

// Error lists all problems, each with the lines it is about.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.String()
	}
	return strings.Join(texts, "\n")
}

// Brief is the problem in one line, without the source.
func (p Problem) Brief() string {
	p.excerpt = ""
	return Clip(p.String())
}

// String is the problem as a person reads it: where, what, what may be meant,
// and the source with a caret.
func (p Problem) String() string {
	var text strings.Builder
	switch {
	case p.Line > 0:
		fmt.Fprintf(&text, "%s:%d:%d: ", p.File, p.Line, p.Column)
	case p.File != "" && p.Path != "":
		fmt.Fprintf(&text, "%s: %s: ", p.File, p.Path)
	case p.File != "":
		fmt.Fprintf(&text, "%s: ", p.File)
	}
	text.WriteString(p.Message)
	if p.Suggestion != "" {
		fmt.Fprintf(&text, "; did you mean %q?", p.Suggestion)
	}
	if p.excerpt != "" {
		text.WriteString("\n" + p.excerpt)
	}
	return text.String()
}

// maxProblems bounds a report: a file with more is wrong as a whole.
const maxProblems = 50

// Notes collects problems, and places them in the source if there is one.
type Notes struct {
	Source *Source
	Name   string // stands for the file if there is no source
	Found  Problems
}

// Add notes a problem at a path.
func (l *Notes) Add(path, message string) { l.Put(path, "", Problem{Message: message}) }

// Addf is Add with a format.
func (l *Notes) Addf(path, format string, arguments ...any) {
	l.Add(path, fmt.Sprintf(format, arguments...))
}

// Unknown notes a word that is none of the known ones.
func (l *Notes) Unknown(path, what, word string, known []string) {
	problem := Problem{Message: fmt.Sprintf("unknown %s %q", what, Clip(word)), Suggestion: Nearest(word, known)}
	if problem.Suggestion == "" && len(known) > 0 {
		shown := known[:min(len(known), 24)]
		problem.Message += "; there are " + strings.Join(shown, ", ")
	}
	l.Put(path, word, problem)
}

// Put places a problem: at the path, and at a part of its text if that is
// found there.
func (l *Notes) Put(path, part string, problem Problem) {
	if len(l.Found) >= maxProblems {
		return
	}
	problem.File, problem.Path = l.Name, path
	if l.Source != nil {
		spot := l.Source.spot(path)
		line := l.Source.line(spot.Line)
		if at := strings.Index(tail(line, spot.Column), part); part != "" && at > 0 {
			spot.Column += utf8.RuneCountInString(tail(line, spot.Column)[:at])
		}
		problem.Line, problem.Column = spot.Line, spot.Column
		problem.excerpt = l.Source.excerpt(spot)
	}
	l.Found = append(l.Found, problem)
}

// Err is what was found, in the order of the file; nil if nothing was.
func (l *Notes) Err() error {
	if len(l.Found) == 0 {
		return nil
	}
	slices.SortStableFunc(l.Found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.Found
}

// excerpt shows a line of the source with the one before it and a caret.
func (s *Source) excerpt(at Spot) string {
	width := len(strconv.Itoa(at.Line))
	var text strings.Builder
	if before := s.line(at.Line - 1); strings.TrimSpace(before) != "" {
		fmt.Fprintf(&text, "  %*d | %s\n", width, at.Line-1, Clip(before))
	}
	line := s.line(at.Line)
	fmt.Fprintf(&text, "> %*d | %s\n", width, at.Line, Clip(line))
	ahead := []rune(line)
	ahead = ahead[:min(max(at.Column-1, 0), len(ahead))]
	for i, r := range ahead {
		if r != '\t' {
			ahead[i] = ' ' // tabs stay, so that the caret lands below its character
		}
	}
	if len(ahead) > longest {
		ahead = ahead[:longest]
	}
	fmt.Fprintf(&text, "  %*s   %s^", width, "", string(ahead))
	return text.String()
}

// longest is how much of a line or a word is shown.
const longest = 160

// Clip makes a text fit for a line of a report, whatever is in it.
func Clip(text string) string {
	text = strings.ToValidUTF8(strings.TrimRight(text, "\r\n"), "�")
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

// tail is what is left of a line from a column on.
func tail(line string, column int) string {
	for at := range line {
		if column--; column <= 0 {
			return line[at:]
		}
	}
	return ""
}

// Nearest is the known word that may be meant by another: the one with the
// fewest changes, if these are few for its length.
func Nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, least := "", max(len(word)/3, 2)+1
	for _, candidate := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the bytes to add, drop, change or swap with the next one to
// turn a into b. Swaps count once: they are the commonest slip of a hand.
func distance(a, b string) int {
	var twoBack []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := last[j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			row[j] = min(changed, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoBack[j-2]+1)
			}
		}
		twoBack, last = last, row
	}
	return last[len(b)]
}
