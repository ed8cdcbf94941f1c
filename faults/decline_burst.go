package faults

import "time"

// DeclineBurst lets the provider refuse every try to pay for a while, as when a bank
// behind it is out of order.
type DeclineBurst struct {
	For  Duration `json:"for,omitempty"`  // 300 ms if unset
	Code string   `json:"code,omitempty"` // as for Decline
}

func declineBurst() Definition {
	return Definition{Name: "decline-burst", Kind: OnPayment, Class: Legal,
		Experience: "For a while every try to pay is refused; after that all succeed.",
		Example:    "{fault: decline-burst, payment: provider, for: 500ms}",
		Settings: []Setting{
			{Name: "for", Type: DurationSetting, Meaning: "how long, from the first try on, at most 10s (300ms)"},
			{Name: "code", Type: TextSetting, Meaning: "the provider's code of the refusal (its word for too little money)"},
		},
		New: func() Fault { return &DeclineBurst{} }}
}

// Check implements Fault.
func (f *DeclineBurst) Check() error { return within("for", f.For, 10*time.Second) }

// Bend implements Behaviour.
func (f *DeclineBurst) Bend(conduct *Conduct) {
	conduct.DeclinesFor, conduct.Decline = usually(f.For, 300*time.Millisecond), f.Code
}
