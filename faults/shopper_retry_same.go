package faults

import "github.com/payquake/payquake/payment"

// RetrySame repeats the same call, with the same key, while the answer is lost
// or undecided. A cashier does so with a fresh barcode, since each is good for
// one use.
type RetrySame struct{}

func retrySame() Definition {
	return Definition{Name: "retry-same", Kind: AsJourney, Class: Legal,
		Experience: "A start whose outcome was not told is asked again under the same key.",
		Example:    "{shopper: retry-same}",
		New:        func() Fault { return &RetrySame{} }}
}

// Check implements Fault.
func (*RetrySame) Check() error { return nil }

// Walk implements Shopper.
func (*RetrySame) Walk(journey *Journey, method payment.Method) {
	(&Pay{}).Walk(journey, method)
	for i := range journey.Steps {
		if journey.Steps[i].Do == StepStart || journey.Steps[i].Do == StepPlace {
			journey.Steps[i].Repeats = 2
		}
	}
}
