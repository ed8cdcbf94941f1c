package scenarios

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
)

// expect reads what must have happened. One line says one thing.
func (r *reader) expect(n document.Node) []Expectation {
	var all []Expectation
	members := r.Ordered("expect", n)
	for _, at := range members.Paths {
		values := r.Fields(at, members.ByPath[at], keysOf(expectFields()))
		expectation := Expectation{AtLeast: 1}
		for _, happening := range []Happening{Captures, Refunds, Notifications, Rests} {
			if n, given := values[string(happening)]; given {
				expectation.What, expectation.AtLeast = happening, r.Count(document.Under(at, string(happening)), n)
			}
		}
		if n, given := values[string(FaultFired)]; given {
			expectation.What = FaultFired
			expectation.Fault = r.Word(document.Under(at, "fired"), "fault", n, faultNames())
			if n, given := values["atLeast"]; given {
				expectation.AtLeast = r.Count(document.Under(at, "atLeast"), n)
			}
		}
		wanted := 1
		if expectation.Fault != "" && values["atLeast"].Kind != document.Nothing {
			wanted = 2
		}
		if values != nil && len(values) != wanted {
			r.Addf(at, "an expectation is one of captures, refunds, notifications and rests with a number, or fired: with a fault and perhaps atLeast:")
		}
		all = append(all, expectation)
	}
	return all
}

// trials reads the trials that leave nothing to chance.
func (r *reader) trials(scenario string, n document.Node) []Trial {
	var all []Trial
	members := r.Ordered("trials", n)
	for _, at := range members.Paths {
		all = append(all, r.trial(at, scenario, members.ByPath[at]))
	}
	return all
}

// trial reads a pinned trial, and lets its shopper write the journey.
func (r *reader) trial(path, scenario string, n document.Node) Trial {
	definition, values := r.defined(path, n, "shopper", shopperNames(), trialFields())
	trial := Trial{Scenario: scenario, Shopper: definition.Name, Provider: "", Method: payment.MethodCode}
	if settings := r.settings(path, definition, values, false); len(settings) > 0 {
		trial.Settings = settings[0]
	}
	if n, given := values["id"]; given {
		trial.ID = faults.Trial(r.name(path+".id", n))
	} else if values != nil {
		r.Add(path, "the trial has no id:")
	}
	if n, given := values["provider"]; given {
		trial.Provider = payment.ProviderName(r.Text(path+".provider", n))
	} else if len(r.systems.Providers) > 0 {
		trial.Provider = r.systems.Providers[0].Name
	}
	if n, given := values["other"]; given {
		trial.Other = payment.ProviderName(r.Text(path+".other", n))
	}
	if n, given := values["method"]; given {
		trial.Method = payment.Method(r.Text(path+".method", n))
	}
	if n, given := values["lines"]; given {
		trial.Lines, trial.Total = r.lines(path+".lines", n)
	} else if values != nil {
		r.Add(path, "the trial has no lines: what is bought?")
	}
	if definition.Name != "" {
		walked, err := walk(trial)
		if err != nil {
			r.Add(path, document.Clip(err.Error()))
		}
		trial = walked
	}
	if n, given := values["pins"]; given {
		r.pins(path+".pins", &trial, n)
	}
	return trial
}

// lines reads what is bought. The total is not in the file: it could contradict
// its lines.
func (r *reader) lines(path string, n document.Node) (lines []Line, total payment.Money) {
	members := r.Ordered(path, n)
	for _, at := range members.Paths {
		values := r.Fields(at, members.ByPath[at], keysOf(lineFields()))
		line := Line{Name: "goods", Quantity: 1}
		if n, given := values["name"]; given {
			line.Name = r.Text(at+".name", n)
		}
		if n, given := values["shop"]; given {
			line.Shop = r.Text(at+".shop", n)
		}
		if n, given := values["quantity"]; given {
			line.Quantity = int64(r.Count(at+".quantity", n))
		}
		if n, given := values["price"]; given {
			line.Price = r.money(at+".price", n)
		} else if values != nil {
			r.Add(at, "the line has no price:")
		}
		if line.Quantity < 1 || line.Quantity > maxQuantity {
			r.Addf(at, "a quantity is from 1 to %d", maxQuantity)
			line.Quantity = 1
		}
		lines = append(lines, line)
		total, _ = total.Add(payment.Money{Minor: line.Quantity * line.Price.Minor, Currency: line.Price.Currency})
	}
	if total.Minor > maxTotal {
		r.Addf(path, "the total is beyond %s", payment.Fen(maxTotal).Decimal())
	}
	return lines, total
}

// pins reads the pins of a trial. Whether one is required is worked out if the
// file does not say so.
func (r *reader) pins(path string, trial *Trial, n document.Node) {
	members := r.Ordered(path, n)
	said := map[int]bool{}
	for i, at := range members.Paths {
		line, values := r.placed(at, members.ByPath[at], slices.Concat(pinFields(), placeFields()), false)
		pin := pinOf(line.resolved(trial.Provider), turn(line.Settings, 0), *trial)
		pin.ID = pinID(trial.ID, i)
		if n, given := values["id"]; given {
			pin.ID = r.Text(at+".id", n)
			if !strings.HasPrefix(pin.ID, string(trial.ID)+".") {
				r.Addf(at+".id", "a pin's id is that of its trial with a dot and more, such as %s", pinID(trial.ID, i))
			}
		}
		if n, given := values["required"]; given {
			pin.Required, said[i] = r.Flag(at+".required", n), true
		}
		if !placedRight(line) {
			said = map[int]bool{} // what is missing was told; what is left is only checked
			continue
		}
		checkPlace(&r.Notes, at, r.systems, line.resolved(trial.Provider))
		trial.Pins = append(trial.Pins, pin)
	}
	worked := decide(*trial, false, r.systems)
	for i := range trial.Pins {
		if !said[i] {
			trial.Pins[i].Required = worked.Pins[i].Required
		}
	}
}

// placedRight reports whether a fault has the sort of place that it needs.
func placedRight(line FaultLine) bool {
	definition, known := faults.Lookup(line.Fault)
	switch {
	case !known || definition.Kind == faults.AsJourney:
		return false
	case definition.Kind == faults.OnPayment:
		return line.Payment != nil && line.At == nil
	default:
		return line.At != nil && line.Payment == nil
	}
}

// pinID is the usual name of the nth pin of a trial.
func pinID(trial faults.Trial, n int) string { return fmt.Sprintf("%s.%d", trial, n+1) }

// pinOf makes the pin of a fault line for a trial, not yet named.
func pinOf(line FaultLine, settings json.RawMessage, trial Trial) faults.Pin {
	pin := faults.Pin{Fault: line.Fault, Settings: settingsFor(line.Fault, settings, trial.Provider), Trial: trial.ID, Limit: line.Within}
	if pin.Limit == 0 {
		pin.Limit = faults.Duration(faults.DefaultLimit)
	}
	if line.At != nil {
		at := *line.At
		at.Trial = trial.ID
		pin.At = &at
	}
	if line.Payment != nil {
		place := *line.Payment
		pin.Payment = &place
	}
	return pin
}

// settingsFor are a fault's settings, with the trial's own provider in the
// place of any where they name an address.
func settingsFor(name string, settings json.RawMessage, provider payment.ProviderName) json.RawMessage {
	fault, err := faults.Decode(name, settings)
	held, holds := fault.(*faults.HoldBack)
	if err != nil || !holds || untilOf(held.Until, provider) == held.Until {
		return settings
	}
	held.Until = untilOf(held.Until, provider)
	if encoded, err := faults.Encode(held); err == nil {
		return encoded
	}
	return settings
}

// walk completes a trial with what its shopper does.
func walk(trial Trial) (Trial, error) {
	fault, err := faults.Decode(trial.Shopper, trial.Settings)
	if err != nil {
		return trial, fmt.Errorf("shopper of trial %s: %w", trial.ID, err)
	}
	shopper, is := fault.(faults.Shopper)
	if !is {
		return trial, fmt.Errorf("shopper of trial %s: %s is no shopper", trial.ID, trial.Shopper)
	}
	trial.Journey = faults.Journey{}
	shopper.Walk(&trial.Journey, trial.Method)
	for _, step := range trial.Journey.Steps {
		if step.Do == faults.StepStart && !step.Elsewhere {
			trial.Method = step.Method // some pay by one method, whatever is asked
		}
	}
	return trial, nil
}
