package scenarios

import (
	"errors"
	"slices"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// Parse reads a scenario from YAML and checks it against the systems that
// exist. File names the text in errors. All that is wrong is told at once, as
// Problems. The scenarios of a suite are found by name, in the embedded
// catalogue.
func Parse(file string, text []byte, systems Systems) (Scenario, error) {
	return parse(file, text, systems, func(name string) (Scenario, error) { return embedded(name, systems) })
}

// parse reads a scenario; find finds the members of a suite.
func parse(file string, text []byte, systems Systems, find func(string) (Scenario, error)) (Scenario, error) {
	src, root, problem := document.Parse(file, text, document.Format{What: "scenario", Begin: "name: and about:"})
	if problem != nil {
		return Scenario{}, document.Problems{*problem}
	}
	r := &reader{Notes: document.Notes{Source: src, Name: src.File}, systems: systems, find: find}
	scenario := r.scenario(root)
	// A file that does not say what it means is not asked whether that is
	// possible; but one slip must not hide another of a different kind.
	check(scenario, systems, &r.Notes)
	if err := r.Err(); err != nil {
		return Scenario{}, err
	}
	return scenario, nil
}

// reader turns nodes into a scenario and notes what is wrong.
type reader struct {
	document.Notes
	systems Systems
	find    func(string) (Scenario, error)
}

// scenario reads the whole file. A file that lists its trials draws none unless
// it says so.
func (r *reader) scenario(root document.Node) Scenario {
	values := r.Fields("", root, keysOf(topFields()))
	s := Scenario{source: r.Source}
	if values == nil {
		s.Scale.Trials = usualTrials
		return s
	}
	if n, given := values["name"]; given {
		s.Name = r.name("name", n)
	} else {
		r.Add("", "the scenario has no name:")
	}
	if n, given := values["about"]; given {
		s.About = r.Text("about", n)
	}
	if n, given := values["suite"]; given {
		r.suite(&s, n, values)
		return s
	}
	if n, given := values["trials"]; given {
		s.Trials = r.trials(s.Name, n)
	} else {
		s.Scale.Trials = usualTrials
	}
	if n, given := values["load"]; given {
		r.load(&s, n)
	}
	if n, given := values["shoppers"]; given {
		s.Shoppers = r.shoppers(n)
	}
	if n, given := values["faults"]; given {
		s.Faults = r.faults("faults", n, slices.Concat(placeFields(), shareFields()))
	}
	if n, given := values["expect"]; given {
		s.Expect = r.expect(n)
	}
	return s
}

// suite reads the members of a suite, each found and checked by itself.
func (r *reader) suite(s *Scenario, n document.Node, values map[string]document.Node) {
	for key := range values {
		if key != "name" && key != "about" && key != "suite" {
			r.Addf(key, "a suite only names other scenarios; %s belongs in one of them", key)
		}
	}
	members := r.Ordered("suite", n)
	for _, at := range members.Paths {
		name := r.Text(at, members.ByPath[at])
		if name == "" {
			continue
		}
		member, err := r.find(name)
		switch {
		case err == nil && len(member.Suite) > 0:
			r.Addf(at, "%s is a suite itself; name its scenarios", name)
		case err == nil && slices.ContainsFunc(s.Suite, func(other Scenario) bool { return other.Name == member.Name }):
			r.Addf(at, "the suite names %s twice", member.Name)
		case err == nil:
			s.Suite = append(s.Suite, member)
		default:
			r.Put(at, "", document.Problem{Message: firstOf(err), Suggestion: document.Nearest(name, List())})
		}
	}
	if len(members.Paths) == 0 {
		r.Add("suite", "a suite names at least one scenario")
	}
	if len(s.Suite) == 0 {
		s.Scale.Trials = usualTrials // what is missing is the suite's members, not trials
	}
}

// firstOf is the first problem of a suite's member, without its excerpt.
func firstOf(err error) string {
	var problems document.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		return document.Clip(err.Error())
	}
	return problems[0].Brief()
}

// load reads the size of a scenario.
func (r *reader) load(s *Scenario, n document.Node) {
	scale := &s.Scale
	values := r.Fields("load", n, keysOf(loadFields()))
	if n, given := values["trials"]; given {
		scale.Trials = r.Positive("load.trials", n, len(s.Trials) > 0, "a scenario has at least one trial")
	}
	if n, given := values["inFlight"]; given {
		scale.InFlight = r.Positive("load.inFlight", n, false, "at least one trial runs at a time")
	}
	if n, given := values["oneBatch"]; given {
		scale.OneBatch = r.Flag("load.oneBatch", n)
	}
	if n, given := values["providers"]; given {
		providers := r.Ordered("load.providers", n)
		for _, at := range providers.Paths {
			scale.Providers = append(scale.Providers, payment.ProviderName(r.Text(at, providers.ByPath[at])))
		}
	}
	if n, given := values["methods"]; given {
		scale.Methods = r.methods("load.methods", n)
	}
	if n, given := values["amounts"]; given && (n.Kind != document.Scalar || n.Text != "sweep") {
		amounts := r.Ordered("load.amounts", n)
		for _, at := range amounts.Paths {
			scale.Amounts = append(scale.Amounts, r.money(at, amounts.ByPath[at]))
		}
	}
}

// methods reads ways to pay; whether they exist is checked later.
func (r *reader) methods(path string, n document.Node) []payment.Method {
	var methods []payment.Method
	members := r.Ordered(path, n)
	for _, at := range members.Paths {
		methods = append(methods, payment.Method(r.Text(at, members.ByPath[at])))
	}
	return methods
}

// shoppers reads who comes: lines with weights, names alone, or one name.
func (r *reader) shoppers(n document.Node) []ShopperLine {
	var lines []ShopperLine
	members := r.Ordered("shoppers", n)
	for _, at := range members.Paths {
		member := members.ByPath[at]
		if member.Kind == document.Scalar {
			lines = append(lines, ShopperLine{Shopper: r.Word(at, "shopper", member, shopperNames())})
			continue
		}
		definition, values := r.defined(at, member, "shopper", shopperNames(), shopperFields())
		line := ShopperLine{Shopper: definition.Name, Settings: r.settings(at, definition, values, true)}
		if n, given := values["weight"]; given {
			line.Weight = r.Positive(at+".weight", n, false, "a weight is a whole number from 1; leave the line out for none")
		}
		if n, given := values["methods"]; given {
			line.Methods = r.methods(at+".methods", n)
		}
		lines = append(lines, line)
	}
	return lines
}

// faults reads fault lines, or the members of one.
func (r *reader) faults(path string, n document.Node, own []field) []FaultLine {
	var lines []FaultLine
	members := r.Ordered(path, n)
	for _, at := range members.Paths {
		lines = append(lines, r.fault(at, members.ByPath[at], own))
	}
	return lines
}

// fault reads one line: a fault with its place, or several together, and for
// which trials.
func (r *reader) fault(path string, n document.Node, own []field) FaultLine {
	var line FaultLine
	var values map[string]document.Node
	if isGroup := slices.ContainsFunc(n.Keys, func(e document.Entry) bool { return e.Key == "together" }); isGroup {
		values = r.Fields(path, n, keysOf(shareFields()))
		line.Together = r.faults(path+".together", values["together"], placeFields())
		if len(line.Together) < 2 {
			r.Add(path+".together", "together are at least two faults")
		}
	} else {
		line, values = r.placed(path, n, own, true)
	}
	if n, given := values["share"]; given {
		line.Share = r.percent(path+".share", n)
	}
	if n, given := values["trials"]; given {
		line.Trials = r.Positive(path+".trials", n, false, "a fault is for at least one trial; leave the line out for none")
		if line.Share > 0 {
			r.Add(path+".trials", "a fault is for a share of the trials or for a number of them, not both")
		}
	}
	if n, given := values["with"]; given {
		line.With = r.filter(path+".with", n)
	}
	return line
}

// placed reads a fault with its place and settings.
func (r *reader) placed(path string, n document.Node, own []field, turns bool) (FaultLine, map[string]document.Node) {
	definition, values := r.defined(path, n, "fault", faultNames(), own)
	line := FaultLine{Fault: definition.Name, Settings: r.settings(path, definition, values, turns)}
	if n, given := values["at"]; given {
		line.At = r.address(path+".at", n)
	}
	if n, given := values["payment"]; given {
		line.Payment = r.payment(path+".payment", n)
	}
	if n, given := values["lie"]; given {
		line.Lie = r.Flag(path+".lie", n)
	}
	if n, given := values["within"]; given {
		line.Within = r.duration(path+".within", n)
	}
	wanted, other := "at", "payment"
	if definition.Kind == faults.OnPayment {
		wanted, other = other, wanted
	}
	if definition.Name != "" {
		if _, given := values[other]; given {
			r.Addf(document.Under(path, other), "%s is pinned with %s:, not with %s:; for example %s", definition.Name, wanted, other, definition.Example)
		} else if _, given := values[wanted]; !given {
			r.Addf(path, "%s: is missing; for example %s", wanted, definition.Example)
		}
	}
	return line, values
}

// filter reads which trials a line is narrowed down to.
func (r *reader) filter(path string, n document.Node) Filter {
	var filter Filter
	values := r.Fields(path, n, keysOf(filterFields()))
	if n, given := values["shopper"]; given {
		filter.Shopper = r.Word(path+".shopper", "shopper", n, shopperNames())
	}
	if n, given := values["method"]; given {
		filter.Method = payment.Method(r.Word(path+".method", "method", n, r.systems.methodNames()))
	}
	if n, given := values["provider"]; given {
		filter.Provider = payment.ProviderName(r.Word(path+".provider", "provider", n, r.systems.providerNames()))
	}
	return filter
}
