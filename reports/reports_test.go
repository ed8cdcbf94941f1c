package reports_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/reports"
)

var update = flag.Bool("update", false, "write the golden files again")

var texts = []string{journal.IncidentFile, journal.JUnitFile, journal.SummaryFile, journal.ReproFile}

func written(t *testing.T, e *invariants.Evidence) journal.Folder {
	t.Helper()
	folder := journal.Folder(t.TempDir())
	if err := reports.Write(folder, e, invariants.Judge(e)); err != nil {
		t.Fatal(err)
	}
	return folder
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func console(t *testing.T, v invariants.Verdict, style reports.Style) string {
	t.Helper()
	var text bytes.Buffer
	if err := reports.Console(&text, v, style); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := read(t, path); got != want {
		t.Errorf("%s differs (go test ./reports -update writes it again); got:\n%s", path, got)
	}
}

func TestWrite_Golden(t *testing.T) {
	for name, e := range runs() {
		t.Run(name, func(t *testing.T) {
			folder := written(t, e)
			for _, file := range texts {
				if file == journal.IncidentFile && (name == "held" || name == "damaged" || name == "noisy") {
					if _, err := os.Stat(folder.Path(file)); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("%s was written without a finding: %v", file, err)
					}
					continue
				}
				golden(t, filepath.Join(name, file), read(t, folder.Path(file)))
			}
			golden(t, filepath.Join(name, "console.txt"), console(t, invariants.Judge(e), reports.Style{Width: 100, Folder: "payquake-results/test-1"}))
		})
	}
}

// The runs must be what their names say, or their golden files show nothing.
func TestRuns_AreWhatTheyAreCalled(t *testing.T) {
	want := map[string]invariants.Outcome{"held": invariants.Held, "violated": invariants.Violated, "damaged": invariants.Inconclusive,
		"noisy": invariants.Inconclusive, "hostile": invariants.Violated}
	for name, e := range runs() {
		if v := invariants.Judge(e); v.Outcome != want[name] {
			t.Errorf("%s is %s: %v %v", name, v.Outcome, v.Reasons, v.Findings)
		}
	}
}

func TestWrite_SameEvidenceSameBytes(t *testing.T) {
	first, second := runs(), runs()
	for name := range first {
		a, b := written(t, first[name]), written(t, second[name])
		for _, file := range append([]string{journal.ReportFile}, texts...) {
			one, _ := os.ReadFile(a.Path(file))
			two, _ := os.ReadFile(b.Path(file))
			if !bytes.Equal(one, two) {
				t.Errorf("%s of %s differs between two writings", file, name)
			}
		}
	}
}

func TestWrite_RemovesTheIncidentOfBefore(t *testing.T) {
	folder := written(t, violatedRun())
	e := heldRun()
	if err := reports.Write(folder, e, invariants.Judge(e)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder.Path(journal.IncidentFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the incident of an earlier verdict is still there: %v", err)
	}
}

func TestJUnit_IsWellFormedAndCounts(t *testing.T) {
	for name, e := range runs() {
		text := read(t, written(t, e).Path(journal.JUnitFile))
		decoder := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var root struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
		}
		if err := xml.Unmarshal([]byte(text), &root); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text, "<testcase "); n != root.Tests {
			t.Errorf("%s: %d testcases, it says %d", name, n, root.Tests)
		}
		if v := invariants.Judge(e); (v.Outcome == invariants.Held) != (root.Failures+root.Errors == 0) {
			t.Errorf("%s is %s, with %d failures and %d errors", name, v.Outcome, root.Failures, root.Errors)
		}
	}
}

// Nothing that the merchant wrote may act where it is shown.
func TestWrite_HostileTextDoesNothing(t *testing.T) {
	e := hostileRun()
	folder := written(t, e)
	shown := map[string]string{"console": console(t, invariants.Judge(e), reports.Style{Width: 100})}
	for _, file := range append([]string{journal.ReportFile}, texts...) {
		shown[file] = read(t, folder.Path(file))
	}
	for name, text := range shown {
		for _, r := range text {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Errorf("%s has the control character %U", name, r)
				break
			}
		}
		if name != "console" && name != journal.ReproFile && strings.Contains(text, "<script>alert") {
			t.Errorf("%s has a script of the merchant's", name)
		}
	}
	page := shown[journal.ReportFile]
	if strings.Count(page, "</script>") != strings.Count(page, "<script") {
		t.Error("a text ended a script early")
	}
	if strings.Contains(page, "<img") || strings.Contains(page, "http://evil") && strings.Contains(page, `href="http`) {
		t.Error("the page has an element of the merchant's")
	}
	if strings.Contains(shown[journal.IncidentFile], "\n</script>") || strings.Contains(shown[journal.SummaryFile], "](http") {
		t.Error("Markdown has a link or markup of the merchant's")
	}
}

func TestConsole_FindingBeginsWithItsCommand(t *testing.T) {
	v := invariants.Judge(violatedRun())
	text := console(t, v, reports.Style{})
	if !strings.HasPrefix(text, "VIOLATED") {
		t.Errorf("it begins with %q", text[:20])
	}
	for _, finding := range v.Findings {
		if !strings.Contains(text, "\n\n"+finding.Repeat+"\n  finding "+finding.ID+" ") {
			t.Errorf("finding %s does not begin with its command", finding.ID)
		}
	}
	if plain := console(t, v, reports.Style{Colour: true}); !strings.Contains(plain, "\x1b[1;31mVIOLATED\x1b[0m") {
		t.Error("no colour")
	}
}

func TestConsole_OurFaultComesFirst(t *testing.T) {
	v := invariants.Judge(heldRun())
	v.OurFault = []invariants.Finding{{ID: "0a", Invariant: "money-is-conserved", Reason: "a posting has no counter-posting", Repeat: "payquake repro x 0a", Trial: "t0001"}}
	if text := console(t, v, reports.Style{}); !strings.HasPrefix(text, "PAYQUAKE AT FAULT") || !strings.Contains(text, "payquake repro x 0a\n") {
		t.Errorf("got %s", text)
	}
}

// The script believes only the finding's own line, not any red run.
func TestRepro_VerifiesWhichFinding(t *testing.T) {
	e := violatedRun()
	v := invariants.Judge(e)
	finding := v.Findings[0]
	for _, c := range []struct {
		name, prints, exit string
		seen               bool
	}{
		{"the same", "  finding " + finding.ID + "  " + finding.Invariant + " (x)", "1", true},
		{"another", "  finding 00000000  " + finding.Invariant + " (x)", "1", false},
		{"green", "  finding " + finding.ID + "  " + finding.Invariant + " (x)", "0", false},
		{"only a mention", "repeating " + finding.ID, "1", false},
	} {
		dir := t.TempDir()
		fake := filepath.Join(dir, "fake")
		if err := os.WriteFile(fake, []byte("#!/bin/sh\necho '"+c.prints+"'\nexit "+c.exit+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		again := v
		again.Findings = []invariants.Finding{finding}
		again.Findings[0].Repeat = fake
		if err := reports.Write(journal.Folder(dir), e, again); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, journal.ReproFile)).CombinedOutput()
		if (err == nil) != c.seen {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
	}
}
