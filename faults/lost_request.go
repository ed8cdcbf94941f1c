package faults

import "fmt"

// LostRequest loses a request before the callee sees it. The merchant cannot
// tell it from a lost answer, but nothing happened.
type LostRequest struct {
	How Loss `json:"how,omitempty"` // reset if unset
}

func lostRequest() Definition {
	return Definition{Name: "lost-request", Kind: OnMessage, Class: Legal, Legs: []Leg{RequestLeg},
		Experience: "The call fails or times out, and the callee never saw it.",
		Example:    "{fault: lost-request, at: merchant->provider create, how: black-hole}",
		Settings: []Setting{{Name: "how", Type: WordSetting, Words: []string{"reset", "black-hole", "close"},
			Meaning: "what the caller sees (reset); a black hole lasts until the caller's timeout"}},
		New: func() Fault { return &LostRequest{} }}
}

// Check implements Fault.
func (f *LostRequest) Check() error {
	switch f.How {
	case "", LoseByReset, LoseByBlackHole, LoseByClose:
		return nil
	default:
		return fmt.Errorf("how %q is none of reset, black-hole, close", f.How)
	}
}

// Bite implements MessageFault.
func (f *LostRequest) Bite(effect *Effect) { effect.Lose = f.How.or(LoseByReset) }

func (l Loss) or(usual Loss) Loss {
	if l == "" {
		return usual
	}
	return l
}
