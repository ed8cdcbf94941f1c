package faults

import "errors"

// Decline lets the provider refuse the shopper's payment, a number of times.
type Decline struct {
	Code  string `json:"code,omitempty"`  // the provider's word; that for too little money if unset
	Times int    `json:"times,omitempty"` // 1 if unset
}

func decline() Definition {
	return Definition{Name: "decline", Kind: OnPayment, Class: Legal,
		Experience: "The shopper's payment is refused; a later try may succeed.",
		Example:    "{fault: decline, payment: provider, times: 2}",
		Settings: []Setting{
			{Name: "code", Type: TextSetting, Meaning: "the provider's code of the refusal (its word for too little money)"},
			{Name: "times", Type: CountSetting, Meaning: "how many tries are refused (1)"},
		},
		New: func() Fault { return &Decline{} }}
}

// Check implements Fault.
func (f *Decline) Check() error {
	if f.Times < 0 || f.Times > 20 {
		return errors.New("times is a number from 1 to 20")
	}
	return nil
}

// Bend implements Behaviour.
func (f *Decline) Bend(conduct *Conduct) {
	conduct.Decline, conduct.Declines = f.Code, max(f.Times, 1)
}
