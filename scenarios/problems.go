package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with a scenario, at its place in the
// file. A scenario that was not read from text has no line, only the path.
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

// Problems are all the things that are wrong with a scenario, in the order of
// the file. It is an error; an empty one is never returned as such.
type Problems []Problem

// Error lists all problems, each with the lines it is about.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = problem.String()
	}
	return strings.Join(texts, "\n")
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

// list collects problems, and places them in the source if there is one.
type list struct {
	source *source
	name   string // stands for the file if there is no source
	found  Problems
}

// add notes a problem at a path.
func (l *list) add(path, message string) { l.put(path, "", Problem{Message: message}) }

// addf is add with a format.
func (l *list) addf(path, format string, arguments ...any) {
	l.add(path, fmt.Sprintf(format, arguments...))
}

// unknown notes a word that is none of the known ones.
func (l *list) unknown(path, what, word string, known []string) {
	problem := Problem{Message: fmt.Sprintf("unknown %s %q", what, clip(word)), Suggestion: nearest(word, known)}
	if problem.Suggestion == "" && len(known) > 0 {
		shown := known[:min(len(known), 24)]
		problem.Message += "; there are " + strings.Join(shown, ", ")
	}
	l.put(path, word, problem)
}

// put places a problem: at the path, and at a part of its text if that is
// found there.
func (l *list) put(path, part string, problem Problem) {
	if len(l.found) >= maxProblems {
		return
	}
	problem.File, problem.Path = l.name, path
	if l.source != nil {
		spot := l.source.spot(path)
		line := l.source.line(spot.line)
		if at := strings.Index(tail(line, spot.column), part); part != "" && at > 0 {
			spot.column += utf8.RuneCountInString(tail(line, spot.column)[:at])
		}
		problem.Line, problem.Column = spot.line, spot.column
		problem.excerpt = l.source.excerpt(spot)
	}
	l.found = append(l.found, problem)
}

// err is what was found, in the order of the file; nil if nothing was.
func (l *list) err() error {
	if len(l.found) == 0 {
		return nil
	}
	slices.SortStableFunc(l.found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.found
}

// excerpt shows a line of the source with the one before it and a caret.
func (s *source) excerpt(at spot) string {
	width := len(strconv.Itoa(at.line))
	var text strings.Builder
	if before := s.line(at.line - 1); strings.TrimSpace(before) != "" {
		fmt.Fprintf(&text, "  %*d | %s\n", width, at.line-1, clip(before))
	}
	line := s.line(at.line)
	fmt.Fprintf(&text, "> %*d | %s\n", width, at.line, clip(line))
	ahead := []rune(line)
	ahead = ahead[:min(max(at.column-1, 0), len(ahead))]
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

// clip makes a text fit for a line of a report, whatever is in it.
func clip(text string) string {
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

// nearest is the known word that may be meant by another: the one with the
// fewest changes, if these are few for its length.
func nearest(word string, known []string) string {
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
