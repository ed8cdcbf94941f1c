package scenarios_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/scenarios"
)

// TestRequired is the table of which pins must fire for a run to prove
// anything: those on places that a fault-free observation reaches and that
// nothing else in the trial can keep from firing. The pin in question comes
// first; others follow after a bar.
func TestRequired(t *testing.T) {
	const out, in = "at: merchant->wechatpay ", "at: wechatpay->merchant "
	cases := []struct {
		trial, pins string
		required    bool
	}{
		// What every shopper does.
		{"shopper: pay", "fault: noop, at: shopper->merchant place#1", true},
		{"shopper: pay", "fault: noop, at: shopper->merchant start#1 answer", true},
		{"shopper: pay", "fault: noop, at: shopper->merchant start#2", false},
		{"shopper: double-click", "fault: noop, at: shopper->merchant start#2", true},
		{"shopper: pay", "fault: noop, at: shopper->merchant read#1", true},
		{"shopper: abandon", "fault: noop, at: shopper->merchant read#1", false},
		{"shopper: pay-then-refund, refund: several", "fault: noop, at: shopper->merchant ask-refund#3", true},
		// Beginning a payment.
		{"shopper: pay", "fault: lost-request, " + out + "create#1", true},
		{"shopper: pay", "fault: lost-answer, " + out + "create#1 answer", true},
		{"shopper: pay", "fault: lost-answer, \"at\": \"merchant->wechatpay create#* answer\"", true},
		{"shopper: pay", "fault: noop, " + out + "create#2", false},
		{"shopper: double-click", "fault: noop, " + out + "create#2", false},
		{"shopper: two-wallets", "fault: noop, " + out + "create#2", true},
		{"shopper: pay-again", "fault: noop, " + out + "create#2", false},
		{"shopper: scan-code, method: barcode", "fault: noop, " + out + "pay-code#1 answer", true},
		{"shopper: retry-same, method: barcode", "fault: lost-answer, " + out + "pay-code#1 answer", true},
		{"shopper: scan-code, method: barcode", "fault: noop, " + out + "create#1", false},
		// Being told.
		{"shopper: pay", "fault: duplicate, " + in + "notify-payment#1", true},
		{"shopper: pay", "fault: noop, " + in + "notify-payment#2", false},
		{"shopper: scan-code, method: barcode", "fault: noop, " + in + "notify-payment#1", false},
		{"shopper: abandon", "fault: noop, " + in + "notify-payment#1", false},
		{"shopper: pay-then-refund", "fault: noop, " + in + "notify-refund#1", false},
		// Asking and giving up.
		{"shopper: abandon", "fault: noop, " + out + "query#1 answer", true},
		{"shopper: abandon", "fault: noop, " + out + "close#1", true},
		{"shopper: pay-after-close", "fault: noop, " + out + "close#1", true},
		{"shopper: pay", "fault: noop, " + out + "query#1", false},
		{"shopper: pay", "fault: noop, " + out + "close#1", false},
		{"shopper: scan-code, method: barcode", "fault: noop, " + out + "reverse#1", false},
		// Giving back, and sending the goods.
		{"shopper: pay-then-refund", "fault: lost-answer, " + out + "refund#1 answer", true},
		{"shopper: pay-then-refund, refund: several", "fault: noop, " + out + "refund#2", false},
		{"shopper: pay", "fault: noop, " + out + "refund#1", false},
		{"shopper: pay", "fault: noop, at: merchant->fulfilment release-goods#1", true},
		{"shopper: pay-then-refund", "fault: noop, at: merchant->fulfilment release-goods#1", false},
		// How providers behave.
		{"shopper: pay", "fault: notify-never, payment: wechatpay", true},
		{"shopper: pay", "fault: notify-many, payment: wechatpay", true},
		{"shopper: pay", "fault: notify-never, payment: wechatpay#2", false},
		{"shopper: scan-code, method: barcode", "fault: notify-never, payment: wechatpay", false},
		{"shopper: pay", "fault: decline, payment: wechatpay", true},
		{"shopper: scan-code, method: barcode", "fault: unknown-outcome, payment: wechatpay", true},
		{"shopper: pay-then-refund", "fault: unknown-outcome, payment: wechatpay", true},
		{"shopper: pay", "fault: unknown-outcome, payment: wechatpay", false},
		{"shopper: abandon", "fault: late-success, payment: wechatpay", true},
		{"shopper: pay", "fault: late-success, payment: wechatpay", false},
		{"shopper: pay", "fault: query-lag, payment: wechatpay", false},
		{"shopper: pay", "fault: query-lag, payment: wechatpay | fault: notify-never, payment: wechatpay", true},
		// What waits for something else may wait in vain.
		{"shopper: pay", "fault: hold, " + in + "notify-payment#1, delay: 1s", true},
		{"shopper: pay", "fault: hold, " + in + "notify-payment#1, until: merchant->wechatpay query#1 answer", false},
		{"shopper: pay", "fault: barrier, " + in + "notify-payment#1", true},
		{"shopper: pay", "fault: barrier, " + in + "notify-payment#1, group: g", false},
		{"shopper: pay", "fault: amount, " + out + "create#1", true},
		{"shopper: pay", "fault: amount, " + out + "query#1 answer, signature: stripped", false},
		// Others in the trial: what comes earlier and harms takes away certainty, what comes later does not.
		{"shopper: pay", "fault: noop, " + in + "notify-payment#1 | fault: lost-answer, " + out + "create#1 answer", false},
		{"shopper: pay", "fault: noop, " + in + "notify-payment#1 | fault: notify-never, payment: wechatpay", false},
		{"shopper: pay", "fault: lost-answer, " + out + "create#1 answer | fault: notify-never, payment: wechatpay", true},
		{"shopper: pay", "fault: lost-answer, " + out + "create#1 answer | fault: lost-request, " + out + "create#1", false},
		{"shopper: pay", "fault: lost-request, " + out + "create#1 | fault: lost-answer, " + out + "create#1 answer", true},
		{"shopper: pay", "fault: lost-answer, " + in + "notify-payment#1 answer | fault: duplicate, " + in + "notify-payment#1", true},
		// Processes: the trial that stops one is certain of it.
		{"shopper: pay", "fault: merchant-crash, " + in + "notify-payment#1 answer, when: after-acknowledging", true},
		{"shopper: pay", "fault: noop, " + in + "notify-payment#1 | fault: merchant-crash, " + out + "create#1 answer", false},
	}
	for _, c := range cases {
		t.Run(c.trial+" "+c.pins, func(t *testing.T) {
			var text strings.Builder
			fmt.Fprintf(&text, "name: table\ntrials:\n  - {id: table-0001, %s, lines: [{price: 12.34}], pins: [", c.trial)
			for _, pin := range strings.Split(c.pins, " | ") {
				fmt.Fprintf(&text, "{%s}, ", pin)
			}
			text.WriteString("]}\n")
			s, err := scenarios.Parse("table.yaml", []byte(text.String()), scenarios.DefaultSystems())
			require.NoError(t, err)
			require.Equal(t, c.required, s.Trials[0].Pins[0].Required)
		})
	}
}

// TestRequired_Bystanders: beside a trial that stops a process no other pin is
// required, since the process is gone for all.
func TestRequired_Bystanders(t *testing.T) {
	text := `
name: beside
load: {trials: 2, oneBatch: true, methods: [code]}
faults:
  - {fault: noop, at: merchant->provider create, trials: 1}
  - {fault: merchant-crash, at: merchant->provider create answer, trials: 1}
`
	s, err := scenarios.Parse("beside.yaml", []byte(text), scenarios.DefaultSystems())
	require.NoError(t, err)
	plan := compile(t, s, 1)
	require.Len(t, plan.Batches, 1)
	require.True(t, plan.Batches[0].Disturbs)
	for _, trial := range plan.Batches[0].Trials {
		require.Equal(t, trial.Pins[0].Fault == "merchant-crash", trial.Pins[0].Required)
	}
}
