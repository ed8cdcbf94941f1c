package reports_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/payquake/payquake/reports"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, from, want string }{
		{"plain", "order 12 已付款 é", "order 12 已付款 é"},
		{"terminal escape", "\x1b[2J\x1b]0;title\a", "\uFFFD[2J\uFFFD]0;title\uFFFD"},
		{"lines", "one\r\ntwo\tthree", "one  two three"},
		{"eight-bit escape", "\u009b31m", "\uFFFD31m"},
		{"turned around", "\u202Ediap\u2066", "\uFFFDdiap\uFFFD"},
		{"invisible", "pa\u200Bid", "pa\uFFFDid"},
		{"no text", "\xff\xfe", "\uFFFD\uFFFD"},
		{"not for XML", "\uFFFE\x00", "\uFFFD\uFFFD"},
		{"long", strings.Repeat("界", 700), strings.Repeat("界", 600) + "…"},
	} {
		if got := reports.Clean(c.from); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, text string) {
		clean := reports.Clean(text)
		if !utf8.ValidString(clean) || strings.ContainsFunc(clean, unicode.IsControl) || reports.Clean(clean) != clean && len([]rune(text)) < 600 {
			t.Errorf("%q becomes %q", text, clean)
		}
	})
}
