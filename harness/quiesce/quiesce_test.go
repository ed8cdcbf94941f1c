package quiesce

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNext is the whole rule, a line per case.
func TestNext(t *testing.T) {
	rule := Rule{Longest: 4 * time.Second}
	quiet := 4 * time.Second
	for name, c := range map[string]struct {
		seen Seen
		want Step
	}{
		"the journey goes on":                      {Seen{Sound: true, Idle: quiet}, Wait},
		"a process is down":                        {Seen{JourneyOver: true, Idle: quiet}, Wait},
		"every pin has fired":                      {Seen{JourneyOver: true, Sound: true}, Heal},
		"a pin may still fire":                     {Seen{JourneyOver: true, Sound: true, Unfired: 1, Idle: time.Second}, Wait},
		"a pin will not fire any more":             {Seen{JourneyOver: true, Sound: true, Unfired: 1, Idle: quiet}, Heal},
		"never quiet, for an exchange hangs":       {Seen{JourneyOver: true, Sound: true, Unfired: 1, InFlight: 1, SinceOver: 12 * time.Second}, Heal},
		"its acknowledgement is put to the test":   {Seen{JourneyOver: true, Sound: true, KeptBack: true, Idle: quiet}, Wait},
		"healed, the merchant's timers may act":    {Seen{JourneyOver: true, Sound: true, Healed: true, Idle: time.Second, BooksFinal: true}, Wait},
		"healed, quiet and final":                  {Seen{JourneyOver: true, Sound: true, Healed: true, Idle: quiet, BooksFinal: true}, Rest},
		"quiet, but an exchange is under way":      {Seen{JourneyOver: true, Sound: true, Healed: true, Idle: quiet, InFlight: 1, BooksFinal: true}, Wait},
		"quiet, but a delivery is on the calendar": {Seen{JourneyOver: true, Sound: true, Healed: true, Idle: quiet, Outstanding: 1, BooksFinal: true}, Hurry},
		"hurried before, the next follows":         {Seen{JourneyOver: true, Sound: true, Healed: true, Hurried: true, Idle: 300 * time.Millisecond, Outstanding: 1}, Hurry},
		"quiet, but the books are open":            {Seen{JourneyOver: true, Sound: true, Healed: true, Idle: quiet, SinceHealed: 5 * time.Second}, Wait},
		"the bound has passed":                     {Seen{JourneyOver: true, Sound: true, Healed: true, Idle: quiet, SinceHealed: 12 * time.Second}, BoundPassed},
		"delivered for ever":                       {Seen{JourneyOver: true, Sound: true, Healed: true, Outstanding: 1, SinceHealed: 48 * time.Second}, BoundPassed},
	} {
		require.Equal(t, c.want, rule.Next(c.seen), name)
	}
}
