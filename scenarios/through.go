package scenarios

import (
	"fmt"
	"slices"

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
	shoppers, pinned := len(s.Shoppers), len(s.Trials)
	s.Scale.Providers = slices.DeleteFunc(systems.names(), func(name payment.ProviderName) bool { return !slices.Contains(providers, name) })
	s.source, s.narrowed = nil, true // what is left out would make other lines look guilty
	if len(s.Shoppers) > 0 {
		s.Shoppers = slices.DeleteFunc(slices.Clone(s.Shoppers), func(line ShopperLine) bool { return len(waysOf(s, line, systems)) == 0 })
	}
	s.Trials = slices.DeleteFunc(slices.Clone(s.Trials), func(t Trial) bool {
		return slices.ContainsFunc(t.PaysWith(), func(name payment.ProviderName) bool { return !slices.Contains(providers, name) })
	})
	if shoppers+pinned > 0 && len(s.Shoppers)+len(s.Trials) == 0 {
		return Scenario{}, fmt.Errorf("%s has no shopper who could pay with %s", s.Name, document.Joined(providers))
	}
	samples := samplesOf(s, systems)
	gone := map[string]bool{}
	s.Faults = slices.DeleteFunc(slices.Clone(s.Faults), func(line FaultLine) bool {
		comes := slices.ContainsFunc(samples, func(t Trial) bool { return line.With.matches(t) && reachOfLine(t, line, systems) != never })
		for _, member := range line.members() {
			gone[member.Fault] = gone[member.Fault] || !comes
		}
		return !comes
	})
	s.Expect = slices.DeleteFunc(slices.Clone(s.Expect), func(e Expectation) bool { return e.What == FaultFired && gone[e.Fault] })
	for i := range s.Expect {
		if s.Expect[i].What == FaultFired {
			s.Expect[i].AtLeast = 1
		}
	}
	return s, nil
}
