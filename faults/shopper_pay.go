package faults

import "github.com/payquake/payquake/payment"

// Pay is the shopper who places an order, pays it and sees it paid.
type Pay struct{}

func pay() Definition {
	return Definition{Name: "pay", Kind: AsJourney, Class: Legal,
		Experience: "An order is placed and paid once.",
		Example:    "{shopper: pay}",
		New:        func() Fault { return &Pay{} }}
}

// Check implements Fault.
func (*Pay) Check() error { return nil }

// Walk implements Shopper.
func (*Pay) Walk(journey *Journey, method payment.Method) {
	journey.place()
	journey.payOnce(1, method)
	journey.awaitPaid()
}
