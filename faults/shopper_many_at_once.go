package faults

import (
	"errors"

	"github.com/payquake/payquake/payment"
)

// ManyAtOnce has two orders for the same open, begins to pay both, and pays
// one or both of them.
type ManyAtOnce struct {
	// Pays is how many of the two are paid: 1 or 2; 2 if unset.
	Pays int `json:"pays,omitempty"`
}

func manyAtOnce() Definition {
	return Definition{Name: "many-at-once", Kind: AsJourney, Class: Legal,
		Experience: "Two orders of one shopper, for the same amount, are being paid side by side.",
		Example:    "{shopper: many-at-once, pays: 1}",
		Settings:   []Setting{{Name: "pays", Type: CountSetting, Meaning: "how many of the two orders are paid, 1 or 2 (2)"}},
		New:        func() Fault { return &ManyAtOnce{} }}
}

// Check implements Fault.
func (f *ManyAtOnce) Check() error {
	if f.Pays < 0 || f.Pays > 2 {
		return errPays
	}
	return nil
}

var errPays = errors.New("pays is 1 or 2")

// Walk implements Shopper.
func (f *ManyAtOnce) Walk(journey *Journey, method payment.Method) {
	if method == payment.MethodBarcode {
		method = payment.MethodCode
	}
	for order := range 2 {
		journey.add(Step{Do: StepPlace, Order: order},
			Step{Do: StepStart, Key: order + 1, Method: method, Order: order},
			Step{Do: StepOpen, Key: order + 1, Patience: usualPatience, Order: order})
	}
	journey.add(Step{Do: StepPay, Key: 1, Patience: usualPatience})
	if f.Pays != 1 {
		journey.add(Step{Do: StepPay, Key: 2, Patience: usualPatience, Order: 1})
		journey.add(Step{Do: StepAwaitPaid, Patience: usualPatience, Order: 1})
	}
	journey.awaitPaid()
}
