package faults

import (
	"fmt"

	"github.com/payquake/payquake/payment"
)

// PayThenRefund pays and asks for money back, each time under a request id of
// its own, repeated while the answer is undecided.
type PayThenRefund struct {
	Refund RefundShape `json:"refund,omitempty"` // full if unset
}

// RefundShape says how much goes back, in how many requests.
type RefundShape string

// The shapes.
const (
	FullRefund      RefundShape = "full"
	PartialRefund   RefundShape = "partial"   // 40 percent
	SeveralPartial  RefundShape = "several"   // 20, 30 and 10 percent
	TwoEqualPartial RefundShape = "two-equal" // 30 percent twice: two requests, not one repeated
)

func payThenRefund() Definition {
	return Definition{Name: "pay-then-refund", Kind: AsJourney, Class: Legal,
		Experience: "An order is paid, and money is asked back with a request id.",
		Example:    "{shopper: pay-then-refund, refund: partial}",
		Settings: []Setting{{Name: "refund", Type: WordSetting, Words: []string{"full", "partial", "several", "two-equal"},
			Meaning: "how much goes back (full)"}},
		New: func() Fault { return &PayThenRefund{} }}
}

// Check implements Fault.
func (f *PayThenRefund) Check() error {
	switch f.Refund {
	case "", FullRefund, PartialRefund, SeveralPartial, TwoEqualPartial:
		return nil
	default:
		return fmt.Errorf("refund %q is none of full, partial, several, two-equal", f.Refund)
	}
}

// Walk implements Shopper.
func (f *PayThenRefund) Walk(journey *Journey, method payment.Method) {
	(&Pay{}).Walk(journey, method)
	percents := []int{100}
	switch f.Refund {
	case PartialRefund:
		percents = []int{40}
	case SeveralPartial:
		percents = []int{20, 30, 10}
	case TwoEqualPartial:
		percents = []int{30, 30}
	}
	for i, percent := range percents {
		journey.add(Step{Do: StepRefund, Key: i + 1, Percent: percent, Repeats: 3, Patience: usualPatience})
	}
}
