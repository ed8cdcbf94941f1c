package faults

import "github.com/payquake/payquake/payment"

// Abandon opens a code and walks away.
type Abandon struct{}

func abandon() Definition {
	return Definition{Name: "abandon", Kind: AsJourney, Class: Legal,
		Experience: "An order is started and never paid.",
		Example:    "{shopper: abandon}",
		New:        func() Fault { return &Abandon{} }}
}

// Check implements Fault.
func (*Abandon) Check() error { return nil }

// Walk implements Shopper.
func (*Abandon) Walk(journey *Journey, method payment.Method) {
	journey.openCode(method)
}
