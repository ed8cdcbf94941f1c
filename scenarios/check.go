package scenarios

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// Check finds everything in the scenario that makes no sense or does not exist
// among the systems. The error is Problems.
func (s Scenario) Check(systems Systems) error {
	l := &document.Notes{Source: s.source, Name: s.Name}
	if s.source != nil {
		l.Name = s.source.File
	}
	check(s, systems, l)
	return l.Err()
}

// check notes all problems of a scenario. Whether shoppers come by the places of
// faults is asked only once these places exist.
func check(s Scenario, systems Systems, l *document.Notes) {
	if s.source == nil && !regexp.MustCompile(namePattern).MatchString(s.Name) {
		l.Addf("name", "a scenario's name is lower case words joined by hyphens, not %q", document.Clip(s.Name))
	}
	if len(s.Suite) > 0 {
		checkSuite(s, systems, l)
		return
	}
	checkScale(s, systems, l)
	checkShoppers(s, systems, l)
	checkTrials(s, systems, l)
	checkExpect(s, l)
	before := len(l.Found)
	for i, line := range s.Faults {
		path := fmt.Sprintf("faults[%d]", i)
		if len(line.Together) == 0 {
			checkPlace(l, path, systems, line)
		}
		for j, member := range line.Together {
			checkPlace(l, fmt.Sprintf("%s.together[%d]", path, j), systems, member)
		}
	}
	if len(l.Found) == before {
		checkReach(s, systems, l)
	}
}

// checkSuite refuses two scenarios of one name: their trials would be too.
func checkSuite(s Scenario, systems Systems, l *document.Notes) {
	seen := map[string]bool{}
	for i, member := range s.Suite {
		path := fmt.Sprintf("suite[%d]", i)
		switch {
		case len(member.Suite) > 0:
			l.Addf(path, "%s is a suite itself; name its scenarios", member.Name)
		case seen[member.Name]:
			l.Addf(path, "the suite names %s twice", member.Name)
		default:
			if err := member.Check(systems); err != nil {
				l.Add(path, err.Error())
			}
		}
		seen[member.Name] = true
	}
}

// checkScale refuses sizes that make no plan, and providers that do not exist.
func checkScale(s Scenario, systems Systems, l *document.Notes) {
	switch {
	case s.Scale.Trials < 0 || s.Scale.Trials > maxTrials:
		l.Addf("load.trials", "a scenario has at most %d trials", maxTrials)
	case s.Scale.InFlight < 0 || s.Scale.InFlight > maxInFlight:
		l.Addf("load.inFlight", "at most %d trials run at a time", maxInFlight)
	case s.Scale.Trials == 0 && len(s.Trials) == 0:
		l.Add("load.trials", "the scenario has no trial")
	case s.Scale.Trials == 0 && len(s.Faults) > 0:
		l.Add("faults", "faults are dealt to drawn trials, and load.trials draws none")
	}
	for i, name := range s.Scale.Providers {
		if _, known := systems.provider(name); !known {
			l.Unknown(fmt.Sprintf("load.providers[%d]", i), "provider", string(name), systems.providerNames())
		}
	}
	checkMethods(l, "load.methods", s.Scale, s.Scale.Methods, systems)
	for i, amount := range s.Scale.Amounts {
		if s.source == nil && (amount.Minor < 1 || amount.Minor > maxTotal) { // the reader has its own words
			l.Addf(fmt.Sprintf("load.amounts[%d]", i), "an amount is from 0.01 to %s", payment.Fen(maxTotal).Decimal())
		}
	}
}

// checkMethods refuses methods that do not exist, or that none of the scenario's
// providers offers.
func checkMethods(l *document.Notes, path string, scale Scale, methods []payment.Method, systems Systems) {
	for i, method := range methods {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !slices.Contains(systems.methodNames(), string(method)) {
			l.Unknown(at, "method", string(method), systems.methodNames())
			continue
		}
		offering := providersOf(scale, systems)
		if !slices.ContainsFunc(offering, func(p Provider) bool { return slices.Contains(p.Methods, method) }) {
			l.Addf(at, "none of the scenario's providers offers %s", method)
		}
	}
}

// checkShoppers refuses shoppers who could not pay the way they are asked to.
func checkShoppers(s Scenario, systems Systems, l *document.Notes) {
	for i, line := range s.Shoppers {
		path := fmt.Sprintf("shoppers[%d]", i)
		definition, known := faults.Lookup(line.Shopper)
		if !known || definition.Kind != faults.AsJourney {
			if s.source == nil {
				l.Unknown(path, "shopper", line.Shopper, shopperNames())
			}
			continue
		}
		if line.Weight < 0 {
			l.Add(path+".weight", "a weight is a whole number from 1")
		}
		checkMethods(l, path+".methods", s.Scale, line.Methods, systems)
		for j, method := range line.Methods {
			trial, err := walk(Trial{Shopper: line.Shopper, Settings: turn(line.Settings, 0), Method: method})
			if err == nil && trial.Method != method {
				l.Addf(fmt.Sprintf("%s.methods[%d]", path, j), "%s shoppers cannot pay by %s", line.Shopper, method)
			}
		}
		if len(l.Found) == 0 && len(waysOf(s, line, systems)) == 0 {
			l.Addf(path, "%s shoppers can pay by none of the scenario's methods", line.Shopper)
		}
	}
}

// checkTrials refuses pinned trials whose name is taken or whose way to pay does
// not exist. Drawn trials take the names that their numbers give them.
func checkTrials(s Scenario, systems Systems, l *document.Notes) {
	seen := map[faults.Trial]bool{}
	for n := range s.Scale.Trials {
		if len(s.Trials) == 0 {
			break
		}
		seen[drawnID(s.Name, n)] = true
	}
	for i, trial := range s.Trials {
		path := fmt.Sprintf("trials[%d]", i)
		if seen[trial.ID] || trial.ID == faults.RunTrial {
			l.Addf(path+".id", "the id %q is taken", trial.ID)
		}
		seen[trial.ID] = true
		provider, known := systems.provider(trial.Provider)
		switch {
		case !known:
			l.Unknown(path+".provider", "provider", string(trial.Provider), systems.providerNames())
		case !slices.Contains(systems.methodNames(), string(trial.Method)):
			l.Unknown(path+".method", "method", string(trial.Method), systems.methodNames())
		case trial.Journey.Crosses() && !slices.Contains(systems.providerNames(), string(trial.Other)):
			l.Unknown(path+".other", "provider", string(trial.Other), systems.providerNames())
		case trial.Journey.Combines() && !provider.Combines:
			l.Addf(path+".provider", "%s does not combine orders of several shops in one payment", provider.Name)
		case trial.Journey.Combines() && len(trial.Orders()) < 2:
			l.Add(path+".lines", "a combined order has lines of two shops or more")
		case !slices.Contains(provider.Methods, trial.Method):
			l.Addf(path+".method", "%s offers no method %s; it has %s", provider.Name, trial.Method, document.Joined(provider.Methods))
		}
		checkPins(trial, path, systems, l)
	}
}

// checkPins refuses two pins of one name and, in trials that no reader has
// seen, pins whose place is wrong or missing.
func checkPins(trial Trial, path string, systems Systems, l *document.Notes) {
	pins := map[string]bool{}
	for j, pin := range trial.Pins {
		at := fmt.Sprintf("%s.pins[%d]", path, j)
		if pins[pin.ID] {
			l.Addf(at+".id", "the trial has two pins %s", pin.ID)
		}
		pins[pin.ID] = true
		if l.Source != nil {
			continue
		}
		line := FaultLine{Fault: pin.Fault, Settings: []json.RawMessage{pin.Settings}, At: pin.At, Payment: pin.Payment}
		line.Lie = placedRight(line) && isLie(pin)
		checkPlace(l, at, systems, line)
		if pin.Trial != trial.ID || (pin.At != nil && pin.At.Trial != trial.ID) {
			l.Addf(at, "the pin belongs to trial %q", pin.Trial)
		}
	}
}

// checkExpect refuses expectations that nothing in the scenario can meet.
func checkExpect(s Scenario, l *document.Notes) {
	pinned := map[string]bool{}
	for _, line := range s.Faults {
		for _, member := range line.members() {
			pinned[member.Fault] = true
		}
	}
	for _, trial := range s.Trials {
		for _, pin := range trial.Pins {
			pinned[pin.Fault] = true
		}
	}
	for i, expectation := range s.Expect {
		path := fmt.Sprintf("expect[%d]", i)
		if expectation.What == FaultFired && expectation.Fault != "" && !pinned[expectation.Fault] {
			l.Addf(path+".fired", "the scenario pins no %s that could fire", expectation.Fault)
		}
	}
}

// checkReach refuses fault lines whose place no shopper of the scenario comes
// by, whatever is drawn.
func checkReach(s Scenario, systems Systems, l *document.Notes) {
	if s.Scale.Trials == 0 {
		return
	}
	samples := samplesOf(s, systems)
	for i, line := range s.Faults {
		path := fmt.Sprintf("faults[%d]", i)
		matching := slices.DeleteFunc(slices.Clone(samples), func(t Trial) bool { return !line.With.matches(t) })
		switch {
		case slices.ContainsFunc(line.members(), func(l FaultLine) bool { return !placedRight(l) }):
			// said to be missing already
		case len(samples) > 0 && len(matching) == 0:
			l.Addf(path+".with", "no shopper of the scenario is like that")
		case len(samples) > 0 && !slices.ContainsFunc(matching, func(t Trial) bool { return reachOfLine(t, line, systems) != never }):
			place := path + ".at"
			if line.Payment != nil {
				place = path + ".payment"
			}
			l.Addf(place, "no shopper of the scenario ever comes by this place; there are %s", document.Joined(waysSeen(matching)))
		}
	}
}

// samplesOf is one trial of each kind that the scenario may draw.
func samplesOf(s Scenario, systems Systems) []Trial {
	var samples []Trial
	for _, line := range shoppersOf(s) {
		for _, way := range waysOf(s, line, systems) {
			for n := range max(len(line.Settings), 1) {
				sample, err := walk(Trial{Shopper: line.Shopper, Settings: turn(line.Settings, n), Provider: way.provider, Method: way.method})
				sample.Other = otherFor(s, sample, systems)
				if err == nil {
					samples = append(samples, sample)
				}
			}
		}
	}
	return samples
}

// waysSeen names the shoppers there are, so that a person sees who could come by.
func waysSeen(samples []Trial) []string {
	var ways []string
	for _, sample := range samples {
		if way := sample.Shopper + " by " + string(sample.Method); !slices.Contains(ways, way) {
			ways = append(ways, way)
		}
	}
	return ways
}
