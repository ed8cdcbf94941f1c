package faults

import "github.com/payquake/payquake/payment"

// CombinedOrder pays a basket of several shops with one payment. Each shop's
// order is captured, released and refunded by itself.
type CombinedOrder struct {
	// Refund asks back what the first shop's order cost.
	Refund bool `json:"refund,omitempty"`
}

func combinedOrder() Definition {
	return Definition{Name: "combined-order", Kind: AsJourney, Class: Legal,
		Experience: "Several shops' orders are paid by one payment, and told of in one notification.",
		Example:    "{shopper: combined-order, refund: true}",
		Settings:   []Setting{{Name: "refund", Type: FlagSetting, Meaning: "the first shop's order is refunded (false)"}},
		New:        func() Fault { return &CombinedOrder{} }}
}

// Check implements Fault.
func (*CombinedOrder) Check() error { return nil }

// Walk implements Shopper. A barcode is charged for one shop's order, so a
// basket is paid by a code.
func (f *CombinedOrder) Walk(journey *Journey, method payment.Method) {
	if method == payment.MethodBarcode {
		method = payment.MethodCode
	}
	journey.add(
		Step{Do: StepPlace, Basket: true},
		Step{Do: StepStart, Key: 1, Method: method, Basket: true},
		Step{Do: StepPay, Key: 1, Patience: usualPatience})
	journey.awaitPaid()
	if f.Refund {
		journey.add(Step{Do: StepRefund, Key: 1, Percent: 100, Repeats: 3, Patience: usualPatience})
	}
}
