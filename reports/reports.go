// Package reports turns a verdict and its evidence into documents for people
// and for CI: a page, an incident report, JUnit, a summary, and a script that
// repeats each finding. It renders and never judges: every conclusion is the
// verdict's, and the same evidence gives the same bytes.
//
// Texts that came from the merchant under test are hostile until shown
// otherwise: they pass through Clean everywhere, and through the escaping of
// the format they are put into.
package reports

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
)

// document is one file of a report. A document with nothing to say renders to
// nil, and its file is removed: yesterday's incident must not stay beside
// today's verdict.
type document struct {
	name   string
	mode   fs.FileMode
	render func(*survey) ([]byte, error)
}

// documents lists the files of a report, in the order in which they are written.
func documents() []document {
	return []document{
		{journal.ReportFile, 0o644, page},
		{journal.IncidentFile, 0o644, incident},
		{journal.JUnitFile, 0o644, junit},
		{journal.SummaryFile, 0o644, summary},
		{journal.ReproFile, 0o755, repro},
	}
}

// Write writes the report of a run into its folder: report.html,
// incident.en.md if there are findings, junit.xml, summary.md and repro.sh.
// A file that cannot be written does not keep the others from it.
func Write(folder journal.Folder, e *invariants.Evidence, v invariants.Verdict) error {
	s := look(e, v)
	var errs []error
	for _, d := range documents() {
		errs = append(errs, d.write(folder, s))
	}
	return errors.Join(errs...)
}

// write renders before it touches the file: a document that cannot be rendered
// leaves the old one in place.
func (d document) write(folder journal.Folder, s *survey) error {
	text, err := d.render(s)
	if err != nil {
		return fmt.Errorf("render %s: %w", d.name, err)
	}
	path := folder.Path(d.name)
	// A report is replaced as a whole, so that a mode from before does not stay.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace %s: %w", d.name, err)
	}
	if text == nil {
		return nil
	}
	if err := os.WriteFile(path, text, d.mode); err != nil {
		return fmt.Errorf("write %s: %w", d.name, err)
	}
	return nil
}
