package reports

import (
	"fmt"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
)

// headline is the verdict in one word and its tone. A fault of payquake's own
// comes before any other conclusion: nothing else counts then.
func headline(v invariants.Verdict) (word, tone string) {
	switch {
	case len(v.OurFault) > 0:
		return "payquake at fault", "inconclusive"
	case v.Outcome == invariants.Violated:
		return "violated", "violated"
	case v.Outcome == invariants.Held:
		return "held", "held"
	default: // the zero value proves nothing
		return "inconclusive", "inconclusive"
	}
}

// gist says in a sentence what the headline stands for.
func gist(v invariants.Verdict) string {
	switch _, tone := headline(v); {
	case len(v.OurFault) > 0:
		return "payquake broke a rule of its own; this run says nothing about the merchant"
	case tone == "violated":
		text := fmt.Sprintf("%s in %d of %s", counted(len(v.Findings), "finding"), concerned(v.Findings), counted(v.Counts.Begun, "trial"))
		if money := atFault(v); money != "" {
			text += ", " + money + " at fault"
		}
		return text
	case tone == "held":
		return fmt.Sprintf("every invariant held in %s, %s captured", counted(v.Counts.Begun, "trial"), v.Money.Captured)
	default:
		return fmt.Sprintf("nothing can be concluded, for %s", counted(len(reasons(v)), "reason"))
	}
}

// sentenceCase makes a sentence of a gist.
func sentenceCase(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// company says in which trials a finding was seen.
func company(finding invariants.Finding) string {
	text := Clean(string(finding.Trial))
	if more := len(finding.Trials) - 1; more > 0 {
		text += fmt.Sprintf("; seen in %d more", more)
	}
	return text
}

// alone says what came of running the finding's trial again by itself.
func alone(finding invariants.Finding) string {
	switch finding.Alone {
	case invariants.Confirmed:
		return "confirmed: its trial, run again alone, showed it again"
	case invariants.NeedsCompany:
		return "needs company: its trial, run again alone, did not show it; the command repeats the whole batch"
	default:
		return "not run again alone"
	}
}

// list joins cleaned words; none is a word of its own.
func list(words []string, none string) string {
	if len(words) == 0 {
		return none
	}
	clean := make([]string, len(words))
	for i, word := range words {
		clean[i] = Clean(word)
	}
	return strings.Join(clean, ", ")
}

// refText is a record's name as people cite it: "gateway/17".
func refText(ref journal.Ref) string {
	if ref.Source == "" {
		return ""
	}
	return fmt.Sprintf("%s/%d", Clean(string(ref.Source)), ref.Number)
}

// pinnedAt is a pin's place in words.
func pinnedAt(pin faults.Pin) string {
	switch {
	case pin.At != nil:
		at := *pin.At
		at.Trial = ""
		return Clean(at.String())
	case pin.Payment != nil && pin.Payment.Nth > 0:
		return fmt.Sprintf("payment %d at %s", pin.Payment.Nth, Clean(pin.Payment.Provider))
	case pin.Payment != nil:
		return "every payment at " + Clean(pin.Payment.Provider)
	default:
		return ""
	}
}

// expectation writes an expectation as a sentence.
func expectation(e invariants.Expected) string {
	what := string(e.What)
	if e.Fault != "" {
		what = e.Fault + " " + what
	}
	return fmt.Sprintf("at least %d × %s", e.AtLeast, Clean(what))
}
