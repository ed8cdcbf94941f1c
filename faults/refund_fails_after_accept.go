package faults

import (
	"fmt"
	"slices"
)

// RefundFails is how a refund ends that was accepted and did not arrive.
type RefundFails string

// The ways to fail. A closed refund has moved nothing, and a new one may be
// tried; the money of an abnormal one has left the merchant and waits until people
// decide (wechatpay §4.2).
const (
	RefundCloses     RefundFails = "closed"
	RefundGoesAstray RefundFails = "abnormal"
)

// RefundFailsAfterAccept lets a refund that was accepted fail: its first one, or
// each.
type RefundFailsAfterAccept struct {
	How RefundFails `json:"how,omitempty"` // closed if unset
	All bool        `json:"all,omitempty"` // also those that come after a failed one
}

func refundFailsAfterAccept() Definition {
	return Definition{Name: "refund-fails-after-accept", Kind: OnPayment, Class: Legal,
		Experience: "A refund is accepted, and later its query and its notification say that it failed.",
		Example:    "{fault: refund-fails-after-accept, payment: provider, how: closed}",
		Settings: []Setting{
			{Name: "how", Type: WordSetting, Words: []string{string(RefundCloses), string(RefundGoesAstray)},
				Meaning: "closed moved nothing; abnormal waits for people, where the provider knows that (closed)"},
			{Name: "all", Type: FlagSetting, Meaning: "later refunds of the payment fail too (false)"},
		},
		New: func() Fault { return &RefundFailsAfterAccept{} }}
}

// Check implements Fault.
func (f *RefundFailsAfterAccept) Check() error {
	if !slices.Contains([]RefundFails{"", RefundCloses, RefundGoesAstray}, f.How) {
		return fmt.Errorf("how %q is none of closed, abnormal", f.How)
	}
	return nil
}

// Bend implements Behaviour.
func (f *RefundFailsAfterAccept) Bend(conduct *Conduct) {
	conduct.RefundFails, conduct.RefundsFail = f.How, 1
	if f.How == "" {
		conduct.RefundFails = RefundCloses
	}
	if f.All {
		conduct.RefundsFail = 1 << 30
	}
}
