package scenarios_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

func load(t require.TestingT, name string) scenarios.Scenario {
	s, err := scenarios.Load(name, scenarios.DefaultSystems())
	require.NoError(t, err)
	return s
}

func compile(t require.TestingT, s scenarios.Scenario, seed uint64) scenarios.Plan {
	plan, err := scenarios.Compile(s, scenarios.DefaultSystems(), seed)
	require.NoError(t, err)
	return plan
}

// TestCompile_Twice: chance enters once, as the seed. Every scenario is loaded
// and compiled twice and compared byte by byte.
func TestCompile_Twice(t *testing.T) {
	for _, name := range scenarios.List() {
		t.Run(name, func(t *testing.T) {
			first, err := json.Marshal(compile(t, load(t, name), 11))
			require.NoError(t, err)
			again, err := json.Marshal(compile(t, load(t, name), 11))
			require.NoError(t, err)
			require.Equal(t, string(first), string(again))
			other, err := json.Marshal(compile(t, load(t, name), 12))
			require.NoError(t, err)
			require.NotEqual(t, string(first), string(other))
		})
	}
}

// TestCompile_PlanIsSound holds every plan against what the harness, the proxy
// and the judge take for granted.
func TestCompile_PlanIsSound(t *testing.T) {
	for _, name := range scenarios.List() {
		for seed := range uint64(3) {
			plan := compile(t, load(t, name), seed)
			ids, pins, batches := map[faults.Trial]bool{}, map[string]bool{}, map[string]bool{}
			for _, batch := range plan.Batches {
				require.False(t, batches[batch.ID])
				batches[batch.ID] = true
				require.Positive(t, batch.InFlight)
				require.LessOrEqual(t, len(batch.Trials), 1000)
				requireApart(t, batch)
				for _, trial := range batch.Trials {
					require.False(t, ids[trial.ID], trial.ID)
					ids[trial.ID] = true
					requireSound(t, trial, batch, pins)
				}
			}
		}
	}
}

func requireSound(t *testing.T, trial scenarios.Trial, batch scenarios.Batch, pins map[string]bool) {
	t.Helper()
	require.True(t, strings.HasPrefix(string(trial.ID), trial.Scenario+"-"))
	require.NotEmpty(t, trial.Journey.Steps)
	require.NotEmpty(t, trial.Method)
	var total payment.Money
	for _, line := range trial.Lines {
		require.Positive(t, line.Price.Minor)
		require.LessOrEqual(t, len(line.Name), 127)
		require.True(t, utf8.ValidString(line.Name))
		require.False(t, strings.ContainsFunc(line.Name, unicode.IsControl))
		var err error
		total, err = total.Add(payment.Fen(line.Quantity * line.Price.Minor))
		require.NoError(t, err)
	}
	require.Equal(t, trial.Total, total)
	for _, pin := range trial.Pins {
		require.False(t, pins[pin.ID], pin.ID)
		pins[pin.ID] = true
		require.True(t, strings.HasPrefix(pin.ID, string(trial.ID)+"."))
		require.Equal(t, trial.ID, pin.Trial)
		require.Positive(t, pin.Limit)
		fault, err := pin.Decode()
		require.NoError(t, err)
		require.NotEqual(t, pin.At == nil, pin.Payment == nil)
		if latency, is := fault.(*faults.Latency); is {
			require.Equal(t, faults.Fixed, latency.Distribution, "something is left to chance")
		}
		if _, stops := fault.(faults.ProcessFault); stops {
			require.True(t, batch.Disturbs)
		}
	}
}

// requireApart: no amount of a batch is near another's, its hundredfold, its
// hundredth or its whole yuan.
func requireApart(t require.TestingT, batch scenarios.Batch) {
	totals := map[int64]faults.Trial{}
	var sorted []int64
	for _, trial := range batch.Trials {
		minor := trial.Total.Minor
		require.Positive(t, minor)
		require.Empty(t, totals[minor])
		totals[minor] = trial.ID
		sorted = append(sorted, minor)
	}
	slices.Sort(sorted)
	for i, minor := range sorted {
		if i > 0 {
			require.GreaterOrEqual(t, minor-sorted[i-1], int64(3))
		}
		require.Empty(t, totals[minor*100], "%d", minor)
		require.Empty(t, totals[minor/100], "%d", minor)
		if whole := minor / 100 * 100; whole != minor {
			require.Empty(t, totals[whole], "%d", minor)
		}
	}
}

func TestCompile_AmountsStayApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenarios.Scenario{Name: "drawn", Scale: scenarios.Scale{Trials: rapid.IntRange(1, 1500).Draw(t, "trials")}}
		for _, minor := range rapid.SliceOfN(rapid.Int64Range(1, 20_000), 0, 20).Draw(t, "amounts") {
			s.Scale.Amounts = append(s.Scale.Amounts, payment.Fen(minor))
		}
		s.Shoppers = []scenarios.ShopperLine{{Shopper: "pay"}, {Shopper: "pay-then-refund"}}
		s.Faults = []scenarios.FaultLine{{Fault: "amount", Share: 30,
			At: &faults.Address{Link: "merchant->wechatpay", Operation: faults.Create, Nth: 1, Leg: faults.RequestLeg}}}
		plan := compile(t, s, rapid.Uint64().Draw(t, "seed"))
		require.Equal(t, s.Scale.Trials, plan.Count())
		for _, batch := range plan.Batches {
			requireApart(t, batch)
			for _, trial := range batch.Trials {
				if len(trial.Pins) > 0 {
					require.NotZero(t, trial.Total.Minor%100, "cutting cents would change nothing")
				}
			}
		}
	})
}

func TestCompile_SweepsWhatExposesRounding(t *testing.T) {
	totals := map[int64]bool{}
	for _, trial := range compile(t, load(t, "calm"), 3).Batches[0].Trials {
		totals[trial.Total.Minor] = true
	}
	for _, minor := range []int64{29, 115, 820, 1999, 6410, 112860} {
		require.True(t, totals[minor], "%d", minor)
	}
}

func TestCompile_ListedAmounts(t *testing.T) {
	s, err := scenarios.Parse("a.yaml", []byte("name: a\nload: {trials: 3, amounts: [0.10, 1.15]}\n"), scenarios.DefaultSystems())
	require.NoError(t, err)
	totals := map[int64]bool{}
	for _, trial := range compile(t, s, 1).Batches[0].Trials {
		totals[trial.Total.Minor] = true
	}
	require.True(t, totals[10] && totals[115], "%v", totals)
}

// TestCompile_SuiteFitsItsTime: about a hundred trials a second and a tail of
// five to eight seconds per batch make well under two and a half minutes.
func TestCompile_SuiteFitsItsTime(t *testing.T) {
	everyDay, left, err := load(t, "suite").WithoutStreams()
	require.NoError(t, err)
	require.Len(t, left, 1, "failing-database needs a database server")
	plan := compile(t, everyDay, 1)
	require.Len(t, plan.Parts, 14)
	shared, alone, disturbing := 0, 0, 0
	for _, batch := range plan.Batches {
		if batch.Disturbs {
			disturbing++
			alone += len(batch.Trials)
			require.LessOrEqual(t, len(batch.Trials), 7)
			require.GreaterOrEqual(t, len(batch.Trials), 6)
		} else {
			shared += len(batch.Trials)
		}
	}
	require.Equal(t, 1, len(plan.Batches)-disturbing)
	require.Equal(t, 16, disturbing)
	require.Equal(t, 938, shared)
	require.Equal(t, 110, alone)
}

// TestCompile_SameTrialsInCompany: a scenario deals the same shoppers and
// faults alone and in a suite; only amounts are the batch's.
func TestCompile_SameTrialsInCompany(t *testing.T) {
	suite := compile(t, load(t, "suite"), 5)
	for _, part := range suite.Parts {
		alone := compile(t, load(t, part.Scenario), 5)
		for _, batch := range alone.Batches {
			for _, trial := range batch.Trials {
				found, _, known := suite.Find(trial.ID)
				require.True(t, known)
				require.Equal(t, trial.Pins, found.Pins)
				require.Equal(t, trial.Journey, found.Journey)
			}
		}
	}
}

// TestCompile_FaultsSpread: shares that leave room do not meet in one trial;
// those that do not, do.
func TestCompile_FaultsSpread(t *testing.T) {
	text := `
name: spread
load: {trials: 10}
faults:
  - {fault: noop, at: merchant->provider create, share: 50%}
  - {fault: duplicate, at: merchant->provider create, share: 40%}
  - {fault: notify-never, payment: provider, trials: 3}
  - {together: [{fault: noop, at: shopper->merchant place}, {fault: noop, at: shopper->merchant start}], trials: 2}
`
	s, err := scenarios.Parse("spread.yaml", []byte(text), scenarios.DefaultSystems())
	require.NoError(t, err)
	counts, pins := map[string]int{}, map[int]int{}
	for _, trial := range compile(t, s, 4).Batches[0].Trials {
		pins[len(trial.Pins)]++
		for _, pin := range trial.Pins {
			counts[pin.Fault]++
		}
	}
	require.Equal(t, map[string]int{"noop": 5 + 4, "duplicate": 4, "notify-never": 3}, counts)
	require.Zero(t, pins[0], "%v", pins)
}

func TestCompile_TooFewTrials(t *testing.T) {
	s, err := scenarios.Parse("few.yaml", []byte("name: few\nload: {trials: 3, methods: [code]}\nfaults:\n  - {fault: noop, at: merchant->provider create, trials: 4}\n"),
		scenarios.DefaultSystems())
	require.NoError(t, err)
	_, err = scenarios.Compile(s, scenarios.DefaultSystems(), 1)
	require.ErrorContains(t, err, "few.yaml:4:5: 4 trials are wanted, and 3 of this draw come by the place")
}

func TestCompile_WrittenInGo(t *testing.T) {
	_, err := scenarios.Compile(scenarios.Scenario{Name: "Bad name", Scale: scenarios.Scale{Trials: 1, Methods: []payment.Method{"cash"}},
		Shoppers: []scenarios.ShopperLine{{Shopper: "payer"}},
		Faults:   []scenarios.FaultLine{{Fault: "lost-answer"}, {Fault: "nope"}, {Fault: "notify-never"}}}, scenarios.DefaultSystems(), 1)
	var problems document.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 6, "%v", err)
}
