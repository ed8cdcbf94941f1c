package reports_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
)

// browser finds chromium. Without it these tests are skipped, unless the
// environment demands every tool.
func browser(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err == nil {
		return path
	}
	if os.Getenv("PAYQUAKE_REQUIRE_TOOLS") == "1" {
		t.Fatal("chromium is not installed, and PAYQUAKE_REQUIRE_TOOLS=1")
	}
	t.Skip("chromium is not installed: the page was not opened in a browser")
	return ""
}

// open loads a page and returns its document once its scripts have run. A word
// on the console fails the test.
func open(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var said strings.Builder
	command := exec.CommandContext(ctx, browser(t), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
		"--user-data-dir="+t.TempDir(), "--window-size=1280,1000", "--virtual-time-budget=500", "--dump-dom", url)
	command.Stderr = &said
	command.WaitDelay = 5 * time.Second
	dom, err := command.Output()
	if err != nil {
		t.Fatalf("open the page: %v", err)
	}
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the page wrote to the console: %s", line)
		}
	}
	return string(dom)
}

func expect(t *testing.T, dom string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(dom, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
}

var openDialog = regexp.MustCompile(`(?s)<dialog[^>]* open="">.*</dialog>`)

// shownIn is the content of the open dialog.
func shownIn(t *testing.T, dom string) string {
	t.Helper()
	found := openDialog.FindString(dom)
	if found == "" {
		t.Error("no trial is open")
	}
	return found
}

func TestPage_OpensTheTrialThatItsAddressNames(t *testing.T) {
	t.Parallel()
	folder := written(t, violatedRun())
	dialog := shownIn(t, open(t, "file://"+folder.Path(journal.ReportFile)+"#trial=t0004"))
	expect(t, dialog, `class="msg edited"`, `class="msg forged"`, ">forged-notification</text>", "88.00 CNY captured → 0.88 CNY captured",
		"copy 1", `class="diamond"`, "no-wrong-amount · 87.12 CNY", `class="differs"`)
}

func TestPage_ShowsProcessesThatWereDown(t *testing.T) {
	t.Parallel()
	folder := written(t, violatedRun())
	dialog := shownIn(t, open(t, "file://"+folder.Path(journal.ReportFile)+"#trial=t0005"))
	expect(t, dialog, `class="down"`, "merchant runs again", `class="msg lost"`, `class="msg answer cut"`)
}

// A click is tried on a copy of the page without its policy, which rightly
// would not run a script of the test's.
func TestPage_ClickAndFilter(t *testing.T) {
	t.Parallel()
	text := read(t, written(t, violatedRun()).Path(journal.ReportFile))
	text = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(text, "")
	clicks := `<script>
document.querySelector('input[value="violated"]').click();
document.querySelector('table.list a[href="#trial=t0001"]').click();
</script></body>`
	path := filepath.Join(t.TempDir(), "clicked.html")
	if err := os.WriteFile(path, []byte(strings.Replace(text, "</body>", clicks, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	dom := open(t, "file://"+path)
	expect(t, shownIn(t, dom), `id="trial-title">t0001<`, `class="msg lost"`, "lost-request")
	expect(t, dom, "3 of 6 trials") // two trials and the rerun of one
	if hidden := strings.Count(dom, `hidden=""`); hidden != 3 {
		t.Errorf("%d rows are hidden", hidden)
	}
}

func TestPage_HostileTextStaysText(t *testing.T) {
	t.Parallel()
	folder := written(t, hostileRun())
	dom := open(t, "file://"+folder.Path(journal.ReportFile)+"#trial=t0001")
	expect(t, shownIn(t, dom), "&lt;img src=x onerror=alert(1)&gt;")
	if strings.Contains(dom, "<img") || strings.Contains(dom, "<script>alert") {
		t.Error("a text of the merchant's became an element")
	}
}

func TestPage_HasItsParts(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*invariants.Evidence{"held": heldRun(), "violated": violatedRun(), "noisy": noisyRun()} {
		dom := open(t, "file://"+written(t, e).Path(journal.ReportFile))
		expect(t, dom, "<header", "<main", "<nav", `id="money"`, `id="invariants"`, `id="faults"`, `id="trials"`)
		if regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(dom) {
			t.Errorf("%s: the page asks for something elsewhere", name)
		}
		if strings.Contains(dom, `id="findings"`) != (name == "violated") {
			t.Errorf("%s: wrong about findings", name)
		}
	}
}
