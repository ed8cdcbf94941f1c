package reports

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/invariants"
)

// TestSides_ScenariosByProvider: a row for each scenario, a column for each
// provider; what is not alike is what a reader looks for.
func TestSides_ScenariosByProvider(t *testing.T) {
	verdict := invariants.Verdict{Sides: []invariants.Side{
		{Scenario: "calm", Provider: "alipay", Outcome: invariants.Held, Trials: 20, Captures: 19},
		{Scenario: "calm", Provider: "wechatpay", Outcome: invariants.Violated, Trials: 22, Violated: 3, Captures: 21},
		{Scenario: "combined", Provider: "wechatpay", Outcome: invariants.Inconclusive, Trials: 4, Inconclusive: 1},
		{Scenario: "combined", Provider: "unionpay", Outcome: invariants.NotApplicable, Captures: 2},
	}}
	p := &printer{}
	p.sides(verdict)
	require.Equal(t, `
providers   alipay   unionpay    wechatpay
  calm      held 20  –           violated 3 of 22
  combined  –        2 captures  inconclusive 1 of 4
`, p.text.String())
	var text bytes.Buffer
	summarySides(&text, verdict)
	require.Equal(t, `
| scenario | alipay | unionpay | wechatpay |
| --- | --- | --- | --- |
| calm | held 20 | – | violated 3 of 22 |
| combined | – | 2 captures | inconclusive 1 of 4 |
`, text.String())

	table := compare(verdict)
	require.Equal(t, []string{"held", "", "violated"}, []string{table.Rows[0].Tone(0), table.Rows[0].Tone(1), table.Rows[0].Tone(2)})
	alone := invariants.Verdict{Sides: verdict.Sides[:1]}
	require.Empty(t, compare(alone).Rows, "one provider is no comparison")
	p = &printer{}
	p.sides(alone)
	require.Empty(t, strings.TrimSpace(p.text.String()))
}
