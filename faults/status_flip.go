package faults

import (
	"errors"
	"fmt"
)

// StatusFlip makes a provider's message say the opposite of what the provider
// knows, validly signed. It is a lie wherever it is pinned.
type StatusFlip struct {
	How StateChange `json:"how,omitempty"` // paid-to-unpaid if unset
}

func statusFlip() Definition {
	return Definition{Name: "status-flip", Kind: OnMessage, Class: Lie,
		Operations: []Operation{Query, NotifyPayment},
		Experience: "The provider's message says paid for unpaid, or unpaid for paid, or a word that nobody knows.",
		Example:    "{fault: status-flip, at: merchant->provider query answer, how: unpaid-to-paid, lie: true}",
		Settings: []Setting{{Name: "how", Type: WordSetting, Words: []string{string(PaidToUnpaid), string(UnpaidToPaid), string(StateUnknown)},
			Meaning: "what it says instead (paid-to-unpaid)"}},
		New: func() Fault { return &StatusFlip{} }}
}

// Check implements Fault.
func (f *StatusFlip) Check() error {
	switch f.How {
	case "", PaidToUnpaid, UnpaidToPaid, StateUnknown:
		return nil
	default:
		return fmt.Errorf("how %q is none of %s, %s, %s", f.How, PaidToUnpaid, UnpaidToPaid, StateUnknown)
	}
}

// CheckPlace allows what a provider says.
func (*StatusFlip) CheckPlace(operation Operation, leg Leg) error {
	return saidByProvider(operation, leg)
}

// ClassOn says that it is a lie everywhere.
func (*StatusFlip) ClassOn(Operation, Leg) Class { return Lie }

// Bite implements MessageFault.
func (f *StatusFlip) Bite(effect *Effect) {
	how := f.How
	if how == "" {
		how = PaidToUnpaid
	}
	effect.Edit = &Edit{State: how, Signature: SignatureResigned}
}

// saidByProvider refuses all but the answer of a query and the request of a
// notification.
func saidByProvider(operation Operation, leg Leg) error {
	if (operation == NotifyPayment) != (leg == RequestLeg) {
		return errNotSaid
	}
	return nil
}

var errNotSaid = errors.New("it is for what a provider says: the answer of a query, or the request of a notification")
