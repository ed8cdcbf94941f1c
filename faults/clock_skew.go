package faults

import "time"

// ClockSkew puts the provider's clock ahead of, or behind, the merchant's in what
// it says of one payment: the times of its notifications, of its capture and of
// its signatures.
type ClockSkew struct {
	By     Duration `json:"by,omitempty"`     // 4 min if unset
	Behind bool     `json:"behind,omitempty"` // the provider's clock is the slow one
}

// maxSkew is less than clients bear: they refuse signatures that are five minutes
// away (wechatpay §0.4).
const maxSkew = 5*time.Minute - 10*time.Second

func clockSkew() Definition {
	return Definition{Name: "clock-skew", Kind: OnPayment, Class: Legal,
		Experience: "The provider's times are minutes away from the merchant's own, in the future or in the past.",
		Example:    "{fault: clock-skew, payment: provider, by: 3m, behind: true}",
		Settings: []Setting{
			{Name: "by", Type: DurationSetting, Meaning: "how far the provider is ahead, less than 5m (4m)"},
			{Name: "behind", Type: FlagSetting, Meaning: "it is behind instead (false)"},
		},
		New: func() Fault { return &ClockSkew{} }}
}

// Check implements Fault.
func (f *ClockSkew) Check() error { return within("by", f.By, maxSkew) }

// Bend implements Behaviour.
func (f *ClockSkew) Bend(conduct *Conduct) {
	conduct.Skew = usually(f.By, 4*time.Minute)
	if f.Behind {
		conduct.Skew = -conduct.Skew
	}
}
