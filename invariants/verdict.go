package invariants

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// Verdict is the conclusion about a run, as verdict.json holds it.
type Verdict struct {
	Run         string `json:"run"`
	Scenario    string `json:"scenario"`
	Seed        uint64 `json:"seed"`
	Environment string `json:"environment"`
	// Merchant is the name of a merchant that a manifest describes; "" for the
	// reference merchant.
	Merchant    string `json:"merchant,omitempty"`
	MerchantBug string `json:"merchantBug,omitempty"`
	// MerchantTwin is the honest way to be different that was switched on, if any.
	MerchantTwin string  `json:"merchantTwin,omitempty"`
	Outcome      Outcome `json:"outcome"`
	// Reasons say why the outcome is inconclusive, or would be.
	Reasons []string `json:"reasons,omitempty"`
	Counts  Counts   `json:"counts"`
	Money   Money    `json:"money"`
	// Sides are the outcomes by scenario and provider, side by side.
	Sides    []Side    `json:"sides"`
	Findings []Finding `json:"findings"`
	// Mitigated would have been findings, had the merchant not made good by itself.
	Mitigated []Finding `json:"mitigated,omitempty"`
	// Misled would have been findings, had the merchant not been told a lie that
	// every check agreed with which its provider's documents demand.
	Misled       []Finding        `json:"misled,omitempty"`
	Invariants   []Summary        `json:"invariants"`
	Expectations []Expected       `json:"expectations"`
	Pins         PinAccount       `json:"pins"`
	Damage       []journal.Damage `json:"damage,omitempty"`
	RefusedHosts []string         `json:"refusedHosts,omitempty"`
	// OurFault: payquake broke a rule of its own; nothing else counts then.
	OurFault []Finding `json:"ourFault,omitempty"`
}

// Counts are what the run consisted of. Reruns are not counted.
type Counts struct {
	Planned      int `json:"planned"`
	Begun        int `json:"begun"`
	Rested       int `json:"rested"`
	Messages     int `json:"messages"`
	Unattributed int `json:"unattributed"`
	// Unawaited are payments of other people's shoppers for which no trial was left:
	// nobody paid them.
	Unawaited int `json:"unawaited,omitempty"`
	Captures  int `json:"captures"`
	Refunds   int `json:"refunds"`
}

// Money is what moved and what is wrong, per currency in its findings; the
// totals are of the plan's currency.
type Money struct {
	Captured payment.Money `json:"captured"`
	Returned payment.Money `json:"returned"`
	// AtFault sums the findings' money by invariant.
	AtFault map[string]payment.Money `json:"atFault,omitempty"`
	// Wrong is what is wrong altogether, by currency. Of a trial that breaks
	// several invariants it counts the largest sum alone: a refund that was made
	// twice and is not in the books is one refund.
	Wrong map[payment.Currency]payment.Money `json:"wrong,omitempty"`
}

// Finding is a violated invariant in one trial, with its witness.
type Finding struct {
	// ID is a hash of the invariant, the operations' path and the kinds of
	// faults: the same finding has the same id in every run.
	ID        string        `json:"id"`
	Invariant string        `json:"invariant"`
	Clause    string        `json:"clause"`
	Trial     faults.Trial  `json:"trial"`
	Reason    string        `json:"reason"`
	Money     payment.Money `json:"money"`
	Faults    []string      `json:"faults,omitempty"`
	Path      string        `json:"path"`
	Witness   []journal.Ref `json:"witness,omitempty"`
	// Trials are all trials with this finding, the first of them above.
	Trials []faults.Trial `json:"trials"`
	// Alone says whether the trial, run again alone, showed it again.
	Alone Alone `json:"alone"`
	// Repeat is the command that finds it again.
	Repeat string `json:"repeat"`
}

// Compare orders findings for people: what broke a safety rule before what did
// not come to an end, and then by the money given for each, most first.
func (f Finding) Compare(g Finding, ofF, ofG payment.Money) int {
	if safety := cmp.Compare(g.safety(), f.safety()); safety != 0 {
		return safety
	}
	return cmp.Compare(ofG.Minor, ofF.Minor)
}

// safety is 1 for the rules that say what must never happen; by the grammar of
// their ids these begin with "no-".
func (f Finding) safety() int {
	if strings.HasPrefix(f.Invariant, "no-") {
		return 1
	}
	return 0
}

// Alone is what came of running a finding's trial again by itself.
type Alone string

// What can come of it.
const (
	NotRerun     Alone = "not-rerun"
	Confirmed    Alone = "confirmed"
	NeedsCompany Alone = "needs-company"
)

// Summary is an invariant's result over all trials.
type Summary struct {
	ID            string  `json:"id"`
	Says          string  `json:"says"`
	Outcome       Outcome `json:"outcome"`
	Held          int     `json:"held"`
	Violated      int     `json:"violated"`
	Inconclusive  int     `json:"inconclusive"`
	NotApplicable int     `json:"notApplicable"`
	// Reason is an example of why it is inconclusive, or not applicable at all.
	Reason string `json:"reason,omitempty"`
}

// Expected is an expectation with what happened.
type Expected struct {
	Scenario string `json:"scenario"`
	scenarios.Expectation
	Happened int  `json:"happened"`
	Met      bool `json:"met"`
}

// PinAccount lists what became of the pins.
type PinAccount struct {
	RequiredFired    int            `json:"requiredFired"`
	Required         int            `json:"required"`
	OptionalFired    int            `json:"optionalFired"`
	Optional         int            `json:"optional"`
	FiredByFault     map[string]int `json:"firedByFault"`
	RequiredFiredIDs []string       `json:"requiredFiredIds"`
	// NotFired are the pins that did not fire, with their reasons.
	NotFired []NotFired `json:"notFired,omitempty"`
}

// NotFired is a pin that did not fire.
type NotFired struct {
	Pin      string      `json:"pin"`
	Fault    string      `json:"fault"`
	Required bool        `json:"required,omitempty"`
	Reason   faults.Fate `json:"reason"`
	Detail   string      `json:"detail,omitempty"`
}

// Write writes the verdict as verdict.json of the run folder.
func (v Verdict) Write(folder journal.Folder) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	if err := os.WriteFile(folder.Path(journal.VerdictFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write verdict: %w", err)
	}
	return nil
}

// findingID hashes what a finding is, without references, amounts or times.
func findingID(invariant, path string, kinds []string) string {
	sum := sha256.Sum256([]byte(invariant + "\x00" + path + "\x00" + strings.Join(kinds, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// path is the trial's way through the operations, from its plan: the shopper's
// steps, and the places of its pins.
func (t *Trial) path() string {
	parts := []string{t.Planned.Shopper, string(t.Planned.Provider) + " " + string(t.Planned.Method)}
	if t.Planned.Other != "" {
		parts = append(parts, "then "+string(t.Planned.Other))
	}
	for _, pin := range t.Planned.Pins {
		if pin.At != nil {
			at := *pin.At
			at.Trial = ""
			parts = append(parts, at.String())
		}
	}
	return strings.Join(parts, " / ")
}

// faultKinds are the kinds of faults that fired in the trial, sorted.
func (t *Trial) faultKinds() []string {
	var kinds []string
	for _, fate := range t.Fates() {
		if fate.Fate == faults.Fired && !slices.Contains(kinds, fate.Pin.Fault) {
			kinds = append(kinds, fate.Pin.Fault)
		}
	}
	slices.Sort(kinds)
	return kinds
}
