package faults

import "time"

// ForgedNotification sends a notification that no provider sent, saying that
// the payment of the pinned message was paid, with a bad signature.
type ForgedNotification struct {
	How   SignatureChange `json:"how,omitempty"`   // wrong-key if unset
	After Duration        `json:"after,omitempty"` // from the pinned message on; 50ms if unset
}

func forgedNotification() Definition {
	return Definition{Name: "forged-notification", Kind: OnMessage, Class: Forged, Legs: []Leg{AnswerLeg},
		Operations: []Operation{Create, PayCode},
		Experience: "Somebody who knows the order's reference tells the merchant that it was paid.",
		Example:    "{fault: forged-notification, at: merchant->provider create answer, how: wrong-key}",
		Settings: []Setting{
			{Name: "how", Type: WordSetting, Words: signatureWords(), Meaning: "what is wrong with the signature (wrong-key)"},
			{Name: "after", Type: DurationSetting, Meaning: "how long after the pinned message (50ms)"},
		},
		New: func() Fault { return &ForgedNotification{} }}
}

// Check implements Fault.
func (f *ForgedNotification) Check() error { return f.How.checkBad() }

// Bite implements MessageFault.
func (f *ForgedNotification) Bite(effect *Effect) {
	effect.Forge = &Forgery{Edit: Edit{Signature: f.How.or(SignatureWrongKey)}, After: usually(f.After, soonAfter)}
}

// soonAfter is how long after its pinned message a notification arrives that the
// provider did not send.
const soonAfter = 50 * time.Millisecond
