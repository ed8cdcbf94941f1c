package invariants

import (
	"fmt"

	"github.com/payquake/payquake/journal"
)

func everyPaymentIsTraced() Invariant {
	return Invariant{
		ID: "every-payment-is-traced",
		Says: "Each trial has one connected trace from shopper to merchant to provider to notification; each hop the proxies saw has " +
			"its span.",
		Clauses: []Clause{
			{Name: "one-root", Says: "the trace has one root"},
			{Name: "every-hop", Says: "every exchange on a link has its span"},
			{Name: "connected", Says: "every span's parent is in the trace"},
		},
		check: checkEveryPaymentIsTraced,
	}
}

// checkEveryPaymentIsTraced leaves room for what a killed process could not
// send any more: where one went down, missing parents make the trace
// incomplete, not wrong.
func checkEveryPaymentIsTraced(t *Trial) Judgement {
	judgement, resting := t.atRest()
	if !resting {
		return judgement
	}
	if t.evidence.tracesDamaged != "" { // what is missing may have been made
		return Judgement{Inconclusive: t.evidence.tracesDamaged}
	}
	known := map[string]bool{}
	roots := 0
	for _, span := range t.Spans {
		known[span.SpanID] = true
		if span.Parent == "" {
			roots++
		}
	}
	if roots != 1 {
		judgement.breach("one-root", t.Total(), nil, "the trace %s has %d roots", t.TraceID, roots)
	}
	for _, record := range t.Messages {
		if !known[record.SpanID] && record.Message.Attribution != journal.Afterwards { // which no trace was known for
			judgement.breach("every-hop", t.Total(), []journal.Ref{record.Ref()}, "the exchange has no span in the trace")
			break
		}
	}
	orphans := 0
	var example journal.Span
	for _, span := range t.Spans {
		if span.Parent != "" && !known[span.Parent] {
			orphans++
			example = span
		}
	}
	switch {
	case orphans > 0 && t.Disturbs:
		judgement.Mitigated = append(judgement.Mitigated, Breach{Clause: "connected",
			Reason: fmt.Sprintf("incomplete: %d spans lost their parent with the killed process", orphans)})
	case orphans > 0:
		judgement.breach("connected", t.Total(), nil, "%d spans have a parent that is not in the trace, such as %s of %s",
			orphans, example.Name, example.Service)
	}
	return judgement
}
