package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// Through is the scenario with all its trials paid with these providers alone.
// What is not possible with them is left out: pinned trials that pay with others,
// shoppers who could not pay so, and faults whose place none of the others comes
// by, with what was expected of them. As many trials are drawn as before, for the
// shoppers that stay; a line gets as many of them as there are, and a fault is
// expected once. It fails for a provider that does not exist, and when nobody is
// left.
func (s Scenario) Through(systems Systems, providers ...payment.ProviderName) (Scenario, error) {
	for _, name := range providers {
		if _, known := systems.provider(name); !known {
			l := &document.Notes{Name: s.Name}
			l.Unknown("", "provider", string(name), systems.providerNames())
			return Scenario{}, l.Err()
		}
	}
	if len(s.Suite) > 0 {
		narrowed := s
		narrowed.Suite = nil
		for _, member := range s.Suite {
			one, err := member.Through(systems, providers...)
			if err != nil {
				return Scenario{}, err
			}
			narrowed.Suite = append(narrowed.Suite, one)
		}
		return narrowed, nil
	}
	s.Scale.Providers = slices.DeleteFunc(systems.names(), func(name payment.ProviderName) bool { return !slices.Contains(providers, name) })
	return s.possible(systems)
}

// Within is the scenario as far as it is possible with the systems of a merchant
// that does less than a scenario may ask for: fewer providers, no barcodes, no
// refunds, no fulfilment service. What is not possible is left out as by Through,
// of a suite whole scenarios, which are named in left. It fails when nobody is
// left.
func (s Scenario) Within(systems Systems) (narrowed Scenario, left []string, err error) {
	if len(s.Suite) == 0 {
		s.Scale.Providers = slices.DeleteFunc(s.providers(systems), func(name payment.ProviderName) bool {
			_, known := systems.provider(name)
			return !known
		})
		if len(s.Scale.Providers) == 0 {
			return Scenario{}, nil, fmt.Errorf("%s pays with providers that this merchant does not have", s.Name)
		}
		narrowed, err = s.possible(systems)
		return narrowed, nil, err
	}
	narrowed = s
	narrowed.Suite = nil
	for _, member := range s.Suite {
		one, _, err := member.Within(systems)
		if err != nil {
			left = append(left, err.Error())
			continue
		}
		narrowed.Suite = append(narrowed.Suite, one)
	}
	if len(narrowed.Suite) == 0 {
		return Scenario{}, left, fmt.Errorf("nothing of %s is possible with this merchant", s.Name)
	}
	return narrowed, left, nil
}

// WithoutStreams is the scenario for a merchant whose database is no server, so
// that there is no link to harm: of a suite whole scenarios are left out, which are
// named in left. It fails when the scenario itself needs such a link.
func (s Scenario) WithoutStreams() (narrowed Scenario, left []string, err error) {
	if link := s.stream(); link != "" {
		return Scenario{}, nil, fmt.Errorf("%s harms the link %s, which this run does not have: give the reference merchant a database server with --merchant-database, or describe a merchant with a service of that name", s.Name, link)
	}
	narrowed = s
	narrowed.Suite = nil
	for _, member := range s.Suite {
		if _, _, err := member.WithoutStreams(); err != nil {
			left = append(left, err.Error())
			continue
		}
		narrowed.Suite = append(narrowed.Suite, member)
	}
	return narrowed, left, nil
}

// stream is a link of bytes that the scenario's own faults are done to; "" if
// there is none.
func (s Scenario) stream() faults.Link {
	for _, line := range s.Faults {
		for _, member := range line.members() {
			for _, settings := range append(slices.Clone(member.Settings), nil)[:max(1, len(member.Settings))] {
				if fault, err := faults.Decode(member.Fault, settings); err == nil && streamOf(fault) != "" {
					return streamOf(fault)
				}
			}
		}
	}
	for _, trial := range s.Trials {
		for _, pin := range trial.Pins {
			if fault, err := pin.Decode(); err == nil && streamOf(fault) != "" {
				return streamOf(fault)
			}
		}
	}
	return ""
}

// providers are those that the scenario asks for, or all.
func (s Scenario) providers(systems Systems) []payment.ProviderName {
	if len(s.Scale.Providers) > 0 {
		return slices.Clone(s.Scale.Providers)
	}
	return systems.names()
}

// possible leaves of a scenario what its providers and these systems allow.
func (s Scenario) possible(systems Systems) (Scenario, error) {
	shoppers := len(s.Shoppers)
	s.source, s.narrowed = nil, true // what is left out would make other lines look guilty
	if shoppers > 0 {
		s.Shoppers = slices.DeleteFunc(slices.Clone(s.Shoppers), func(line ShopperLine) bool { return len(waysOf(s, line, systems)) == 0 })
	}
	s.Trials = slices.DeleteFunc(slices.Clone(s.Trials), func(t Trial) bool {
		return slices.ContainsFunc(t.PaysWith(), func(name payment.ProviderName) bool { return !slices.Contains(s.Scale.Providers, name) }) ||
			!systems.allow(t) || slices.ContainsFunc(t.Pins, func(pin faults.Pin) bool { return pin.At != nil && reachOf(t, pin, systems) == never })
	})
	drawn := s.Scale.Trials > 0 && len(waysOf(s, shoppersOf(s)[0], systems)) > 0
	if shoppers > 0 {
		drawn = len(s.Shoppers) > 0
	}
	if !drawn {
		s.Scale.Trials = 0
		if len(s.Trials) == 0 && systems.Stranger {
			return Scenario{}, fmt.Errorf("%s needs more than this merchant offers", s.Name)
		}
		if len(s.Trials) == 0 {
			return Scenario{}, fmt.Errorf("%s has no shopper who could pay with %s", s.Name, document.Joined(s.Scale.Providers))
		}
	}
	s.Scale.Methods = systems.offered(s.Scale.Methods)
	for i := range s.Shoppers {
		s.Shoppers[i].Methods = systems.offered(s.Shoppers[i].Methods)
	}
	gone := s.leaveOutFaults(systems)
	s.Expect = slices.DeleteFunc(slices.Clone(s.Expect), func(e Expectation) bool {
		return e.What == FaultFired && gone[e.Fault] || e.What == Refunds && !systems.crosses(shopLink, faults.AskRefund)
	})
	for i := range s.Expect {
		if s.Expect[i].What == FaultFired || systems.Stranger {
			s.Expect[i].AtLeast = 1
		}
	}
	return s, nil
}

// leaveOutFaults drops the faults whose place nobody comes by any more, and tells
// which.
func (s *Scenario) leaveOutFaults(systems Systems) map[string]bool {
	samples := samplesOf(*s, systems)
	gone := map[string]bool{}
	s.Faults = slices.DeleteFunc(slices.Clone(s.Faults), func(line FaultLine) bool {
		comes := slices.ContainsFunc(samples, func(t Trial) bool { return line.With.matches(t) && reachOfLine(t, line, systems) != never })
		for _, member := range line.members() {
			definition, _ := faults.Lookup(member.Fault)
			comes = comes && !(systems.Unstoppable && definition.Kind == faults.OnProcess) && !(systems.Stranger && multiplies(definition.New()))
		}
		for _, member := range line.members() {
			gone[member.Fault] = gone[member.Fault] || !comes
		}
		return !comes
	})
	for i := range s.Faults {
		s.Faults[i] = s.Faults[i].legal(systems)
	}
	return gone
}

// multiplies reports whether a fault has several instances of the merchant, which only
// the reference merchant is known to bear.
func multiplies(fault faults.Fault) bool {
	process, is := fault.(faults.ProcessFault)
	return is && process.Interrupt().Instances > 1
}

// legal is the line with those of its settings that some provider allows.
func (l FaultLine) legal(systems Systems) FaultLine {
	if len(l.Together) > 0 {
		l.Together = slices.Clone(l.Together)
		for i := range l.Together {
			l.Together[i] = l.Together[i].legal(systems)
		}
		return l
	}
	l.Settings = slices.DeleteFunc(slices.Clone(l.Settings), func(settings json.RawMessage) bool {
		return !slices.ContainsFunc(systems.Providers, func(p Provider) bool {
			return slices.ContainsFunc(fitting(systems, l.resolved(p.Name)), func(fit json.RawMessage) bool { return bytes.Equal(fit, settings) })
		})
	})
	return l
}

// shopLink is where shoppers meet the merchant.
const shopLink faults.Link = "shopper->merchant"

// allow reports whether the merchant offers all that a journey asks of it.
func (s Systems) allow(t Trial) bool {
	if s.Watched && !watchable(t.Journey) {
		return false
	}
	needs := map[faults.StepKind]faults.Operation{faults.StepRefund: faults.AskRefund, faults.StepCancel: faults.CancelOrder,
		faults.StepChange: faults.ChangeOrder, faults.StepReturn: faults.ReturnPage}
	for _, step := range t.Journey.Steps {
		if operation, seldom := needs[step.Do]; seldom && !s.crosses(shopLink, operation) {
			return false
		}
	}
	return true
}

// watchable reports whether a journey is no more than one payment of one order,
// paid or not.
func watchable(journey faults.Journey) bool {
	starts := 0
	for _, step := range journey.Steps {
		switch step.Do {
		case faults.StepStart:
			starts++
		case faults.StepPlace, faults.StepOpen, faults.StepPay, faults.StepAwaitPaid:
		default:
			return false
		}
		if step.AtOnce > 1 || step.Repeats > 0 || step.Basket || step.Order > 0 || step.Elsewhere || step.Method == payment.MethodBarcode {
			return false
		}
	}
	return starts == 1
}
