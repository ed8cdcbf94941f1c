package scenarios_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

func parsed(t *testing.T, text string) scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Parse("test.yaml", []byte(text), scenarios.DefaultSystems())
	require.NoError(t, err)
	return s
}

func trialsOf(plan scenarios.Plan) []scenarios.Trial {
	var trials []scenarios.Trial
	for _, batch := range plan.Batches {
		trials = append(trials, batch.Trials...)
	}
	return trials
}

// TestProvider_StandsForEachTrialsOwn: one line means the same with every
// provider, in its address, its payment, and the addresses of its settings.
func TestProvider_StandsForEachTrialsOwn(t *testing.T) {
	s := parsed(t, `
name: any
load: {trials: 9, methods: [code]}
faults:
  - together:
      - {fault: hold, at: provider->merchant notify-payment#1 request, delay: 300ms}
      - {fault: hold, at: merchant->provider query#1 answer, until: provider->merchant notify-payment#1 answer}
      - {fault: notify-many, payment: provider#1}
`)
	seen := map[payment.ProviderName]int{}
	for _, trial := range trialsOf(compile(t, s, 1)) {
		seen[trial.Provider]++
		require.Len(t, trial.Pins, 3)
		require.Equal(t, faults.LinkBetween(string(trial.Provider), "merchant"), trial.Pins[0].At.Link)
		require.Equal(t, faults.LinkBetween("merchant", string(trial.Provider)), trial.Pins[1].At.Link)
		held, err := trial.Pins[1].Decode()
		require.NoError(t, err)
		require.Equal(t, string(trial.Provider)+"->merchant notify-payment#1 answer", held.(*faults.HoldBack).Until)
		require.Equal(t, faults.PaymentPlace{Provider: string(trial.Provider), Nth: 1}, *trial.Pins[2].Payment)
	}
	require.Equal(t, map[payment.ProviderName]int{"wechatpay": 3, "alipay": 3, "unionpay": 3}, seen)
}

// TestProvider_OnlyWhereItIsLegal: what a provider cannot do, and settings that
// are not legal with it, pass its trials over; where it is legal with none the
// line is refused.
func TestProvider_OnlyWhereItIsLegal(t *testing.T) {
	systems := scenarios.DefaultSystems()
	counts := func(text string) map[payment.ProviderName]map[string]int {
		seen := map[payment.ProviderName]map[string]int{}
		for _, trial := range trialsOf(compile(t, parsed(t, text), 3)) {
			if seen[trial.Provider] == nil {
				seen[trial.Provider] = map[string]int{}
			}
			for _, pin := range trial.Pins {
				seen[trial.Provider][string(pin.Settings)]++
			}
		}
		return seen
	}
	closes := counts("name: a\nload: {trials: 9}\nshoppers: [abandon]\nfaults:\n  - {fault: lost-answer, at: merchant->provider close answer}\n")
	require.Empty(t, closes["unionpay"], "UnionPay has no close")
	require.NotEmpty(t, closes["alipay"])
	signed := counts("name: a\nload: {trials: 18, methods: [code]}\nfaults:\n  - {fault: signature, at: provider->merchant notify-payment request, how: [probe, broken]}\n")
	require.Equal(t, map[string]int{`{"how":"probe"}`: 3, `{"how":"broken"}`: 3}, signed["wechatpay"])
	require.Equal(t, map[string]int{`{"how":"broken"}`: 6}, signed["alipay"], "only WeChat Pay sends probes")

	for text, told := range map[string]string{
		"{fault: error-status, at: merchant->provider refund answer, code: ORDER_CLOSED}": "leaves the outcome open",
		"{fault: error-status, at: merchant->alipay refund answer, code: SYSTEM_ERROR}":   "20000, ACQ.SYSTEM_ERROR",
		"{fault: lost-answer, at: merchant->unionpay close answer}":                       "unknown operation of merchant->unionpay",
		"{fault: forged-notification, at: merchant->alipay create answer, how: probe}":    "alipay cannot sign by probe",
		"{fault: cross-wired, at: merchant->provider query request, lie: true}":           "what a provider says",
		"{fault: late-success, payment: wechat}":                                          "there are provider, wechatpay",
	} {
		_, err := scenarios.Parse("test.yaml", []byte("name: a\nshoppers: [abandon, pay-then-refund]\nfaults:\n  - "+text+"\n"), systems)
		require.ErrorContains(t, err, told, text)
	}
}

// TestThrough_LeavesWhatIsPossible: every scenario of the catalogue can be run
// through each provider alone, and then has no trial of another one.
func TestThrough_LeavesWhatIsPossible(t *testing.T) {
	systems := scenarios.DefaultSystems()
	for _, through := range [][]payment.ProviderName{{"wechatpay"}, {"alipay"}, {"unionpay"}, {"wechatpay", "alipay"},
		{"alipay", "unionpay"}, {"unionpay", "wechatpay"}, {"alipay", "alipay"}} {
		for _, name := range []string{"suite", "bugs/closes-without-asking", "bugs/answer-of-another-order"} {
			s, err := load(t, name).Through(systems, through...)
			require.NoError(t, err)
			plan, err := scenarios.Compile(s, systems, 1)
			require.NoError(t, err, "%s through %s", name, through)
			for _, trial := range trialsOf(plan) {
				require.Subset(t, through, trial.PaysWith())
			}
			for _, part := range plan.Parts {
				requirePossible(t, part, plan)
			}
		}
	}
	_, err := load(t, "calm").Through(systems, "alipai")
	require.ErrorContains(t, err, `did you mean "alipay"?`)
	combined := parsed(t, "name: c\nshoppers: [combined-order]\n")
	_, err = combined.Through(systems, "unionpay")
	require.ErrorContains(t, err, "no shopper who could pay with unionpay")
}

// TestTrial_PaysElsewhereAndForSeveralShops: who pays across providers has
// another one, with both of which the trial is cast; a basket has an order for
// each shop, and the totals add up.
func TestTrial_PaysElsewhereAndForSeveralShops(t *testing.T) {
	s := parsed(t, "name: a\nload: {trials: 24}\nshoppers:\n  - {shopper: two-wallets, across: true}\n  - {shopper: combined-order}\n  - {shopper: many-at-once}\n")
	kinds := map[string]int{}
	for _, trial := range trialsOf(compile(t, s, 5)) {
		kinds[trial.Shopper]++
		orders := trial.Orders()
		switch trial.Shopper {
		case "two-wallets":
			require.Equal(t, []payment.ProviderName{trial.Provider, trial.Other}, trial.PaysWith())
			require.NotEqual(t, trial.Provider, trial.Other)
			require.Len(t, orders, 1)
		case "combined-order":
			require.Equal(t, payment.ProviderName("wechatpay"), trial.Provider, "the only one that combines")
			require.Greater(t, len(orders), 1)
			sum := payment.Fen(0)
			for _, order := range orders {
				require.Positive(t, order.Total.Minor)
				require.False(t, slices.ContainsFunc(order.Lines, func(l scenarios.Line) bool { return l.Shop != order.Lines[0].Shop }))
				sum.Minor += order.Total.Minor
			}
			require.Equal(t, trial.Total, sum)
		case "many-at-once":
			require.Len(t, orders, 2)
			require.Equal(t, orders[0], orders[1])
		}
		text, err := scenarios.Export(compile(t, s, 5), trial.ID, scenarios.DefaultSystems())
		require.NoError(t, err)
		require.Equal(t, trial.Other != "", strings.Contains(string(text), "other: "))
	}
	require.Len(t, kinds, 3)
}

// requirePossible: no fault is expected that no trial of the part has.
func requirePossible(t *testing.T, part scenarios.Part, plan scenarios.Plan) {
	t.Helper()
	for _, expectation := range part.Expect {
		require.True(t, expectation.What != scenarios.FaultFired || slices.ContainsFunc(trialsOf(plan), func(trial scenarios.Trial) bool {
			return trial.Scenario == part.Scenario &&
				slices.ContainsFunc(trial.Pins, func(pin faults.Pin) bool { return pin.Fault == expectation.Fault })
		}), "%s expects %s", part.Scenario, expectation.Fault)
	}
}

// TestPinnedTrials_ObeyTheirProvider: in a pinned trial, provider means the
// trial's own, and what is legal is what is legal with that one.
func TestPinnedTrials_ObeyTheirProvider(t *testing.T) {
	pinned := func(trial string) error {
		_, err := scenarios.Parse("test.yaml", []byte("name: pinned\ntrials:\n  - {id: one, "+trial+"}\n"), scenarios.DefaultSystems())
		return err
	}
	const lines = "method: code, lines: [{name: tea, quantity: 1, price: 6.41}]"
	create := "shopper: pay, " + lines + ", pins: [{fault: error-status, at: merchant->provider create#1 answer, code: %s}]"
	require.NoError(t, pinned(fmt.Sprintf(create, "BANK_ERROR")+", provider: wechatpay"))
	require.ErrorContains(t, pinned(fmt.Sprintf(create, "BANK_ERROR")+", provider: alipay"), "ACQ.SYSTEM_ERROR")
	closing := "shopper: abandon, " + lines + ", pins: [{fault: lost-answer, at: merchant->provider close#1 answer}]"
	require.NoError(t, pinned(closing+", provider: alipay"))
	require.ErrorContains(t, pinned(closing+", provider: unionpay"), "close")
	require.ErrorContains(t, pinned("shopper: combined-order, provider: wechatpay, "+lines), "lines of two shops")
}

// TestThrough_LeavesPinnedTrialsOut: with these providers only means only these.
func TestThrough_LeavesPinnedTrialsOut(t *testing.T) {
	s := parsed(t, `name: pinned
trials:
  - {id: one, shopper: pay, provider: wechatpay, method: code, lines: [{name: tea, quantity: 1, price: 6.41}]}
  - {id: two, shopper: pay, provider: alipay, method: code, lines: [{name: tea, quantity: 1, price: 6.41}]}
`)
	narrowed, err := s.Through(scenarios.DefaultSystems(), "alipay")
	require.NoError(t, err)
	plan, err := scenarios.Compile(narrowed, scenarios.DefaultSystems(), 1)
	require.NoError(t, err)
	require.Equal(t, faults.Trial("two"), trialsOf(plan)[0].ID)
	require.Len(t, trialsOf(plan), 1)
	_, err = s.Through(scenarios.DefaultSystems(), "unionpay")
	require.ErrorContains(t, err, "no shopper who could pay with unionpay")
}

// TestAcross_IsJudgedByTheMethodThere: a shopper who begins on a web page at
// Alipay and pays by code at UnionPay meets UnionPay's signed answer.
func TestAcross_IsJudgedByTheMethodThere(t *testing.T) {
	parsed(t, `name: across
load: {trials: 4, providers: [alipay, unionpay]}
shoppers: [{shopper: two-wallets, across: true, methods: [web]}]
faults:
  - {fault: signature, at: merchant->unionpay create#1 answer, how: broken, with: {provider: alipay}, trials: 1}
`)
}
