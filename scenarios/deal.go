package scenarios

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// randomFor is the chance of one purpose. Each scenario of a suite has its
// own, so that it deals the same alone and in company.
func randomFor(seed uint64, purpose string) *rand.Rand {
	hash := fnv.New64a()
	hash.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}

// drawnID is the name of the nth drawn trial. It does not depend on the seed, so
// that people can compare runs.
func drawnID(scenario string, n int) faults.Trial {
	return faults.Trial(fmt.Sprintf("%s-%04d", scenario, n+1))
}

// way is a provider and a method to pay by.
type way struct {
	provider payment.ProviderName
	method   payment.Method
}

// shoppersOf are the lines of a scenario; without any, shoppers pay.
func shoppersOf(s Scenario) []ShopperLine {
	if len(s.Shoppers) == 0 {
		return []ShopperLine{{Shopper: "pay"}}
	}
	return s.Shoppers
}

// providersOf are the providers that a scenario pays with.
func providersOf(scale Scale, systems Systems) []Provider {
	if len(scale.Providers) == 0 {
		return systems.Providers
	}
	var wanted []Provider
	for _, name := range scale.Providers {
		if provider, known := systems.provider(name); known {
			wanted = append(wanted, provider)
		}
	}
	return wanted
}

// waysOf are the ways in which the shoppers of a line may pay, in the order in
// which they are taken in turn: providers take turns first, methods then.
// Shoppers who pay by one method only, whatever is asked, have that one.
func waysOf(s Scenario, line ShopperLine, systems Systems) []way {
	var perProvider [][]way
	longest := 0
	for _, provider := range providersOf(s.Scale, systems) {
		ways := waysWith(s, line, provider, systems)
		perProvider = append(perProvider, ways)
		longest = max(longest, len(ways))
	}
	var all []way
	for n := range longest {
		for _, ways := range perProvider {
			if len(ways) > 0 {
				all = append(all, ways[n%len(ways)])
			}
		}
	}
	return all
}

// waysWith are those ways with one provider.
func waysWith(s Scenario, line ShopperLine, provider Provider, systems Systems) []way {
	methods := line.Methods
	if len(methods) == 0 {
		methods = s.Scale.Methods
	}
	if len(methods) == 0 {
		methods = slices.DeleteFunc(slices.Clone(provider.Methods), func(m payment.Method) bool { return m == payment.MethodBarcode })
	}
	var ways []way
	for _, method := range methods {
		trial, err := walk(Trial{Shopper: line.Shopper, Settings: turn(line.Settings, 0), Method: method})
		if err != nil || !slices.Contains(provider.Methods, trial.Method) || (trial.Journey.Combines() && !provider.Combines) || !systems.allow(trial) {
			continue
		}
		if found := (way{provider.Name, trial.Method}); !slices.Contains(ways, found) {
			ways = append(ways, found)
		}
	}
	return ways
}

// dealt is the drawn part of a scenario: trials with shoppers and pins, without
// amounts yet.
func dealt(s Scenario, systems Systems, random *rand.Rand, l *document.Notes) []Trial {
	trials := dealShoppers(s, systems, random)
	dealFaults(s, systems, trials, random, l)
	for i := range trials {
		drawSettings(&trials[i], random)
	}
	return trials
}

// dealShoppers makes the trials, with as many shoppers of each line as its
// weight asks for, in a drawn order.
func dealShoppers(s Scenario, systems Systems, random *rand.Rand) []Trial {
	lines := shoppersOf(s)
	var trials []Trial
	for i, count := range shares(lines, s.Scale.Trials) {
		ways := waysOf(s, lines[i], systems)
		for n := range count {
			w := ways[(n+i)%len(ways)] // not every line begins with the same
			// The settings turn slower than the ways, so that all pairs meet.
			trial := Trial{Scenario: s.Name, Shopper: lines[i].Shopper, Provider: w.provider, Method: w.method,
				Settings: turn(lines[i].Settings, n+n/len(ways))}
			trials = append(trials, trial)
		}
	}
	random.Shuffle(len(trials), func(i, j int) { trials[i], trials[j] = trials[j], trials[i] })
	for i := range trials {
		trials[i].ID = drawnID(s.Name, i)
		trials[i], _ = walk(trials[i]) // checked with the scenario
		trials[i].Other = otherFor(s, trials[i], systems)
	}
	return trials
}

// otherFor is the provider with which a trial pays elsewhere: the next one, and
// where the scenario has one provider only, that one again.
func otherFor(s Scenario, t Trial, systems Systems) payment.ProviderName {
	if !t.Journey.Crosses() {
		return ""
	}
	return after(providersOf(s.Scale, systems), t.Provider)
}

// shares splits a number of trials by weight, by the largest remainders; each
// line gets one as long as there are enough.
func shares(lines []ShopperLine, trials int) []int {
	total := 0
	for _, line := range lines {
		total += max(line.Weight, 1)
	}
	counts := make([]int, len(lines))
	rests := make([]int, len(lines))
	order := make([]int, len(lines))
	left := trials
	for i, line := range lines {
		counts[i] = trials * max(line.Weight, 1) / total
		rests[i] = trials * max(line.Weight, 1) % total
		if counts[i] == 0 {
			rests[i] += total // nobody who was asked for stays away
		}
		left -= counts[i]
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rests[b], rests[a]) })
	for n := range left {
		counts[order[n%len(order)]]++
	}
	return counts
}

// dealFaults pins the scenario's faults to its trials. Lines with the fewest
// trials to choose from choose first, and every line prefers trials without a
// fault, so that faults meet in one trial only if they must.
func dealFaults(s Scenario, systems Systems, trials []Trial, random *rand.Rand, l *document.Notes) {
	order := make([]int, len(s.Faults))
	candidates := make([][]int, len(s.Faults))
	for i, line := range s.Faults {
		order[i], candidates[i] = i, candidatesFor(line, trials, systems)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(candidates[a]), len(candidates[b])) })
	type pinned struct {
		line int
		pins []faults.Pin
	}
	hands := make([][]pinned, len(trials))
	stopped := make([]bool, len(trials))
	for _, i := range order {
		line, open := s.Faults[i], candidates[i]
		path := fmt.Sprintf("faults[%d]", i)
		count := wantedOf(line, len(open))
		if s.narrowed {
			if count = min(count, len(open)); count == 0 {
				continue // nobody of this draw comes by the place with the providers that are left
			}
		}
		if count > len(open) || len(open) == 0 {
			l.Addf(path, "%d trials are wanted, and %d of this draw come by the place", max(count, 1), len(open))
			continue
		}
		random.Shuffle(len(open), func(a, b int) { open[a], open[b] = open[b], open[a] })
		best(open, trials, i, func(t int) (int, int) { return one(stopped[t]), len(hands[t]) })
		taken := map[payment.ProviderName]int{}
		legal := map[payment.ProviderName][][]json.RawMessage{} // settings of each member
		for _, t := range open[:count] {
			hand := pinned{line: i}
			n := taken[trials[t].Provider]
			taken[trials[t].Provider]++
			if legal[trials[t].Provider] == nil {
				for _, member := range line.members() {
					legal[trials[t].Provider] = append(legal[trials[t].Provider], fitting(systems, member.resolved(trials[t].Provider)))
				}
			}
			for m, member := range line.members() {
				pin := pinOf(member.resolved(trials[t].Provider), turn(legal[trials[t].Provider][m], n), trials[t])
				hand.pins = append(hand.pins, pin)
				stopped[t] = stopped[t] || stops(pin)
			}
			hands[t] = append(hands[t], hand)
		}
	}
	for t, hand := range hands {
		slices.SortStableFunc(hand, func(a, b pinned) int { return cmp.Compare(a.line, b.line) })
		for _, one := range hand {
			trials[t].Pins = append(trials[t].Pins, one.pins...)
		}
	}
}

// best sorts candidates: those with the fewest faults first, and among equals
// the providers in turn, for what happens with one is to happen with all. Which
// provider comes first differs from line to line.
func best(candidates []int, trials []Trial, line int, burden func(int) (stopped, pins int)) {
	turns := map[string]int{}
	place := map[int]int{}
	var names []payment.ProviderName
	for _, t := range candidates {
		stopped, pins := burden(t)
		queue := fmt.Sprintf("%d/%d/%s", stopped, pins, trials[t].Provider)
		place[t] = turns[queue]
		turns[queue]++
		if !slices.Contains(names, trials[t].Provider) {
			names = append(names, trials[t].Provider)
		}
	}
	slices.Sort(names)
	rank := func(t int) int { return (slices.Index(names, trials[t].Provider) + line) % len(names) }
	slices.SortStableFunc(candidates, func(a, b int) int {
		stoppedA, pinsA := burden(a)
		stoppedB, pinsB := burden(b)
		return cmp.Or(cmp.Compare(stoppedA, stoppedB), cmp.Compare(pinsA, pinsB), cmp.Compare(place[a], place[b]), cmp.Compare(rank(a), rank(b)))
	})
}

// candidatesFor are the trials a line may choose from: of each provider those
// that surely come by its place, or if there is none, those that may.
func candidatesFor(line FaultLine, trials []Trial, systems Systems) []int {
	sure, possible := map[payment.ProviderName]bool{}, map[int]bool{}
	var all []int
	known := map[string]reach{} // trials of one kind come by the same places
	for i, trial := range trials {
		if !line.With.matches(trial) {
			continue
		}
		kind := strings.Join([]string{trial.Shopper, string(trial.Settings), string(trial.Provider), string(trial.Other), string(trial.Method)}, "\n")
		found, asked := known[kind]
		if !asked {
			found = reachOfLine(trial, line, systems)
			known[kind] = found
		}
		switch found {
		case surely:
			sure[trial.Provider] = true
		case maybe:
			possible[i] = true
		default:
			continue
		}
		all = append(all, i)
	}
	return slices.DeleteFunc(all, func(i int) bool { return possible[i] && sure[trials[i].Provider] })
}

// wantedOf is how many trials a line is for. A share of few is one all the same:
// a line that was typed must do something.
func wantedOf(line FaultLine, candidates int) int {
	switch {
	case line.Trials > 0:
		return line.Trials
	case line.Share > 0:
		return max(int(math.Round(line.Share/100*float64(candidates))), 1)
	default:
		return candidates
	}
}

// drawSettings decides what the settings of a trial's pins leave to chance.
func drawSettings(t *Trial, random *rand.Rand) {
	for i := range t.Pins {
		fault, err := t.Pins[i].Decode()
		drawer, draws := fault.(faults.Drawer)
		if err != nil || !draws {
			continue
		}
		if settings, err := faults.Encode(drawer.Draw(random)); err == nil {
			t.Pins[i].Settings = json.RawMessage(settings)
		}
	}
}
