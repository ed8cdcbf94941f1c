package faults

import "github.com/payquake/payquake/payment"

// PayAgain pays, finds the page still saying unpaid, and opens and pays again.
type PayAgain struct {
	// Across: the shopper switches to another provider for the second payment.
	Across bool `json:"across,omitempty"`
}

func payAgain() Definition {
	return Definition{Name: "pay-again", Kind: AsJourney, Class: Legal,
		Experience: "A shopper who paid does not see it on the page, and pays a second code of the same order.",
		Example:    "{shopper: pay-again, across: true}",
		Settings:   []Setting{acrossSetting()},
		New:        func() Fault { return &PayAgain{} }}
}

// Check implements Fault.
func (*PayAgain) Check() error { return nil }

// Walk implements Shopper. The second start comes at once: a page that is
// right by then refuses it, and the journey ends paid.
func (f *PayAgain) Walk(journey *Journey, method payment.Method) {
	journey.place()
	journey.payOnce(1, method)
	second := method
	if f.Across {
		second = payment.MethodCode
	}
	journey.payOnce(2, second)
	journey.awaitPaid()
	if f.Across {
		journey.elsewhere(2)
	}
}
