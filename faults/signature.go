package faults

import (
	"fmt"
	"slices"
)

// Signature spoils the signature of a true message. A receiver that accepts it
// would accept a forgery; one that refuses it must not conclude that the
// message was untrue.
type Signature struct {
	How SignatureChange `json:"how,omitempty"` // broken if unset
}

func signatureWords() []string {
	words := make([]string, 0, len(BadSignatures()))
	for _, change := range BadSignatures() {
		words = append(words, string(change))
	}
	return words
}

func signature() Definition {
	return Definition{Name: "signature", Kind: OnMessage, Class: Legal,
		Experience: "A true message whose signature does not verify: its content is unknown, its effect is not.",
		Example:    "{fault: signature, at: provider->merchant notify-payment, how: probe}",
		Settings: []Setting{{Name: "how", Type: WordSetting, Words: signatureWords(),
			Meaning: "what is wrong with it (broken)"}},
		New: func() Fault { return &Signature{} }}
}

// Check implements Fault.
func (f *Signature) Check() error { return f.How.checkBad() }

// Bite implements MessageFault.
func (f *Signature) Bite(effect *Effect) {
	if effect.Edit == nil {
		effect.Edit = &Edit{}
	}
	effect.Edit.Signature = f.How.or(SignatureBroken)
}

func (s SignatureChange) or(usual SignatureChange) SignatureChange {
	if s == "" {
		return usual
	}
	return s
}

func (s SignatureChange) checkBad() error {
	if s != "" && !slices.Contains(BadSignatures(), s) {
		return fmt.Errorf("how %q is no way to spoil a signature", s)
	}
	return nil
}
