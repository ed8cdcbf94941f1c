package faults

import "time"

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
}
