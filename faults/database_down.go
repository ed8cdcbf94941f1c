package faults

import "time"

// DatabaseDown makes the merchant's database unreachable for a while.
type DatabaseDown struct {
	Link Link     `json:"link,omitempty"` // merchant->database if unset
	Down Duration `json:"down,omitempty"` // 1s if unset
}

// databaseLink is where a merchant's database is usually reached.
const databaseLink Link = "merchant->database"

func databaseDown() Definition {
	return Definition{Name: "database-down", Kind: OnProcess, Class: Legal,
		Experience: "Connections to the merchant's database are cut and refused after the message has passed, for a while.",
		Example:    "{fault: database-down, at: merchant->provider create#1 answer, down: 1s}",
		Settings: []Setting{
			{Name: "link", Type: LinkSetting, Meaning: "the link to the database, or to a cache (merchant->database)"},
			{Name: "down", Type: DurationSetting, Meaning: "how long (1s)"},
		},
		New: func() Fault { return &DatabaseDown{} }}
}

// Check implements Fault.
func (f *DatabaseDown) Check() error { return checkDown(f.Down) }

// OnStream is the link that goes down.
func (f *DatabaseDown) OnStream() Link {
	if f.Link == "" {
		return databaseLink
	}
	return f.Link
}

// Interrupt implements ProcessFault.
func (f *DatabaseDown) Interrupt() Interruption {
	return Interruption{Role: f.OnStream().To(), Manner: Refused, Moment: AfterMessage, Down: usually(f.Down, time.Second)}
}
