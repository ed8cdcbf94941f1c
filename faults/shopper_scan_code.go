package faults

import "github.com/payquake/payquake/payment"

// ScanCode shows a barcode, which the merchant scans.
type ScanCode struct{}

func scanCode() Definition {
	return Definition{Name: "scan-code", Kind: AsJourney, Class: Legal,
		Experience: "The merchant scans the shopper's barcode: a pay-type call, which captures when it is answered.",
		Example:    "{shopper: scan-code}",
		New:        func() Fault { return &ScanCode{} }}
}

// Check implements Fault.
func (*ScanCode) Check() error { return nil }

// Walk implements Shopper.
func (*ScanCode) Walk(journey *Journey, _ payment.Method) {
	(&Pay{}).Walk(journey, payment.MethodBarcode)
}
