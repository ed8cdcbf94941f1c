package faults

import (
	"fmt"
	"slices"
)

// Amount corrupts the amount a message carries. Re-signed on a create request
// it is legal: the provider then really captures that amount and says so on
// every channel. Re-signed anywhere else it is a lie; with a broken or missing
// signature it is a forgery.
type Amount struct {
	How       AmountChange `json:"how,omitempty"`       // plus-one if unset
	Signature string       `json:"signature,omitempty"` // re-signed, left-broken or stripped; re-signed if unset
}

func amount() Definition {
	words := make([]string, 0, len(AmountChanges()))
	for _, change := range AmountChanges() {
		words = append(words, string(change))
	}
	return Definition{Name: "amount", Kind: OnMessage, Class: Legal,
		Operations: []Operation{Create, PayCode, Query, Refund, RefundQuery, NotifyPayment, NotifyRefund},
		Experience: "The amount in the message is another than its sender meant.",
		Example:    "{fault: amount, at: merchant->provider create, how: minus-one}",
		Settings: []Setting{
			{Name: "how", Type: WordSetting, Words: words, Meaning: "what the amount becomes (plus-one)"},
			{Name: "signature", Type: WordSetting, Words: signatureModes(),
				Meaning: "what happens to the signature (re-signed)"},
		},
		New: func() Fault { return &Amount{} }}
}

// Check implements Fault.
func (f *Amount) Check() error {
	if f.How != "" && !slices.Contains(AmountChanges(), f.How) {
		return fmt.Errorf("how %q is no change of an amount", f.How)
	}
	return checkSignatureMode(f.Signature)
}

// ClassOn says what the change is where it is pinned.
func (f *Amount) ClassOn(operation Operation, leg Leg) Class {
	class := classOfMode(f.Signature)
	if class == Lie && operation == Create && leg == RequestLeg {
		return Legal
	}
	return class
}

// Bite implements MessageFault.
func (f *Amount) Bite(effect *Effect) {
	how := f.How
	if how == "" {
		how = AmountPlusOne
	}
	effect.Edit = &Edit{Amount: how, Signature: signatureOfMode(f.Signature)}
}
