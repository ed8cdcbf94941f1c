package scenarios

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/payquake/payquake/faults"
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
	src := &source{file: filepath.ToSlash(file), spots: map[string]spot{}}
	root, problem := parseYAML(src, text)
	if problem != nil {
		return Scenario{}, Problems{*problem}
	}
	r := &reader{list: list{source: src, name: src.file}, systems: systems, find: find}
	scenario := r.scenario(root)
	// A file that does not say what it means is not asked whether that is
	// possible; but one slip must not hide another of a different kind.
	check(scenario, systems, &r.list)
	if err := r.err(); err != nil {
		return Scenario{}, err
	}
	return scenario, nil
}

// reader turns nodes into a scenario and notes what is wrong.
type reader struct {
	list
	systems Systems
	find    func(string) (Scenario, error)
}

// scenario reads the whole file. A file that lists its trials draws none unless
// it says so.
func (r *reader) scenario(root node) Scenario {
	values := r.fields("", root, keysOf(topFields()))
	s := Scenario{source: r.source}
	if values == nil {
		s.Scale.Trials = usualTrials
		return s
	}
	if n, given := values["name"]; given {
		s.Name = r.name("name", n)
	} else {
		r.add("", "the scenario has no name:")
	}
	if n, given := values["about"]; given {
		s.About = r.text("about", n)
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
func (r *reader) suite(s *Scenario, n node, values map[string]node) {
	for key := range values {
		if key != "name" && key != "about" && key != "suite" {
			r.addf(key, "a suite only names other scenarios; %s belongs in one of them", key)
		}
	}
	members := r.ordered("suite", n)
	for _, at := range members.paths {
		name := r.text(at, members.byPath[at])
		if name == "" {
			continue
		}
		member, err := r.find(name)
		switch {
		case err == nil && len(member.Suite) > 0:
			r.addf(at, "%s is a suite itself; name its scenarios", name)
		case err == nil && slices.ContainsFunc(s.Suite, func(other Scenario) bool { return other.Name == member.Name }):
			r.addf(at, "the suite names %s twice", member.Name)
		case err == nil:
			s.Suite = append(s.Suite, member)
		default:
			r.put(at, "", Problem{Message: firstOf(err), Suggestion: nearest(name, List())})
		}
	}
	if len(members.paths) == 0 {
		r.add("suite", "a suite names at least one scenario")
	}
	if len(s.Suite) == 0 {
		s.Scale.Trials = usualTrials // what is missing is the suite's members, not trials
	}
}

// firstOf is the first problem of a suite's member, without its excerpt.
func firstOf(err error) string {
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		return clip(err.Error())
	}
	first := problems[0]
	first.excerpt = ""
	return clip(first.String())
}

// load reads the size of a scenario.
func (r *reader) load(s *Scenario, n node) {
	scale := &s.Scale
	values := r.fields("load", n, keysOf(loadFields()))
	if n, given := values["trials"]; given {
		scale.Trials = r.positive("load.trials", n, len(s.Trials) > 0, "a scenario has at least one trial")
	}
	if n, given := values["inFlight"]; given {
		scale.InFlight = r.positive("load.inFlight", n, false, "at least one trial runs at a time")
	}
	if n, given := values["oneBatch"]; given {
		scale.OneBatch = r.flag("load.oneBatch", n)
	}
	if n, given := values["providers"]; given {
		providers := r.ordered("load.providers", n)
		for _, at := range providers.paths {
			scale.Providers = append(scale.Providers, payment.ProviderName(r.text(at, providers.byPath[at])))
		}
	}
	if n, given := values["methods"]; given {
		scale.Methods = r.methods("load.methods", n)
	}
	if n, given := values["amounts"]; given && (n.kind != scalar || n.text != "sweep") {
		amounts := r.ordered("load.amounts", n)
		for _, at := range amounts.paths {
			scale.Amounts = append(scale.Amounts, r.money(at, amounts.byPath[at]))
		}
	}
}

// methods reads ways to pay; whether they exist is checked later.
func (r *reader) methods(path string, n node) []payment.Method {
	var methods []payment.Method
	members := r.ordered(path, n)
	for _, at := range members.paths {
		methods = append(methods, payment.Method(r.text(at, members.byPath[at])))
	}
	return methods
}

// shoppers reads who comes: lines with weights, names alone, or one name.
func (r *reader) shoppers(n node) []ShopperLine {
	var lines []ShopperLine
	members := r.ordered("shoppers", n)
	for _, at := range members.paths {
		member := members.byPath[at]
		if member.kind == scalar {
			lines = append(lines, ShopperLine{Shopper: r.word(at, "shopper", member, shopperNames())})
			continue
		}
		definition, values := r.defined(at, member, "shopper", shopperNames(), shopperFields())
		line := ShopperLine{Shopper: definition.Name, Settings: r.settings(at, definition, values, true)}
		if n, given := values["weight"]; given {
			line.Weight = r.positive(at+".weight", n, false, "a weight is a whole number from 1; leave the line out for none")
		}
		if n, given := values["methods"]; given {
			line.Methods = r.methods(at+".methods", n)
		}
		lines = append(lines, line)
	}
	return lines
}

// faults reads fault lines, or the members of one.
func (r *reader) faults(path string, n node, own []field) []FaultLine {
	var lines []FaultLine
	members := r.ordered(path, n)
	for _, at := range members.paths {
		lines = append(lines, r.fault(at, members.byPath[at], own))
	}
	return lines
}

// fault reads one line: a fault with its place, or several together, and for
// which trials.
func (r *reader) fault(path string, n node, own []field) FaultLine {
	var line FaultLine
	var values map[string]node
	if isGroup := slices.ContainsFunc(n.keys, func(e entry) bool { return e.key == "together" }); isGroup {
		values = r.fields(path, n, keysOf(shareFields()))
		line.Together = r.faults(path+".together", values["together"], placeFields())
		if len(line.Together) < 2 {
			r.add(path+".together", "together are at least two faults")
		}
	} else {
		line, values = r.placed(path, n, own, true)
	}
	if n, given := values["share"]; given {
		line.Share = r.percent(path+".share", n)
	}
	if n, given := values["trials"]; given {
		line.Trials = r.positive(path+".trials", n, false, "a fault is for at least one trial; leave the line out for none")
		if line.Share > 0 {
			r.add(path+".trials", "a fault is for a share of the trials or for a number of them, not both")
		}
	}
	if n, given := values["with"]; given {
		line.With = r.filter(path+".with", n)
	}
	return line
}

// placed reads a fault with its place and settings.
func (r *reader) placed(path string, n node, own []field, turns bool) (FaultLine, map[string]node) {
	definition, values := r.defined(path, n, "fault", faultNames(), own)
	line := FaultLine{Fault: definition.Name, Settings: r.settings(path, definition, values, turns)}
	if n, given := values["at"]; given {
		line.At = r.address(path+".at", n)
	}
	if n, given := values["payment"]; given {
		line.Payment = r.payment(path+".payment", n)
	}
	if n, given := values["lie"]; given {
		line.Lie = r.flag(path+".lie", n)
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
			r.addf(under(path, other), "%s is pinned with %s:, not with %s:; for example %s", definition.Name, wanted, other, definition.Example)
		} else if _, given := values[wanted]; !given {
			r.addf(path, "%s: is missing; for example %s", wanted, definition.Example)
		}
	}
	return line, values
}

// filter reads which trials a line is narrowed down to.
func (r *reader) filter(path string, n node) Filter {
	var filter Filter
	values := r.fields(path, n, keysOf(filterFields()))
	if n, given := values["shopper"]; given {
		filter.Shopper = r.word(path+".shopper", "shopper", n, shopperNames())
	}
	if n, given := values["method"]; given {
		filter.Method = payment.Method(r.word(path+".method", "method", n, r.systems.methodNames()))
	}
	if n, given := values["provider"]; given {
		filter.Provider = payment.ProviderName(r.word(path+".provider", "provider", n, r.systems.providerNames()))
	}
	return filter
}
