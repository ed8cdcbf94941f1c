package reports

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
)

// The elements of JUnit's format that all common CI parsers read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string           `xml:"name,attr"`
		Tests      int              `xml:"tests,attr"`
		Failures   int              `xml:"failures,attr"`
		Errors     int              `xml:"errors,attr"`
		Skipped    int              `xml:"skipped,attr"`
		Properties *junitProperties `xml:"properties"`
		Cases      []junitCase      `xml:"testcase"`
	}
	junitProperties struct {
		All []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string      `xml:"classname,attr"`
		Name    string      `xml:"name,attr"`
		Failure *junitFault `xml:"failure"`
		Error   *junitFault `xml:"error"`
		Skipped *junitSkip  `xml:"skipped"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkip struct {
		Message string `xml:"message,attr"`
	}
)

// junit has a suite per scenario, and one for the run as a whole: a run that
// was cut short must be red even where each of its scenarios looks well. It
// holds no times, so that the same evidence gives the same bytes.
func junit(s *survey) ([]byte, error) {
	root := junitSuites{Name: "payquake " + Clean(s.verdict.Scenario)}
	root.add(s.runSuite())
	for _, part := range s.evidence.Plan.Parts {
		root.add(s.partSuite(part.Scenario))
	}
	text, err := xml.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

// add counts a suite's cases; some parsers believe the counts and never look
// at the cases.
func (root *junitSuites) add(suite junitSuite) {
	for _, c := range suite.Cases {
		suite.Tests++
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	root.Tests += suite.Tests
	root.Failures += suite.Failures
	root.Errors += suite.Errors
	root.Skipped += suite.Skipped
	root.Suites = append(root.Suites, suite)
}

// runSuite is red for whatever makes the whole run inconclusive. A violation
// is not repeated here: it is a failure where it belongs, and one failure
// shown twice looks like two.
func (s *survey) runSuite() junitSuite {
	v := s.verdict
	whole := junitCase{Class: "run", Name: "the-evidence-is-whole"}
	var open []string
	if len(v.Reasons) > 0 {
		for _, reason := range reasons(v) {
			open = append(open, Clean(reason))
		}
	}
	for _, finding := range v.OurFault {
		open = append(open, "payquake's own fault: "+Clean(finding.Invariant)+": "+Clean(finding.Reason))
	}
	if len(open) > 0 {
		whole.Error = &junitFault{Message: open[0], Type: "inconclusive", Text: strings.Join(open, "\n")}
	}
	return junitSuite{Name: "run", Cases: []junitCase{whole}, Properties: &junitProperties{[]junitProperty{
		{"run", Clean(v.Run)}, {"scenario", Clean(v.Scenario)}, {"seed", fmt.Sprint(v.Seed)},
		{"environment", Clean(v.Environment)}, {"merchant", Clean(v.Merchant)}, {"merchant-bug", Clean(v.MerchantBug)}, {"verdict", Clean(string(v.Outcome))}}}}
}

// partSuite has a case per invariant, also for those that are not applicable:
// a case that vanishes between two commits would go unnoticed.
func (s *survey) partSuite(scenario string) junitSuite {
	suite := junitSuite{Name: Clean(scenario)}
	for _, invariant := range invariants.Catalogue() {
		suite.Cases = append(suite.Cases, s.invariantCase(scenario, invariant.ID))
	}
	for _, expected := range s.verdict.Expectations {
		if expected.Scenario != scenario {
			continue
		}
		c := junitCase{Class: suite.Name, Name: "expects " + expectation(expected)}
		if !expected.Met {
			text := fmt.Sprintf("there were %d", expected.Happened)
			c.Error = &junitFault{Message: text, Type: "expectation", Text: text}
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}

// invariantCase maps outcomes onto JUnit's: violated is a failure, inconclusive
// an error, and not applicable is skipped with its reason. Skipped is never
// used for what should have been known and is not.
func (s *survey) invariantCase(scenario, id string) junitCase {
	c := junitCase{Class: Clean(scenario), Name: id}
	if found := s.findingsIn(scenario, id); len(found) > 0 {
		texts := make([]string, len(found))
		for i, finding := range found {
			texts[i] = junitFinding(finding)
		}
		c.Failure = &junitFault{Message: Clean(found[0].Reason), Type: "violated", Text: strings.Join(texts, "\n")}
		return c
	}
	sum := s.tally(scenario, id)
	switch sum.outcome {
	case invariants.NotApplicable:
		c.Skipped = &junitSkip{Message: Clean(sum.reason)}
	case invariants.Held:
		if len(s.verdict.Damage) > 0 { // as in the verdict: damaged evidence shows no rule to hold
			c.Error = &junitFault{Message: "the evidence is damaged", Type: "inconclusive"}
		}
	case invariants.Violated, invariants.Inconclusive:
		c.Error = &junitFault{Message: Clean(sum.reason), Type: "inconclusive"}
	}
	return c
}

// findingsIn are the findings of an invariant with a trial of the scenario,
// each with those of its trials that belong to it.
func (s *survey) findingsIn(scenario, invariant string) []invariants.Finding {
	var found []invariants.Finding
	for _, finding := range s.verdict.Findings {
		if finding.Invariant != invariant {
			continue
		}
		var own []faults.Trial
		for _, id := range finding.Trials {
			if trial, known := s.evidence.Find(id); known && trial.Planned.Scenario == scenario {
				own = append(own, id)
			}
		}
		if len(own) > 0 {
			finding.Trials = own
			found = append(found, finding)
		}
	}
	return found
}

// junitFinding begins with the command that repeats it, as everywhere.
func junitFinding(finding invariants.Finding) string {
	return fmt.Sprintf("%s\n  finding %s  %s (%s), %s, in %s\n  %s\n  faults: %s\n", Clean(finding.Repeat), Clean(finding.ID),
		Clean(finding.Invariant), Clean(finding.Clause), finding.Money, counted(len(finding.Trials), "trial"), Clean(finding.Reason),
		list(finding.Faults, "none fired"))
}
