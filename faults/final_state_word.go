package faults

import (
	"fmt"
	"slices"
	"time"
)

// FinalStateWord uses the provider's other word for paid, after which nothing can
// be refunded any more: at once, or later in a second notification.
type FinalStateWord struct {
	When  string   `json:"when,omitempty"`  // at-once or later; later if unset
	After Duration `json:"after,omitempty"` // of later; 1 s if unset
}

func finalStateWord() Definition {
	return Definition{Name: "final-state-word", Kind: OnPayment, Class: Legal,
		Experience: "The payment is called finished instead of successful, at once or in a second notification; it is paid all the same.",
		Example:    "{fault: final-state-word, payment: provider, when: at-once}",
		Settings: []Setting{
			{Name: "when", Type: WordSetting, Words: []string{"at-once", "later"}, Meaning: "instead of the usual word, or after it (later)"},
			{Name: "after", Type: DurationSetting, Meaning: "how much later, at most 30s (1s)"},
		},
		New: func() Fault { return &FinalStateWord{} }}
}

// Check implements Fault.
func (f *FinalStateWord) Check() error {
	if !slices.Contains([]string{"", "at-once", "later"}, f.When) {
		return fmt.Errorf("when %q is none of at-once, later", f.When)
	}
	return within("after", f.After, 30*time.Second)
}

// Bend implements Behaviour.
func (f *FinalStateWord) Bend(conduct *Conduct) {
	if f.When == "at-once" {
		conduct.FinishAtOnce = true
		return
	}
	conduct.FinishAfter = usually(f.After, time.Second)
}
