package faults

import "fmt"

// LostAnswer loses an answer after the callee acted: "charged, answer lost",
// the defining fault of payments.
type LostAnswer struct {
	How Loss `json:"how,omitempty"` // reset if unset
}

func lostAnswer() Definition {
	return Definition{Name: "lost-answer", Kind: OnMessage, Class: Legal, Legs: []Leg{AnswerLeg},
		Experience: "The call fails or times out although the callee acted on it.",
		Example:    "{fault: lost-answer, at: merchant->provider pay-code answer, how: reset}",
		Settings: []Setting{{Name: "how", Type: WordSetting, Words: []string{"reset", "black-hole", "close", "empty-body"},
			Meaning: "what the caller sees (reset); a black hole lasts until the caller's timeout"}},
		New: func() Fault { return &LostAnswer{} }}
}

// Check implements Fault.
func (f *LostAnswer) Check() error {
	switch f.How {
	case "", LoseByReset, LoseByBlackHole, LoseByClose, LoseByEmptyBody:
		return nil
	default:
		return fmt.Errorf("how %q is none of reset, black-hole, close, empty-body", f.How)
	}
}

// Bite implements MessageFault.
func (f *LostAnswer) Bite(effect *Effect) { effect.Lose = f.How.or(LoseByReset) }
