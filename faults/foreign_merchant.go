package faults

import "fmt"

// ForeignMerchant sends a genuine notification that is not for this merchant: an
// attacker with an account of his own at the provider names the victim's address
// and the victim's order number, and pays himself. The signature holds; whom the
// message is for is all that gives it away.
type ForeignMerchant struct {
	How   AccountChange `json:"how,omitempty"`   // account if unset
	After Duration      `json:"after,omitempty"` // from the pinned message on; 50ms if unset
}

func foreignMerchant() Definition {
	return Definition{Name: "foreign-merchant", Kind: OnMessage, Class: Legal, Legs: []Leg{AnswerLeg},
		Operations: []Operation{Create, PayCode},
		Experience: "A genuine notification says that the order was paid, to another merchant account, app or mode.",
		Example:    "{fault: foreign-merchant, at: merchant->provider create answer, how: account}",
		Settings: []Setting{
			{Name: "how", Type: WordSetting, Words: []string{string(OtherAccount), string(OtherApp), string(TestMode)},
				Meaning: "what about it is not this merchant's (account)"},
			{Name: "after", Type: DurationSetting, Meaning: "how long after the pinned message (50ms)"},
		},
		New: func() Fault { return &ForeignMerchant{} }}
}

// Check implements Fault.
func (f *ForeignMerchant) Check() error {
	switch f.How {
	case "", OtherAccount, OtherApp, TestMode:
		return nil
	default:
		return fmt.Errorf("how %q is none of %s, %s, %s", f.How, OtherAccount, OtherApp, TestMode)
	}
}

// Whose is what is changed about the merchant.
func (f *ForeignMerchant) Whose() AccountChange {
	if f.How == "" {
		return OtherAccount
	}
	return f.How
}

// Bite implements MessageFault.
func (f *ForeignMerchant) Bite(effect *Effect) {
	signed := SignatureResigned
	if f.Whose() == TestMode { // a provider's test environment has keys of its own
		signed = SignatureWrongKey
	}
	effect.Forge = &Forgery{Edit: Edit{Account: f.Whose(), Signature: signed}, After: usually(f.After, soonAfter)}
}
