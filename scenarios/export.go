package scenarios

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// ErrNotExported is wrapped with why a trial or batch cannot be written as a
// scenario file.
var ErrNotExported = errors.New("cannot be exported")

// schemaLine lets editors complete and explain the file.
const schemaLine = "# yaml-language-server: $schema=" + SchemaID + "\n"

// Export writes one trial of a plan as a scenario file that compiles to the
// same trial, byte for byte, whatever the seed. Of a trial of a batch that one
// of its trials disturbs, ExportBatch writes the company too.
func Export(plan Plan, trial faults.Trial, systems Systems) ([]byte, error) {
	found, _, known := plan.Find(trial)
	if !known {
		return nil, fmt.Errorf("trial %s %w: the plan has no such trial", trial, ErrNotExported)
	}
	head := fmt.Sprintf("Trial %s of %s with seed %d.", trial, plan.Scenario, plan.Seed)
	return proven(fileOf(found.Scenario, head, 0, []Trial{found}), []Trial{found}, systems)
}

// ExportBatch writes a whole batch as a scenario file that compiles to one
// batch of the same trials.
func ExportBatch(plan Plan, batch string, systems Systems) ([]byte, error) {
	for _, b := range plan.Batches {
		if b.ID != batch || len(b.Trials) == 0 {
			continue
		}
		if slices.ContainsFunc(b.Trials, func(t Trial) bool { return t.Scenario != b.Trials[0].Scenario }) {
			return nil, fmt.Errorf("batch %s %w: its trials are of several scenarios", batch, ErrNotExported)
		}
		head := fmt.Sprintf("Batch %s of %s with seed %d.", batch, plan.Scenario, plan.Seed)
		return proven(fileOf(b.Trials[0].Scenario, head, b.InFlight, b.Trials), b.Trials, systems)
	}
	return nil, fmt.Errorf("batch %s %w: the plan has no such batch", batch, ErrNotExported)
}

// proven returns the file once it has been read back as the same trials: an
// export that does not repeat what happened is worse than none.
func proven(file []byte, trials []Trial, systems Systems) ([]byte, error) {
	scenario, err := Parse("export", file, systems)
	if err != nil {
		return nil, fmt.Errorf("read the export back: %w", err)
	}
	plan, err := Compile(scenario, systems, 0)
	if err != nil {
		return nil, fmt.Errorf("compile the export: %w", err)
	}
	for _, wanted := range trials {
		got, _, _ := plan.Find(wanted.ID)
		was, err := json.Marshal(wanted)
		if err != nil {
			return nil, fmt.Errorf("export trial %s: %w", wanted.ID, err)
		}
		is, err := json.Marshal(got)
		if err != nil || !bytes.Equal(was, is) {
			return nil, fmt.Errorf("trial %s %w: it would become %s, and is %s", wanted.ID, ErrNotExported, is, was)
		}
	}
	return file, nil
}

// fileOf writes a scenario file of pinned trials. With a number in flight they
// stay in one batch.
func fileOf(name, about string, inFlight int, trials []Trial) []byte {
	var file strings.Builder
	file.WriteString(schemaLine)
	fmt.Fprintf(&file, "name: %s\nabout: %s\n", name, quoted(about))
	if inFlight > 0 {
		fmt.Fprintf(&file, "load: {inFlight: %d, oneBatch: true}\n", inFlight)
	}
	file.WriteString("trials:\n")
	for _, trial := range trials {
		writeTrial(&file, trial)
	}
	return []byte(file.String())
}

// writeTrial writes what Parse needs to make the trial again. Journey and total
// follow from the shopper and the lines; the proof would show if they did not.
func writeTrial(file *strings.Builder, t Trial) {
	fmt.Fprintf(file, "  - id: %s\n    shopper: %s\n", t.ID, t.Shopper)
	for _, setting := range settingsIn(t.Shopper, t.Settings) {
		fmt.Fprintf(file, "    %s\n", setting)
	}
	fmt.Fprintf(file, "    provider: %s\n    method: %s\n", t.Provider, t.Method)
	if t.Other != "" {
		fmt.Fprintf(file, "    other: %s\n", t.Other)
	}
	file.WriteString("    lines:\n")
	for _, line := range t.Lines {
		shop := ""
		if line.Shop != "" {
			shop = ", shop: " + quoted(line.Shop)
		}
		fmt.Fprintf(file, "      - {name: %s, quantity: %d, price: %s%s}\n", quoted(line.Name), line.Quantity, yuan(line.Price), shop)
	}
	if len(t.Pins) > 0 {
		file.WriteString("    pins:\n")
	}
	for _, pin := range t.Pins {
		fmt.Fprintf(file, "      - {%s}\n", strings.Join(pinKeys(pin), ", "))
	}
}

// yuan quotes an amount: editors that format YAML must not make 0.10 of it
// what they take for the same number.
func yuan(m payment.Money) string { return quoted(m.Decimal()) }

// pinKeys writes a pin with everything that it would otherwise be given.
func pinKeys(pin faults.Pin) []string {
	keys := []string{"id: " + pin.ID, "fault: " + pin.Fault}
	if pin.At != nil {
		at := *pin.At
		at.Trial = ""
		keys = append(keys, "at: "+quoted(at.String()))
	}
	if pin.Payment != nil {
		place := pin.Payment.Provider
		if pin.Payment.Nth > 0 {
			place = fmt.Sprintf("%s#%d", place, pin.Payment.Nth)
		}
		keys = append(keys, "payment: "+quoted(place))
	}
	keys = append(keys, settingsIn(pin.Fault, pin.Settings)...)
	if isLie(pin) {
		keys = append(keys, "lie: true")
	}
	if pin.Limit.Std() != faults.DefaultLimit {
		keys = append(keys, "within: "+pin.Limit.String())
	}
	return append(keys, fmt.Sprintf("required: %t", pin.Required))
}

// isLie reports whether a pin had to be asked for as a lie.
func isLie(pin faults.Pin) bool {
	fault, err := pin.Decode()
	classed, is := fault.(classified)
	return err == nil && is && pin.At != nil && classed.ClassOn(pin.At.Operation, pin.At.Leg) == faults.Lie
}

// settingsIn writes settings as keys, in the order of their definition.
func settingsIn(name string, settings json.RawMessage) []string {
	definition, _ := faults.Lookup(name)
	values := map[string]json.RawMessage{}
	if len(settings) > 0 {
		_ = json.Unmarshal(settings, &values) // what this lost, the proof would miss
	}
	var keys []string
	for _, s := range definition.Settings {
		value, given := values[s.Name]
		if !given {
			continue
		}
		var text string
		written := string(value)
		if json.Unmarshal(value, &text) == nil {
			written = text // of a word or a duration
			if s.Type == faults.TextSetting || s.Type == faults.AddressSetting || s.Type == faults.LinkSetting {
				written = quoted(text)
			}
		}
		keys = append(keys, s.Name+": "+written)
	}
	return keys
}

// quoted writes a text as a JSON string, which YAML reads as the same text.
func quoted(text string) string {
	var made bytes.Buffer
	encoder := json.NewEncoder(&made)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return `""` // a string always encodes
	}
	return strings.TrimSpace(made.String())
}
