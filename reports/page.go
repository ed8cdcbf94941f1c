package reports

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
)

//go:embed assets
var assets embed.FS

// pageModel is what the page's template is filled with.
type pageModel struct {
	Word, Tone, Gist string
	V                invariants.Verdict
	Policy           string // the page's content security policy
	Style            template.CSS
	Script           template.JS
	Strip            []stripe
	Reasons          []string
	Findings         []invariants.Finding
	OurFault         []invariants.Finding
	Mitigated        []invariants.Finding
	Misled           []invariants.Finding
	AtFault          []share
	Sides            sideBySide
	Applied, Absent  []invariants.Summary // invariants
	FaultLines       []faultLine
	RequiredMissing  []invariants.NotFired
	Attribution      []share
	Rows             []listed
	Details          []embedded
	ListedOnly       int
	Incident         bool
}

// page renders report.html: one file that works offline. Its policy allows its
// own style and script by their hashes and nothing else, so that a text of the
// merchant that got past every escaping would still not run, and the page
// cannot ask anybody for anything.
func page(s *survey) ([]byte, error) {
	style, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return nil, fmt.Errorf("read the style: %w", err)
	}
	script, err := assets.ReadFile("assets/page.js")
	if err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	parsed, err := template.New("page.html").Funcs(pageWords(s)).ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the template: %w", err)
	}
	model, err := s.model()
	if err != nil {
		return nil, err
	}
	model.Style, model.Script = template.CSS(style), template.JS(script)
	model.Policy = fmt.Sprintf("default-src 'none'; img-src data:; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
		sourceHash(style), sourceHash(script))
	var text bytes.Buffer
	if err := parsed.Execute(&text, model); err != nil {
		return nil, fmt.Errorf("fill the template: %w", err)
	}
	return text.Bytes(), nil
}

// sourceHash names a script or style in the page's policy.
func sourceHash(source []byte) string {
	sum := sha256.Sum256(source)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// pageWords are the functions of the template. Whatever a text's origin, it
// goes through clean; escaping is the template's own work.
func pageWords(s *survey) template.FuncMap {
	return template.FuncMap{
		"clean":   func(text any) string { return Clean(fmt.Sprint(text)) },
		"arrows":  func(path string) string { return strings.ReplaceAll(Clean(path), "->", " → ") },
		"alone":   alone,
		"ref":     func(ref journal.Ref) string { return refText(ref) },
		"expects": expectation,
		"counted": counted,
		"less":    func(a, b int) int { return a - b },
		"percent": func(part, all int) string { return percent(part, all) },
		"span":    func(part, all int) string { return span(part, all) },
		"shown":   func(trials []faults.Trial) []faults.Trial { return trials[:min(24, len(trials))] },
		"moneyOf": s.moneyOf,
	}
}

// span is a part of a bar that is 100 long.
func span(part, all int) string {
	if all == 0 {
		return "0"
	}
	return fmt.Sprintf("%.2f", 100*float64(part)/float64(all))
}

func percent(part, all int) string {
	if all == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(all))
}

// model fills in everything that the page shows.
func (s *survey) model() (pageModel, error) {
	v := s.verdict
	model := pageModel{V: v, Gist: gist(v), Findings: v.Findings, OurFault: v.OurFault, Mitigated: byClause(v.Mitigated), Misled: byClause(v.Misled), Reasons: reasons(v),
		Incident: len(v.Findings) > 0}
	model.Word, model.Tone = headline(v)
	for _, sum := range v.Invariants {
		if sum.Outcome == invariants.NotApplicable {
			model.Absent = append(model.Absent, sum)
		} else {
			model.Applied = append(model.Applied, sum)
		}
	}
	// The worst first: a reader looks for what is wrong, not for the alphabet.
	slices.SortStableFunc(model.Applied, func(a, b invariants.Summary) int { return badness(b) - badness(a) })
	model.AtFault = faultShares(v)
	model.Sides = compare(v)
	model.FaultLines, model.RequiredMissing = faultLines(v.Pins)
	model.Attribution = s.attribution()
	chosen, err := s.choose()
	if err != nil {
		return pageModel{}, err
	}
	model.Details = chosen
	model.Rows = s.rows(chosen)
	for _, row := range model.Rows {
		if !row.Drawn {
			model.ListedOnly++
		}
	}
	model.Strip = strip(model.Rows)
	return model, nil
}

func badness(sum invariants.Summary) int {
	switch sum.Outcome {
	case invariants.Violated:
		return 2
	case invariants.Held, invariants.NotApplicable:
		return 0
	default:
		return 1
	}
}
