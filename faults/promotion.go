package faults

import "errors"

// Promotion lets the provider pay a part of the price with a coupon of its own.
// The payment is of the whole amount all the same: the coupon is the provider's
// business with the shopper, and only the shopper pays less.
type Promotion struct {
	Percent int `json:"percent,omitempty"` // of the amount, at least one minor unit; 10 if unset
}

func promotion() Definition {
	return Definition{Name: "promotion", Kind: OnPayment, Class: Legal,
		Experience: "The shopper pays less than the order's amount, because of a coupon; every message says both amounts, and has fields that are not usually there.",
		Example:    "{fault: promotion, payment: provider, percent: 20}",
		Settings:   []Setting{{Name: "percent", Type: CountSetting, Meaning: "the coupon's part of the amount, from 1 to 99 (10)"}},
		New:        func() Fault { return &Promotion{} }}
}

// Check implements Fault.
func (f *Promotion) Check() error {
	if f.Percent < 0 || f.Percent > 99 {
		return errors.New("percent is a number from 1 to 99")
	}
	return nil
}

// Bend implements Behaviour.
func (f *Promotion) Bend(conduct *Conduct) {
	conduct.CouponPercent = f.Percent
	if f.Percent == 0 {
		conduct.CouponPercent = 10
	}
}
