package faults

import "errors"

// NotifyMany delivers a notification again although it was acknowledged.
type NotifyMany struct {
	Copies   int      `json:"copies,omitempty"`   // besides the first; 2 if unset
	Spacing  Duration `json:"spacing,omitempty"`  // the provider's calendar if unset
	FreshIDs bool     `json:"freshIDs,omitempty"` // each delivery has an id of its own
}

func notifyMany() Definition {
	return Definition{Name: "notify-many", Kind: OnPayment, Class: Legal,
		Experience: "The same notification comes again and again although it was acknowledged.",
		Example:    "{fault: notify-many, payment: provider, copies: 3, spacing: 30ms}",
		Settings: []Setting{
			{Name: "copies", Type: CountSetting, Meaning: "deliveries besides the first (2)"},
			{Name: "spacing", Type: DurationSetting, Meaning: "between them (the provider's retry calendar)"},
			{Name: "freshIDs", Type: FlagSetting, Meaning: "each delivery has a new notification id (false)"},
		},
		New: func() Fault { return &NotifyMany{} }}
}

// Check implements Fault.
func (f *NotifyMany) Check() error {
	if f.Copies < 0 || f.Copies > 20 {
		return errors.New("copies is a number from 1 to 20")
	}
	return nil
}

// Bend implements Behaviour.
func (f *NotifyMany) Bend(conduct *Conduct) {
	conduct.NotifyCopies = f.Copies
	if f.Copies == 0 {
		conduct.NotifyCopies = 2
	}
	conduct.NotifySpacing = f.Spacing.Std()
	conduct.NotifyFreshIDs = f.FreshIDs
}
