package faults

import (
	"fmt"

	"github.com/payquake/payquake/payment"
)

// DoubleClick places or starts paying twice at once, with one idempotency key.
type DoubleClick struct {
	On string `json:"on,omitempty"` // place or start; start if unset
}

func doubleClick() Definition {
	return Definition{Name: "double-click", Kind: AsJourney, Class: Legal,
		Experience: "The same call arrives twice in the same moment.",
		Example:    "{shopper: double-click, on: place}",
		Settings:   []Setting{{Name: "on", Type: WordSetting, Words: []string{"place", "start"}, Meaning: "the doubled step (start)"}},
		New:        func() Fault { return &DoubleClick{} }}
}

// Check implements Fault.
func (f *DoubleClick) Check() error {
	if f.On != "" && f.On != "place" && f.On != "start" {
		return fmt.Errorf("on %q is neither place nor start", f.On)
	}
	return nil
}

// Walk implements Shopper.
func (f *DoubleClick) Walk(journey *Journey, method payment.Method) {
	(&Pay{}).Walk(journey, method)
	doubled := StepStart
	if f.On == "place" {
		doubled = StepPlace
	}
	for i := range journey.Steps {
		if journey.Steps[i].Do == doubled {
			journey.Steps[i].AtOnce = 2
		}
	}
}
