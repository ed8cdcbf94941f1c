package faults

import "github.com/payquake/payquake/payment"

// ChangeBasketWhilePaying doubles the basket while the wallet shows the price of the
// old one, and pays that.
type ChangeBasketWhilePaying struct{}

func changeBasketWhilePaying() Definition {
	return Definition{Name: "change-basket-while-paying", Kind: AsJourney, Class: Legal,
		Experience: "The basket grows while its payment is being confirmed at the old price.",
		Example:    "{shopper: change-basket-while-paying}",
		New:        func() Fault { return &ChangeBasketWhilePaying{} }}
}

// Check implements Fault.
func (*ChangeBasketWhilePaying) Check() error { return nil }

// Walk implements Shopper.
func (*ChangeBasketWhilePaying) Walk(journey *Journey, method payment.Method) {
	journey.openCode(method)
	journey.add(Step{Do: StepChange}, confirm(false))
	journey.awaitPaid()
}
