package faults

import (
	"fmt"
	"slices"

	"github.com/payquake/payquake/payment"
)

// BrowserReturn comes back to the shop from the provider's page.
type BrowserReturn struct {
	When string `json:"when,omitempty"` // before, with, after, or unpaid; after if unset
}

func returnPage() Definition {
	return Definition{Name: "return-page", Kind: AsJourney, Class: Legal,
		Experience: "The browser comes back to the shop, which says nothing of whether the shopper paid.",
		Example:    "{shopper: return-page, when: unpaid}",
		Settings: []Setting{{Name: "when", Type: WordSetting, Words: []string{"before", "with", "after", "unpaid"},
			Meaning: "before, in the same moment as, or after the payment, or without one (after)"}},
		New: func() Fault { return &BrowserReturn{} }}
}

// Check implements Fault.
func (f *BrowserReturn) Check() error {
	if !slices.Contains([]string{"", "before", "with", "after", "unpaid"}, f.When) {
		return fmt.Errorf("when %q is none of before, with, after, unpaid", f.When)
	}
	return nil
}

// Walk implements Shopper.
func (f *BrowserReturn) Walk(journey *Journey, method payment.Method) {
	journey.openCode(method)
	returns := Step{Do: StepReturn}
	switch f.When {
	case "unpaid":
		journey.add(returns)
		return
	case "before":
		journey.add(returns, confirm(false))
	default:
		journey.add(confirm(f.When == "with"), returns)
	}
	journey.awaitPaid()
}
