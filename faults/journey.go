package faults

import (
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
	// Percent of the total that a refund asks for, rounded down to the minor
	// unit but never to nothing; 0 means all that is left.
	Percent int `json:"percent,omitempty"`
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
	StepAwaitPaid StepKind = "await-paid" // watch the order page until it says paid
	StepRefund    StepKind = "refund"     // ask for money back, under Key
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

// awaitPaid watches the page as long as shoppers usually do.
func (j *Journey) awaitPaid() { j.add(Step{Do: StepAwaitPaid, Patience: usualPatience}) }
