package reports

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest bounds how much of one text from outside is shown.
const longest = 600

// Clean makes a text from outside safe to show in a terminal, a log or a
// document: on one line, without control characters, terminal escapes, or
// characters that turn the direction of reading around (with which "paid"
// could be made to look like another word). What is taken out leaves a mark,
// so that nobody believes the text was clean. Long texts are cut.
func Clean(text string) string {
	var clean strings.Builder
	count := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if count++; count > longest {
			clean.WriteRune('…')
			break
		}
		clean.WriteRune(harmless(r, size))
		i += size
	}
	return clean.String()
}

// harmless is the rune, or what stands in its place.
func harmless(r rune, size int) rune {
	switch {
	case r == '\n' || r == '\r' || r == '\t':
		return ' '
	case r == utf8.RuneError && size == 1, r == 0xFFFE, r == 0xFFFF, unicode.IsControl(r), unicode.Is(unicode.Cf, r),
		r == '\u2028', r == '\u2029':
		return '\uFFFD'
	default:
		return r
	}
}

// markdown cleans a text and takes the meaning from everything that Markdown
// or the HTML inside it would give one. Pipes too: they end a table's cell.
func markdown(text string) string {
	var escaped strings.Builder
	for _, r := range Clean(text) {
		switch {
		case r == '&':
			escaped.WriteString("&amp;")
		case r == '<':
			escaped.WriteString("&lt;")
		case r == '>':
			escaped.WriteString("&gt;")
		case r == '@': // GitHub would tell the person of that name
			escaped.WriteString("&#64;")
		case strings.ContainsRune("\\`*_{}[]()#+!|~$", r):
			escaped.WriteByte('\\')
			escaped.WriteRune(r)
		default:
			escaped.WriteRune(r)
		}
	}
	// A bare address would become a link by itself.
	return strings.ReplaceAll(escaped.String(), "://", ":&#47;&#47;")
}

// code is a text as inline code. Backticks protect what is inside them from
// Markdown but not from a program that takes the file for HTML; a text with
// anything unusual in it is escaped inside an element instead.
func code(text string) string {
	clean := Clean(text)
	switch {
	case clean == "":
		return ""
	case strings.ContainsAny(clean, "`<>&|@$\\") || clean != strings.TrimSpace(clean):
		return "<code>" + markdown(clean) + "</code>"
	default:
		return "`" + clean + "`"
	}
}

// block is a text as a fenced block of a language.
func block(language, text string) string {
	clean := Clean(text)
	fence := fenceFor(clean)
	return fence + language + "\n" + clean + "\n" + fence + "\n"
}

// fenceFor is a fence that no run of backticks in the text can close.
func fenceFor(text string) string {
	run, least := 0, 3
	for _, r := range text {
		if r == '`' {
			run++
			least = max(least, run+1)
		} else {
			run = 0
		}
	}
	return strings.Repeat("`", least)
}
