package faults

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Latency delays a message. The merchant sees a slow network or a slow
// provider; beyond its own timeout, a lost answer that was acted on.
type Latency struct {
	Delay        Duration     `json:"delay,omitempty"`        // the middle of the distribution; 200ms if unset
	Jitter       Duration     `json:"jitter,omitempty"`       // its spread
	Distribution Distribution `json:"distribution,omitempty"` // fixed if unset
	StreamPlace
}

// Distribution says how Latency spreads around its delay.
type Distribution string

// The distributions. Fixed ignores the jitter; uniform is delay ± jitter;
// normal has the jitter as its standard deviation; log-normal has its median
// at the delay and stretches to the right by jitter/delay.
const (
	Fixed     Distribution = "fixed"
	Uniform   Distribution = "uniform"
	Normal    Distribution = "normal"
	LogNormal Distribution = "log-normal"
)

func latency() Definition {
	return Definition{Name: "latency", Kind: OnMessage, Class: Legal,
		Experience: "The message arrives late; if later than the merchant's own timeout, the merchant does not know whether it was acted on.",
		Example:    "{fault: latency, at: merchant->provider create answer, delay: 300ms, jitter: 100ms, distribution: normal}",
		Settings: append([]Setting{
			{Name: "delay", Type: DurationSetting, Meaning: "the middle of the distribution (200ms)"},
			{Name: "jitter", Type: DurationSetting, Meaning: "its spread (0s)"},
			{Name: "distribution", Type: WordSetting, Words: []string{"fixed", "uniform", "normal", "log-normal"}, Meaning: "how delays spread (fixed)"},
		}, streamSettings()...),
		New: func() Fault { return &Latency{} }}
}

// Check implements Fault.
func (f *Latency) Check() error {
	switch f.Distribution {
	case "", Fixed, Uniform, Normal, LogNormal:
		return f.check()
	default:
		return fmt.Errorf("distribution %q is none of fixed, uniform, normal, log-normal", f.Distribution)
	}
}

// CheckPlace refuses a link of bytes with an answer.
func (f *Latency) CheckPlace(_ Operation, leg Leg) error { return f.checkLeg(leg) }

// Draw implements Drawer: the plan holds one fixed delay.
func (f *Latency) Draw(random *rand.Rand) Fault {
	if f.Distribution == "" || f.Distribution == Fixed {
		return &Latency{Delay: max(f.middle(), Duration(time.Millisecond)), Distribution: Fixed, StreamPlace: f.StreamPlace}
	}
	delay, jitter := float64(f.middle()), float64(f.Jitter)
	switch f.Distribution {
	case Uniform:
		delay += jitter * (2*random.Float64() - 1)
	case Normal:
		delay += jitter * random.NormFloat64()
	case LogNormal:
		delay *= math.Exp(random.NormFloat64() * jitter / delay)
	}
	// What is drawn from the far end of a wide distribution is cut: no caller waits
	// for an hour.
	whole := time.Duration(min(max(delay, 0), float64(time.Hour))).Truncate(time.Millisecond)
	return &Latency{Delay: Duration(max(whole, time.Millisecond)), Distribution: Fixed, StreamPlace: f.StreamPlace}
}

// Bite implements MessageFault.
func (f *Latency) Bite(effect *Effect) {
	if f.Link != "" {
		effect.Stream = &StreamEffect{StreamPlace: f.StreamPlace, Harm: StreamDelay, Delay: f.middle().Std()}
		return
	}
	effect.Delay += f.middle().Std()
}

func (f *Latency) middle() Duration {
	if f.Delay == 0 {
		return Duration(200 * time.Millisecond)
	}
	return f.Delay
}
