package faults

import (
	"fmt"
	"time"
)

// Conduct is how a provider behaves towards one payment: legally, and the same
// on every channel. Every behaviour pinned to the payment adds its part. The
// zero value is the provider's usual conduct.
type Conduct struct {
	NotifyNever bool // no delivery is ever sent for this payment
	// NotifyCopies more deliveries of each notification are sent, by the retry
	// calendar although acknowledged; NotifySpacing apart if that is set.
	NotifyCopies   int
	NotifySpacing  time.Duration
	NotifyFreshIDs bool // each delivery carries an id of its own

	// QueryLag queries after the capture still say unpaid.
	QueryLag int
	// UnknownOutcome answers the pay-type call or the refund with a system
	// error although it was carried out.
	UnknownOutcome bool
	// Declines times the shopper's payment is refused, with the provider's code
	// Decline, or with its word for too little money if that is empty.
	Declines int
	Decline  string
	// CaptureBeforeClose captures from the shopper's wallet in the instant
	// before the merchant's close (or reverse) is acted on; where there is no
	// close, at the end of the payment's time.
	CaptureBeforeClose bool

	// Hesitates is how long the shopper looks at an open code before confirming.
	Hesitates time.Duration
	// PendingFor answers a pay-type call as pending; so much later the money is
	// taken, or the payment fails if PendingFails.
	PendingFor   time.Duration
	PendingFails bool
	// DeclinesFor refuses every try to pay from the first one on, for so long.
	DeclinesFor time.Duration
	// ClosesRefused closes are refused because the shopper is paying.
	ClosesRefused int

	NotifyEarly   bool          // a pay-type call is answered after its notification
	NotifyAfter   time.Duration // the first delivery is so late
	NotifyBehind  bool          // a payment is told of after one of its refunds
	NotifyFailure bool          // a failed payment is told of, where that is done

	// RefundTakes is how much longer a refund is under way. The first RefundsFail of
	// them end as RefundFails says.
	RefundTakes time.Duration
	RefundsFail int
	RefundFails RefundFails

	CouponPercent int           // the provider's part of the price
	FinishAtOnce  bool          // the word for paid is the final one
	FinishAfter   time.Duration // the final word is told so much later; 0: never
	Skew          time.Duration // how far the provider's times are ahead
}

// usually is a setting, or the usual value if it is not given.
func usually(given Duration, usual time.Duration) time.Duration {
	if given == 0 {
		return usual
	}
	return given.Std()
}

// within refuses durations that are negative or longer than a run bears.
func within(name string, given Duration, most time.Duration) error {
	if given < 0 || given.Std() > most {
		return fmt.Errorf("%s is a time from 0s to %s", name, most)
	}
	return nil
}
