package faults

import (
	"slices"
	"time"

	"github.com/payquake/payquake/payment"
)

// Journey is what a shopper does in a trial: steps, one after another. A
// shopper twist writes them; the driver walks them. What a step needs and the
// earlier ones did not yield (no code was shown, say) ends the journey there;
// the reason is recorded.
type Journey struct {
	Steps []Step `json:"steps"`
}

// Step is one thing a shopper does.
type Step struct {
	Do StepKind `json:"do"`
	// AtOnce repeats the step concurrently, so many times in all (0 and 1: once).
	AtOnce int `json:"atOnce,omitempty"`
	// Repeats asks again, with the same idempotency key, up to so many times
	// while the answer was lost or undecided.
	Repeats int `json:"repeats,omitempty"`
	// Key tells separate starts and refunds of a trial apart: steps with one
	// key are one intent.
	Key int `json:"key,omitempty"`
	// Method of a start.
	Method payment.Method `json:"method,omitempty"`
	// Elsewhere: the start is at the trial's other provider.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Order is which of the trial's orders the step is about, from 0.
	Order int `json:"order,omitempty"`
	// Basket: the step is about all of them at once, as one basket with an order
	// for each shop.
	Basket bool `json:"basket,omitempty"`
	// Percent of the total that a refund asks for, rounded down to the minor
	// unit but never to nothing; 0 means all that is left.
	Percent int `json:"percent,omitempty"`
	// Meanwhile: the shopper goes on at once, and the step is done beside what
	// comes next.
	Meanwhile bool `json:"meanwhile,omitempty"`
	// Patience is how long the step waits for what it needs.
	Patience Duration `json:"patience,omitempty"`
}

// StepKind is what a step does.
type StepKind string

// The steps.
const (
	StepPlace     StepKind = "place"      // place the order
	StepStart     StepKind = "start"      // start paying, under Key, by Method
	StepOpen      StepKind = "open"       // scan the code of the start with Key, without paying
	StepPay       StepKind = "pay"        // confirm the payment of the start with Key in the wallet
	StepPayLate   StepKind = "pay-late"   // wait until the merchant gave the payment up, then try to pay it
	StepAwaitPaid StepKind = "await-paid" // watch the pages of the orders until all say paid
	StepRefund    StepKind = "refund"     // ask for money back, under Key
	StepLeave     StepKind = "leave"      // close the wallet's page of the start with Key without paying
	StepCancel    StepKind = "cancel"     // want the order no more
	StepChange    StepKind = "change"     // want twice of everything instead
	StepReturn    StepKind = "return"     // come back from the provider's page, whatever happened there
)

// usualPatience is how long a shopper waits for a page to change.
const usualPatience = Duration(6 * time.Second)

// place and start begin nearly every journey.
func (j *Journey) place() { j.add(Step{Do: StepPlace}) }

func (j *Journey) add(steps ...Step) { j.Steps = append(j.Steps, steps...) }

// payOnce is the plain way: a start under key, paid at once.
func (j *Journey) payOnce(key int, method payment.Method) {
	j.add(Step{Do: StepStart, Key: key, Method: method})
	if method != payment.MethodBarcode {
		j.add(Step{Do: StepPay, Key: key, Patience: usualPatience})
	}
}

// openCode places the order, starts a payment and scans its code, without paying.
// Barcodes are paid as they are scanned, so there is a code instead.
func (j *Journey) openCode(method payment.Method) {
	if method == payment.MethodBarcode {
		method = payment.MethodCode
	}
	j.place()
	j.add(Step{Do: StepStart, Key: 1, Method: method}, Step{Do: StepOpen, Key: 1, Patience: usualPatience})
}

// confirm pays the open code: at once, or beside what the shopper does next.
func confirm(meanwhile bool) Step {
	return Step{Do: StepPay, Key: 1, Patience: usualPatience, Meanwhile: meanwhile}
}

// awaitPaid watches the page as long as shoppers usually do.
func (j *Journey) awaitPaid() { j.add(Step{Do: StepAwaitPaid, Patience: usualPatience}) }

// elsewhere moves the starts under a key to the trial's other provider, where
// they are paid by code: every provider has codes.
func (j *Journey) elsewhere(key int) {
	for i := range j.Steps {
		if step := &j.Steps[i]; step.Do == StepStart && step.Key == key {
			step.Elsewhere, step.Method = true, payment.MethodCode
		}
	}
}

// Crosses reports whether the journey pays at another provider too.
func (j Journey) Crosses() bool {
	return slices.ContainsFunc(j.Steps, func(s Step) bool { return s.Elsewhere })
}

// Combines reports whether the journey pays a basket of several shops at once.
func (j Journey) Combines() bool {
	return slices.ContainsFunc(j.Steps, func(s Step) bool { return s.Basket })
}
