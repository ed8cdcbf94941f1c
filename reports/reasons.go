package reports

import (
	"strings"

	"github.com/payquake/payquake/invariants"
)

// reasons are why a verdict is inconclusive, or would be, in the order in
// which a reader needs them: what befell the run comes first, because it often
// explains the rest, and the invariants that one cause left open share a line.
// A run whose environment broke would otherwise begin with a dozen lines that
// look like accusations of the merchant.
func reasons(v invariants.Verdict) []string {
	var run, causes []string
	open := map[string][]invariants.Summary{} // by cause
	for _, reason := range v.Reasons {
		sum, is := ofInvariant(v, reason)
		if !is {
			run = append(run, reason)
			continue
		}
		if open[sum.Reason] == nil {
			causes = append(causes, sum.Reason)
		}
		open[sum.Reason] = append(open[sum.Reason], sum)
	}
	for _, host := range v.RefusedHosts {
		run = append(run, "somebody asked for "+host+", which is no part of the run")
	}
	for _, cause := range causes {
		run = append(run, leftOpen(open[cause])+": "+cause)
	}
	return run
}

// leftOpen names invariants that one cause left open, and in how many trials.
// Damaged evidence leaves them open without naming a trial.
func leftOpen(sums []invariants.Summary) string {
	names, most := make([]string, len(sums)), 0
	for i, sum := range sums {
		names[i] = sum.ID
		most = max(most, sum.Inconclusive)
	}
	text := strings.Join(names, ", ") + " is inconclusive"
	if len(names) > 1 {
		text = strings.Join(names, ", ") + " are inconclusive"
	}
	switch {
	case most == 0:
		return text
	case len(names) > 1:
		return text + " in up to " + counted(most, "trial")
	default:
		return text + " in " + counted(most, "trial")
	}
}

// ofInvariant finds the invariant whose result a reason of the verdict tells.
// Should the verdict word it in another way one day, the reason is shown as it
// is.
func ofInvariant(v invariants.Verdict, reason string) (invariants.Summary, bool) {
	for _, sum := range v.Invariants {
		if sum.Reason != "" && strings.HasPrefix(reason, sum.ID+" is inconclusive in ") {
			return sum, true
		}
	}
	return invariants.Summary{}, false
}
