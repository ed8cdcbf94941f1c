package faults_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// example reads a catalogue entry's example, a line of a scenario file: the
// place where it is pinned, and its settings as JSON.
func example(t *testing.T, definition faults.Definition) (place map[string]string, settings json.RawMessage) {
	t.Helper()
	var line map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(definition.Example), &line), definition.Example)
	place = map[string]string{}
	for _, word := range []string{"fault", "shopper", "at", "payment"} {
		if text, said := line[word].(string); said {
			place[word] = text
			delete(line, word)
		}
	}
	delete(line, "lie") // that it is one the scenario must say
	settings, err := json.Marshal(line)
	require.NoError(t, err)
	return place, settings
}

// each runs a test for every entry of the catalogue.
func each(t *testing.T, test func(*testing.T, faults.Definition)) {
	for _, definition := range faults.Catalogue() {
		t.Run(definition.Name, func(t *testing.T) { test(t, definition) })
	}
}

// TestCatalogue_Examples: the example in the help is a line that works: it
// names the fault, its place is of the fault's kind and allowed, and its
// settings are read.
func TestCatalogue_Examples(t *testing.T) {
	each(t, func(t *testing.T, definition faults.Definition) {
		place, settings := example(t, definition)
		fault, err := faults.Decode(definition.Name, settings)
		require.NoError(t, err)
		require.IsType(t, definition.New(), fault)
		switch definition.Kind {
		case faults.OnMessage, faults.OnProcess:
			require.Equal(t, definition.Name, place["fault"])
			at, err := faults.ParseAddress(place["at"])
			require.NoError(t, err)
			require.True(t, len(definition.Legs) == 0 || slices.Contains(definition.Legs, at.Leg), place["at"])
			require.True(t, len(definition.Operations) == 0 || slices.Contains(definition.Operations, at.Operation), place["at"])
		case faults.OnPayment:
			require.Equal(t, map[string]string{"fault": definition.Name, "payment": "provider"}, place)
		case faults.AsJourney:
			require.Equal(t, map[string]string{"shopper": definition.Name}, place)
		default:
			t.Fatalf("kind %q", definition.Kind)
		}
		encoded, err := faults.Encode(fault)
		require.NoError(t, err)
		again, err := faults.Decode(definition.Name, encoded)
		require.NoError(t, err)
		require.Equal(t, fault, again, "settings survive being written and read")
	})
}

// TestCatalogue_Defaults: every fault can be used without settings, and its
// zero value is what Decode makes of none.
func TestCatalogue_Defaults(t *testing.T) {
	each(t, func(t *testing.T, definition faults.Definition) {
		require.NoError(t, definition.New().Check())
		for _, none := range []json.RawMessage{nil, json.RawMessage(`{}`)} {
			fault, err := faults.Decode(definition.Name, none)
			require.NoError(t, err)
			require.Equal(t, definition.New(), fault)
		}
		encoded, err := faults.Encode(definition.New())
		require.NoError(t, err)
		require.Nil(t, encoded, "no settings are written for none")
	})
}

// TestCatalogue_UnknownSettings: a misspelt setting is refused, not ignored.
func TestCatalogue_UnknownSettings(t *testing.T) {
	each(t, func(t *testing.T, definition faults.Definition) {
		_, err := faults.Decode(definition.Name, json.RawMessage(`{"dealy": "5ms"}`))
		require.ErrorContains(t, err, "settings of "+definition.Name)
		require.ErrorContains(t, err, "dealy")
		_, err = faults.Decode(definition.Name, json.RawMessage(`[]`))
		require.Error(t, err)
	})
	_, err := faults.Decode("gremlins", nil)
	require.ErrorIs(t, err, faults.ErrUnknownFault)
	_, found := faults.Lookup("gremlins")
	require.False(t, found)
}

// TestCatalogue_IsOneKind: each fault is exactly one of a message fault, a
// behaviour, a process fault and a shopper, and the one its entry says.
func TestCatalogue_IsOneKind(t *testing.T) {
	each(t, func(t *testing.T, definition faults.Definition) {
		fault := definition.New()
		var kinds []faults.Kind
		if _, is := fault.(faults.MessageFault); is {
			kinds = append(kinds, faults.OnMessage)
		}
		if _, is := fault.(faults.Behaviour); is {
			kinds = append(kinds, faults.OnPayment)
		}
		if _, is := fault.(faults.ProcessFault); is {
			kinds = append(kinds, faults.OnProcess)
		}
		if _, is := fault.(faults.Shopper); is {
			kinds = append(kinds, faults.AsJourney)
		}
		require.Equal(t, []faults.Kind{definition.Kind}, kinds)
	})
}

// TestCatalogue_Words: every entry can be read in the help: a sentence of what
// the merchant goes through, and a meaning for each setting, which exists.
func TestCatalogue_Words(t *testing.T) {
	names := map[string]bool{}
	each(t, func(t *testing.T, definition faults.Definition) {
		require.False(t, names[definition.Name])
		names[definition.Name] = true
		require.Regexp(t, `^[a-z]+(-[a-z]+)*$`, definition.Name)
		require.Regexp(t, `^[A-Z].*\.$`, definition.Experience)
		require.Contains(t, []faults.Class{faults.Legal, faults.Lie, faults.Forged}, definition.Class)
		for _, setting := range definition.Settings {
			require.NotEmpty(t, setting.Meaning, setting.Name)
			require.Equal(t, setting.Type == faults.WordSetting, len(setting.Words) > 0, setting.Name)
			for _, value := range someOf(setting) {
				_, err := faults.Decode(definition.Name, mustJSON(t, map[string]any{setting.Name: value}))
				require.NoError(t, err, "%s: %v", setting.Name, value)
			}
		}
	})
	require.Equal(t, "noop", faults.Catalogue()[0].Name, "noop comes first")
}

// someOf are values that a setting must take.
func someOf(setting faults.Setting) []any {
	switch setting.Type {
	case faults.DurationSetting:
		return []any{"250ms"}
	case faults.CountSetting:
		if setting.Name == "status" {
			return []any{503}
		}
		return []any{2}
	case faults.FlagSetting:
		return []any{true}
	case faults.AddressSetting:
		return []any{"merchant->wechatpay query#2 answer"}
	case faults.LinkSetting:
		return []any{"merchant->database"}
	case faults.WordSetting:
		values := make([]any, 0, len(setting.Words))
		for _, word := range setting.Words {
			values = append(values, word)
		}
		return values
	default:
		return []any{"ANY_WORD"}
	}
}

func mustJSON(t *testing.T, value any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}

// TestCatalogue_Nonsense: settings that make no sense are refused in words.
func TestCatalogue_Nonsense(t *testing.T) {
	for _, c := range []struct{ fault, settings, want string }{
		{"latency", `{"distribution":"weird"}`, `distribution "weird" is none of`},
		{"latency", `{"delay":"-5ms"}`, "is negative"},
		{"latency", `{"delay":"5"}`, "want a number with a unit"},
		{"latency", `{"delay":5}`, "settings of latency"},
		{"lost-request", `{"how":"empty-body"}`, "is none of reset, black-hole, close"},
		{"lost-answer", `{"how":"eaten"}`, "is none of"},
		{"reset", `{"after":-1}`, "cannot be negative"},
		{"error-status", `{"status":200}`, "400 to 599"},
		{"duplicate", `{"copies":21}`, "from 1 to 20"},
		{"duplicate", `{"atOnce":true,"spacing":"5ms"}`, "give one of the two"},
		{"hold", `{"until":"nowhere"}`, "want \"caller->callee"},
		{"hold", `{"until":"a->b query","delay":"5ms"}`, "not both"},
		{"barrier", `{"collect":1}`, "from 2 to 20"},
		{"amount", `{"how":"halved"}`, "no change of an amount"},
		{"amount", `{"signature":"blessed"}`, "is none of re-signed"},
		{"signature", `{"how":"re-signed"}`, "no way to spoil"},
		{"forged-notification", `{"how":"nicely"}`, "no way to spoil"},
		{"notify-many", `{"copies":-1}`, "from 1 to 20"},
		{"query-lag", `{"queries":99}`, "from 1 to 20"},
		{"decline", `{"times":21}`, "from 1 to 20"},
		{"merchant-crash", `{"when":"never"}`, "is none of before"},
		{"double-click", `{"on":"refund"}`, "neither place nor start"},
		{"pay-then-refund", `{"refund":"double"}`, "is none of full"},
	} {
		_, err := faults.Decode(c.fault, json.RawMessage(c.settings))
		require.ErrorContains(t, err, c.want, "%s %s", c.fault, c.settings)
	}
	_, err := faults.Pin{ID: "t1.1", Fault: "gremlins"}.Decode()
	require.ErrorContains(t, err, "pin t1.1: ")
	require.ErrorIs(t, err, faults.ErrUnknownFault)
}

// TestCatalogue_ActsTheSame: what a fault changes when it bites or bends
// is the same each time, and noop changes nothing.
func TestCatalogue_ActsTheSame(t *testing.T) {
	each(t, func(t *testing.T, definition faults.Definition) {
		switch fault := definition.New().(type) {
		case faults.MessageFault:
			var first, second faults.Effect
			fault.Bite(&first)
			fault.Bite(&second)
			require.Equal(t, first, second)
			require.Equal(t, definition.Name == "noop", first == faults.Effect{}, "only noop does nothing")
		case faults.Behaviour:
			var first, second faults.Conduct
			fault.Bend(&first)
			fault.Bend(&second)
			require.Equal(t, first, second)
			require.NotEqual(t, faults.Conduct{}, first)
		case faults.ProcessFault:
			require.NotEmpty(t, fault.Interrupt().Manner)
			require.NotEmpty(t, fault.Interrupt().Moment)
		case faults.Shopper:
			for _, method := range []payment.Method{payment.MethodCode, payment.MethodBarcode} {
				var journey faults.Journey
				fault.Walk(&journey, method)
				require.Equal(t, faults.StepPlace, journey.Steps[0].Do, "every journey begins with an order")
			}
		}
	})
}

// TestLatency_Draw: chance is over when the plan is made. The same seed draws
// the same fault, and what was drawn leaves nothing to draw.
func TestLatency_Draw(t *testing.T) {
	each(t, func(t *testing.T, definition faults.Definition) {
		drawer, draws := definition.New().(faults.Drawer)
		require.Equal(t, definition.Name == "latency", draws, "latency alone has something to draw")
		if draws {
			fixed := drawer.Draw(rand.New(rand.NewPCG(1, 2))).(*faults.Latency)
			require.Equal(t, &faults.Latency{Delay: faults.Duration(200 * time.Millisecond), Distribution: faults.Fixed}, fixed)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		latency := &faults.Latency{
			Delay:        faults.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "delay")),
			Jitter:       faults.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "jitter")),
			Distribution: rapid.SampledFrom([]faults.Distribution{"", faults.Fixed, faults.Uniform, faults.Normal, faults.LogNormal}).Draw(t, "distribution")}
		seed := rapid.Uint64().Draw(t, "seed")
		drawn := latency.Draw(rand.New(rand.NewPCG(seed, 0))).(*faults.Latency)
		require.Equal(t, drawn, latency.Draw(rand.New(rand.NewPCG(seed, 0))))
		require.NoError(t, drawn.Check())
		require.Equal(t, faults.Fixed, drawn.Distribution)
		require.Zero(t, drawn.Jitter)
		require.GreaterOrEqual(t, drawn.Delay.Std(), time.Millisecond, "what was drawn is never the default")
		require.Equal(t, drawn, drawn.Draw(rand.New(rand.NewPCG(seed+1, 0))), "nothing is left to draw")
	})
}

// TestErrorStatus_Leg: after the callee acted, only what leaves the outcome
// unknown may be said.
func TestErrorStatus_Leg(t *testing.T) {
	for _, c := range []struct {
		fault faults.ErrorStatus
		leg   faults.Leg
		legal bool
	}{
		{faults.ErrorStatus{}, faults.AnswerLeg, true},
		{faults.ErrorStatus{Status: 502, Code: "BANK_ERROR"}, faults.AnswerLeg, true},
		{faults.ErrorStatus{Status: 400}, faults.AnswerLeg, false},
		{faults.ErrorStatus{Status: 500, Code: "ORDER_CLOSED"}, faults.AnswerLeg, false},
		{faults.ErrorStatus{Status: 400, Code: "ORDER_CLOSED"}, faults.RequestLeg, true},
	} {
		require.Equal(t, c.legal, c.fault.CheckLeg(c.leg, []string{"SYSTEM_ERROR", "BANK_ERROR"}) == nil, "%+v on the %s", c.fault, c.leg)
	}
}

// TestAmount_Class: a changed amount is legal where the provider then really
// captures it, a lie anywhere else, and a forgery without a good signature.
func TestAmount_Class(t *testing.T) {
	require.Equal(t, faults.Legal, (&faults.Amount{}).ClassOn(faults.Create, faults.RequestLeg))
	require.Equal(t, faults.Lie, (&faults.Amount{}).ClassOn(faults.Create, faults.AnswerLeg))
	require.Equal(t, faults.Lie, (&faults.Amount{}).ClassOn(faults.NotifyPayment, faults.RequestLeg))
	require.Equal(t, faults.Forged, (&faults.Amount{Signature: "stripped"}).ClassOn(faults.Create, faults.RequestLeg))
	require.Equal(t, faults.Forged, (&faults.Amount{Signature: "left-broken"}).ClassOn(faults.NotifyPayment, faults.RequestLeg))
}

// TestMerchantCrash_Moments: before the message, after it, or after an
// acknowledgement that must then be kept.
func TestMerchantCrash_Moments(t *testing.T) {
	for when, want := range map[faults.CrashPoint]faults.Interruption{
		"":                        {Role: "merchant", Manner: faults.Killed, Moment: faults.BeforeMessage},
		faults.CrashAfter:         {Role: "merchant", Manner: faults.Killed, Moment: faults.AfterMessage},
		faults.AfterAcknowledging: {Role: "merchant", Manner: faults.Killed, Moment: faults.AfterMessage, KeepBack: true},
	} {
		require.Equal(t, want, (&faults.MerchantCrash{When: when}).Interrupt())
	}
}

// TestPayThenRefund_Shapes: how much goes back never exceeds what was paid.
func TestPayThenRefund_Shapes(t *testing.T) {
	definition, _ := faults.Lookup("pay-then-refund")
	for _, shape := range definition.Settings[0].Words {
		var journey faults.Journey
		(&faults.PayThenRefund{Refund: faults.RefundShape(shape)}).Walk(&journey, payment.MethodCode)
		sum, keys := 0, []int(nil)
		for _, step := range journey.Steps {
			if step.Do == faults.StepRefund {
				sum += step.Percent
				require.NotContains(t, keys, step.Key, "each request has an id of its own")
				keys = append(keys, step.Key)
			}
		}
		require.Positive(t, sum, shape)
		require.LessOrEqual(t, sum, 100, shape)
	}
}

// TestAddress_RoundTrip: what String writes, ParseAddress reads, without the
// trial.
func TestAddress_RoundTrip(t *testing.T) {
	role := rapid.StringMatching(`[a-z][a-z0-9-]{0,9}[a-z]`)
	rapid.Check(t, func(t *rapid.T) {
		address := faults.Address{Link: faults.LinkBetween(role.Draw(t, "from"), role.Draw(t, "to")),
			Operation: faults.Operation(role.Draw(t, "operation")), Nth: rapid.IntRange(0, 1000).Draw(t, "nth"),
			Leg: rapid.SampledFrom([]faults.Leg{faults.RequestLeg, faults.AnswerLeg}).Draw(t, "leg")}
		parsed, err := faults.ParseAddress(address.String())
		require.NoError(t, err)
		require.Equal(t, address, parsed)
		require.Equal(t, address.Link, faults.LinkBetween(address.Link.From(), address.Link.To()))
		address.Trial = "t7"
		require.True(t, strings.HasPrefix(address.String(), "t7 "))
	})
}

// TestParseAddress: what may be left out, and what is refused with the part
// that is wrong.
func TestParseAddress(t *testing.T) {
	for text, want := range map[string]faults.Address{
		"merchant->wechatpay create":          {Link: "merchant->wechatpay", Operation: faults.Create, Nth: 1, Leg: faults.RequestLeg},
		"merchant->wechatpay create answer":   {Link: "merchant->wechatpay", Operation: faults.Create, Nth: 1, Leg: faults.AnswerLeg},
		"a->b query#* answer":                 {Link: "a->b", Operation: faults.Query, Nth: 0, Leg: faults.AnswerLeg},
		"  a->b   notify-payment#12 request ": {Link: "a->b", Operation: faults.NotifyPayment, Nth: 12, Leg: faults.RequestLeg},
	} {
		got, err := faults.ParseAddress(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for text, want := range map[string]string{
		"":                                "want \"caller->callee operation#nth leg\"",
		"create":                          "want \"caller->callee operation#nth leg\"",
		"a->b query answer now":           "want \"caller->callee operation#nth leg\"",
		"ab query":                        `"ab" is no link`,
		"->b query":                       `"->b" is no link`,
		"a-> query":                       `"a->" is no link`,
		"a->b query#0":                    "#0 is no count from 1",
		"a->b query#-1":                   "#-1 is no count from 1",
		"a->b query#":                     "# is no count from 1",
		"a->b query#x":                    "#x is no count from 1",
		"a->b query#99999999999999999999": "is no count from 1",
		"a->b query sideways":             `the leg is request or answer, not "sideways"`,
	} {
		_, err := faults.ParseAddress(text)
		require.ErrorContains(t, err, want, text)
	}
}

// TestDuration reads and writes as text everywhere.
func TestDuration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := faults.Duration(rapid.Int64Range(0, 1<<62).Draw(t, "d"))
		text, err := d.MarshalText()
		require.NoError(t, err)
		var again faults.Duration
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, d, again)
	})
}

// TestBadSignatures_AreBad: signing again is no way to spoil a signature.
func TestBadSignatures_AreBad(t *testing.T) {
	require.False(t, slices.Contains(faults.BadSignatures(), faults.SignatureResigned))
}
