package faults

import "errors"

// CloseUserPaying refuses the merchant's close because the shopper is paying at that
// moment. What the shopper does then is the journey's matter.
type CloseUserPaying struct {
	Times int `json:"times,omitempty"` // 1 if unset
}

func closeUserPaying() Definition {
	return Definition{Name: "close-user-paying", Kind: OnPayment, Class: Legal,
		Experience: "The close of an unpaid payment is refused: the shopper is at the password, ask again.",
		Example:    "{fault: close-user-paying, payment: provider, times: 2}",
		Settings: []Setting{
			{Name: "times", Type: CountSetting, Meaning: "how many closes are refused (1)"},
		},
		New: func() Fault { return &CloseUserPaying{} }}
}

// Check implements Fault.
func (f *CloseUserPaying) Check() error {
	if f.Times < 0 || f.Times > 20 {
		return errors.New("times is a number from 1 to 20")
	}
	return nil
}

// Bend implements Behaviour.
func (f *CloseUserPaying) Bend(conduct *Conduct) { conduct.ClosesRefused = max(f.Times, 1) }
