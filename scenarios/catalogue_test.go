package scenarios_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/scenarios"
)

const schemaFile = "scenario.schema.json"

// TestSchema_IsFresh: scenario.schema.json is what the tables say.
func TestSchema_IsFresh(t *testing.T) {
	text, err := scenarios.Schema(scenarios.DefaultSystems())
	require.NoError(t, err)
	golden(t, schemaFile, string(text))
}

// TestSchema_AcceptsAndRefuses holds the schema against all scenarios that
// parse, and those broken ones whose fault is one of shape or words.
func TestSchema_AcceptsAndRefuses(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(scenarios.SchemaID, document))
	schema, err := compiler.Compile(scenarios.SchemaID)
	require.NoError(t, err)
	validate := func(file string) error {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		asJSON, err := yaml.YAMLToJSON(text)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		require.NoError(t, err)
		return schema.Validate(value)
	}
	for _, name := range scenarios.List() {
		require.NoError(t, validate(filepath.Join("catalogue", name+".yaml")), name)
	}
	require.NoError(t, validate("testdata/export.golden"))
	for _, name := range []string{"words", "values", "trials", "wide", "list"} {
		require.Error(t, validate(filepath.Join("testdata/errors", name+".yaml")), name)
	}
}

func TestCatalogue_Names(t *testing.T) {
	want := []string{"across-wallets", "calm", "corrupted-amounts", "crashing-merchant", "duplicates", "failing-database", "forgeries", "late-and-out-of-order",
		"lies", "lost-answers", "mixed", "outages", "refund-storm", "restless-shoppers", "slow-provider", "suite", "unreadable-messages", "unusual-provider",
		"bugs/acknowledges-before-persisting", "bugs/acknowledges-what-failed", "bugs/amount-unchecked", "bugs/answer-of-another-order",
		"bugs/any-refund-is-full-refund", "bugs/certificate-for-ever", "bugs/changes-while-paying", "bugs/closes-without-asking", "bugs/currency-ignored", "bugs/dedupes-by-message-id",
		"bugs/fen-yuan-mixed-up", "bugs/float-yuan", "bugs/ignores-late-payment", "bugs/keeps-second-payment",
		"bugs/moves-backwards", "bugs/new-parameters-on-retry", "bugs/new-reference-while-undecided", "bugs/new-refund-number",
		"bugs/no-query-job", "bugs/notification-race", "bugs/notification-twice", "bugs/refund-accepted-is-done",
		"bugs/refunds-without-lock", "bugs/signature-of-reserialised-body", "bugs/signature-unchecked",
		"bugs/timeout-means-failed", "bugs/trusts-browser-return", "bugs/two-transactions", "bugs/unknown-order-dropped"}
	require.Equal(t, want, scenarios.List())
	for _, name := range scenarios.List() {
		s := load(t, name)
		require.Equal(t, s.Name, filepath.Base(name))
		require.NotEmpty(t, s.About)
		if strings.HasPrefix(name, "bugs/") {
			require.LessOrEqual(t, compile(t, s, 1).Count(), 10)
		}
	}
}

// TestCatalogue_LiesAreAllTold: what holds under lies holds under each that there is,
// wherever it can be told.
func TestCatalogue_LiesAreAllTold(t *testing.T) {
	told := map[string]bool{
		// Nothing of an amount is in these but in the request to create, which is no lie.
		"amount create": true,
		// A reversal needs a barcode payment that stays undecided.
		"field reverse": true,
	}
	for _, batch := range compile(t, load(t, "lies"), 1).Batches {
		for _, trial := range batch.Trials {
			for _, pin := range trial.Pins {
				if pin.At != nil {
					told[pin.Fault+" "+string(pin.At.Operation)] = true
				}
			}
		}
	}
	for _, definition := range faults.Catalogue() {
		classed, is := definition.New().(interface {
			ClassOn(faults.Operation, faults.Leg) faults.Class
		})
		if !is {
			continue
		}
		for _, operation := range definition.Operations {
			if classed.ClassOn(operation, faults.AnswerLeg) == faults.Lie || classed.ClassOn(operation, faults.RequestLeg) == faults.Lie {
				require.True(t, told[definition.Name+" "+string(operation)], "no lie by %s at %s", definition.Name, operation)
			}
		}
	}
}

// TestCatalogue_ExpectationsCanBeMet: what must have happened for a held to
// count must be possible whatever the seed: no more faults than are required
// to fire, and no more captures than shoppers who pay.
func TestCatalogue_ExpectationsCanBeMet(t *testing.T) {
	for _, name := range scenarios.List() {
		for seed := range uint64(3) {
			plan := compile(t, load(t, name), seed)
			required, paying, refunds, notified, trials := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
			for _, batch := range plan.Batches {
				for _, trial := range batch.Trials {
					trials[trial.Scenario]++
					for _, step := range trial.Journey.Steps {
						switch step.Do {
						case faults.StepPay:
							paying[trial.Scenario]++
							notified[trial.Scenario] += 3 // with copies
						case faults.StepStart:
							if step.Method == "barcode" {
								paying[trial.Scenario]++
							}
						case faults.StepRefund:
							refunds[trial.Scenario]++
						}
					}
					for _, pin := range trial.Pins {
						if pin.Fault == "late-success" {
							paying[trial.Scenario]++
						}
						if pin.Required {
							required[trial.Scenario+pin.Fault]++
						}
					}
				}
			}
			for _, part := range plan.Parts {
				for _, e := range part.Expect {
					most := map[scenarios.Happening]int{scenarios.Captures: paying[part.Scenario], scenarios.Refunds: refunds[part.Scenario] + paying[part.Scenario]/6,
						scenarios.Notifications: notified[part.Scenario], scenarios.Rests: trials[part.Scenario],
						scenarios.FaultFired: required[part.Scenario+e.Fault]}[e.What]
					require.LessOrEqual(t, e.AtLeast, most, "%s %v", name, e)
				}
			}
		}
	}
}

// TestFormat_TakesEveryExample: the line that help shows for a fault works.
func TestFormat_TakesEveryExample(t *testing.T) {
	everybody := "name: example\nload: {trials: 40, methods: [code, barcode]}\n" +
		"shoppers: [pay, abandon, scan-code, pay-then-refund, retry-same, many-at-once]\nfaults:\n  - "
	for _, definition := range faults.Catalogue() {
		text := everybody + definition.Example + "\n"
		if definition.Kind == faults.AsJourney {
			text = "name: example\nshoppers:\n  - " + definition.Example + "\n"
		}
		s, err := scenarios.Parse("example.yaml", []byte(text), scenarios.DefaultSystems())
		require.NoError(t, err, definition.Name)
		compile(t, s, 1)
	}
}

// TestFormat_SettingsCollideWithNoKey: a fault's settings stand beside the
// format's own keys.
func TestFormat_SettingsCollideWithNoKey(t *testing.T) {
	own := map[bool][]string{
		true:  {"shopper", "weight", "methods", "id", "provider", "method", "lines", "pins"},
		false: {"fault", "at", "payment", "lie", "within", "share", "trials", "with", "together", "id", "required"},
	}
	for _, definition := range faults.Catalogue() {
		for _, setting := range definition.Settings {
			require.NotContains(t, own[definition.Kind == faults.AsJourney], setting.Name, definition.Name)
		}
	}
}
