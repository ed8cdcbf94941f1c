package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/payquake/payquake/faults"
)

// SchemaID names the JSON Schema of scenario files.
const SchemaID = "https://payquake.dev/scenario.schema.json"

// schema is a part of a JSON Schema. Maps are written with sorted keys, so the
// same format gives the same bytes.
type schema = map[string]any

// Schema writes the JSON Schema (draft 7) of scenario files for the systems
// that exist. Editors complete and explain by it; scenario.schema.json holds
// it for the default systems. It is made from the tables that the reader goes
// by, and says less than Parse: it knows words and shapes, not whether a
// shopper ever comes by a place.
func Schema(systems Systems) ([]byte, error) {
	w := schemaWriter{systems}
	top := w.object(nil, topFields(), "name")
	top["$schema"] = "http://json-schema.org/draft-07/schema#"
	top["$id"] = SchemaID
	top["title"] = "payquake scenario"
	top["definitions"] = schema{
		"load": w.object(nil, loadFields()), "with": w.object(nil, filterFields()),
		"expectation": w.expectation(), "line": w.object(nil, lineFields(), "price"),
		"shopperLine": schema{"anyOf": append([]any{schema{"enum": shopperNames()}},
			w.each(faults.AsJourney, shopperFields(), true, "shopper")...)},
		"faultLine": schema{"anyOf": append(w.each("", slices.Concat(placeFields(), shareFields()[:3]), true, "fault"),
			w.object(nil, shareFields(), "together"))},
		"member": schema{"anyOf": w.each("", placeFields(), true, "fault")},
		"trial":  schema{"anyOf": w.each(faults.AsJourney, trialFields(), false, "shopper", "id", "lines")},
		"pin":    schema{"anyOf": w.each("", slices.Concat(pinFields(), placeFields()), false, "fault")},
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(top); err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return text.Bytes(), nil
}

type schemaWriter struct{ systems Systems }

// object describes a map with these keys, and more if they are given.
func (w schemaWriter) object(more schema, fields []field, required ...string) schema {
	properties := schema{}
	for key, value := range more {
		properties[key] = value
	}
	for _, f := range fields {
		if _, known := properties[f.key]; !known {
			properties[f.key] = w.described(w.typeOf(f), f.meaning)
		}
	}
	made := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		made["required"] = required
	}
	return made
}

// described adds what editors show beside a key.
func (schemaWriter) described(s schema, meaning string) schema {
	s["description"] = meaning
	return s
}

// each describes a map that names a catalogue entry and holds its settings,
// once for every entry of the kind ("" for all that are pinned).
func (w schemaWriter) each(kind faults.Kind, fields []field, turns bool, required ...string) []any {
	var all []any
	for _, d := range faults.Catalogue() {
		if (kind == "" && d.Kind == faults.AsJourney) || (kind != "" && d.Kind != kind) {
			continue
		}
		own, needs := fields, required
		more := schema{required[0]: schema{"const": d.Name, "description": d.Experience}}
		if kind == "" {
			place, other := "at", "payment"
			if d.Kind == faults.OnPayment {
				place, other = other, place
			}
			own = slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.key == other })
			needs = append(slices.Clone(required), place)
		}
		for _, s := range d.Settings {
			value := w.setting(s)
			if turns {
				value = schema{"anyOf": []any{value, schema{"type": "array", "minItems": 1, "items": value}}}
			}
			more[s.Name] = w.described(value, s.Meaning)
		}
		made := w.object(more, own, needs...)
		made["title"], made["examples"] = d.Name, []string{d.Example}
		all = append(all, made)
	}
	return all
}

// setting describes the values of a setting.
func (w schemaWriter) setting(s faults.Setting) schema {
	switch s.Type {
	case faults.DurationSetting:
		return w.typeOf(field{sort: durationField})
	case faults.CountSetting:
		return w.typeOf(field{sort: countField})
	case faults.FlagSetting:
		return w.typeOf(field{sort: flagField})
	case faults.WordSetting:
		return schema{"enum": s.Words}
	case faults.AddressSetting:
		return w.typeOf(field{sort: addressField})
	case faults.LinkSetting:
		return schema{"type": "string", "pattern": linkPattern}
	default:
		return w.typeOf(field{sort: textField})
	}
}

// typeOf describes the values of a key. Words are listed, so that editors
// complete them; addresses are both listed and described, since #2 is one too.
func (w schemaWriter) typeOf(f field) schema {
	if item, isMany := strings.CutPrefix(string(f.sort), string(many(""))); isMany {
		one := w.typeOf(field{sort: fieldType(item)})
		choices := []any{schema{"type": "array", "items": one}, one}
		if item == string(amountField) {
			choices = append(choices, schema{"const": "sweep"})
		}
		return schema{"anyOf": choices}
	}
	switch f.sort {
	case nameField:
		return schema{"type": "string", "pattern": namePattern, "maxLength": longestName}
	case countField:
		return schema{"type": "integer", "minimum": 0}
	case flagField:
		return schema{"type": "boolean"}
	case amountField:
		return schema{"anyOf": []any{schema{"type": "number", "exclusiveMinimum": 0}, schema{"type": "string", "pattern": amountPattern}}}
	case percentField:
		return schema{"type": "string", "pattern": percentPattern}
	case durationField:
		return schema{"anyOf": []any{schema{"type": "string", "pattern": timePattern}, schema{"const": 0}}}
	case addressField:
		return schema{"anyOf": []any{schema{"enum": w.addresses()}, schema{"type": "string", "pattern": addressPattern}}}
	case paymentField:
		return schema{"anyOf": []any{schema{"enum": append([]string{anyProvider}, w.systems.providerNames()...)}, schema{"type": "string", "pattern": paymentPattern}}}
	case faultField:
		return schema{"enum": faultNames()}
	case shopperField:
		return schema{"enum": shopperNames()}
	case providerField:
		return schema{"enum": w.systems.providerNames()}
	case methodField:
		return schema{"enum": w.systems.methodNames()}
	case mapField, listField:
		return w.nested(f.key)
	default:
		return schema{"type": []string{"string", "number", "boolean"}}
	}
}

// nested is the list or map that stands under a key.
func (schemaWriter) nested(key string) schema {
	ref := func(name string) schema { return schema{"$ref": "#/definitions/" + name} }
	items := map[string]string{"faults": "faultLine", "together": "member", "expect": "expectation",
		"trials": "trial", "lines": "line", "pins": "pin", "shoppers": "shopperLine"}
	switch name := items[key]; {
	case key == "load" || key == "with":
		return ref(key)
	case key == "shoppers":
		return schema{"anyOf": []any{schema{"type": "array", "items": ref(name)}, schema{"enum": shopperNames()}}}
	default:
		return schema{"type": "array", "items": ref(name)}
	}
}

// expectation is one happening with a number, or a fault that fired.
func (w schemaWriter) expectation() schema {
	var choices []any
	fields := expectFields()
	for _, f := range fields[:4] {
		choices = append(choices, w.object(nil, []field{f}, f.key))
	}
	return schema{"anyOf": append(choices, w.object(nil, fields[4:], string(FaultFired)))}
}

// addresses are all that can be typed for the first message of a kind, for
// completion.
func (w schemaWriter) addresses() []string {
	var all []string
	for _, link := range w.systems.normalised() {
		for _, operation := range link.Operations {
			for _, leg := range []faults.Leg{faults.RequestLeg, faults.AnswerLeg} {
				all = append(all, faults.Address{Link: link.Name, Operation: operation, Nth: 1, Leg: leg}.String())
			}
		}
	}
	return all
}
