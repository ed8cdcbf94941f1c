package faults

import "github.com/payquake/payquake/payment"

// WatchPage looks at the order's page all the time, from before paying on.
type WatchPage struct{}

func watchPage() Definition {
	return Definition{Name: "watch-page", Kind: AsJourney, Class: Legal,
		Experience: "The order is read again and again while it is being paid.",
		Example:    "{shopper: watch-page}",
		New:        func() Fault { return &WatchPage{} }}
}

// Check implements Fault.
func (*WatchPage) Check() error { return nil }

// Walk implements Shopper.
func (*WatchPage) Walk(journey *Journey, method payment.Method) {
	journey.place()
	journey.add(Step{Do: StepAwaitPaid, Patience: usualPatience, Meanwhile: true})
	journey.payOnce(1, method)
	journey.awaitPaid()
}
