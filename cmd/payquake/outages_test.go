package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/scenarios"
)

// everyOutage pins each process fault that needs no database to a message of its own.
const everyOutage = `name: every-outage
about: Each process fault, once.
load: {trials: 40}
shoppers:
  - {shopper: pay, weight: 28}
  - {shopper: scan-code, weight: 6}
  - {shopper: pay-then-refund, refund: partial, weight: 6}
faults:
  - {fault: merchant-crash, at: provider->merchant notify-payment#1 answer, with: {shopper: pay}, when: before, trials: 1}
  - {fault: merchant-restart, at: merchant->provider create#1 answer, with: {shopper: pay}, trials: 1}
  - {fault: merchant-pause, at: provider->merchant notify-payment#1 request, with: {shopper: pay}, down: 1s, trials: 1}
  - {fault: merchant-replicas, at: merchant->provider create#1 answer, with: {shopper: pay}, instances: 3, trials: 1}
  - {fault: merchant-rolling-restart, at: merchant->provider create#1 answer, with: {shopper: pay}, trials: 1}
  - {fault: provider-down, at: merchant->provider create#1 answer, with: {shopper: pay}, down: 1s, trials: 1}
  - {fault: provider-pause, at: merchant->provider pay-code#1 request, down: 1s, trials: 1}
  - {fault: partition, at: merchant->provider refund#1 request, direction: both, down: 1s, trials: 1}
  - {fault: key-rotation, at: unionpay->merchant notify-payment#1 answer, with: {shopper: pay-then-refund}, trials: 1}
`

// TestOutages: each process fault comes true at the message that it is pinned to,
// once, keeps away whom it is about for as long as it says, and is over after that.
func TestOutages(t *testing.T) {
	for _, environment := range []string{"local", "docker"} {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			if environment == "docker" {
				engine(t)
			}
			folder := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(folder, "every-outage.yaml"), []byte(everyOutage), 0o644))
			result := conclusive(t, folder, "run", "every-outage.yaml", "--environment", environment)
			require.Equal(t, 0, result.code, "%s\n%s", result.out, result.err)
			seen := outagesOf(t, journal.Folder(result.folder))
			for _, definition := range faults.Catalogue() {
				if definition.Kind == faults.OnProcess && definition.Name != "database-down" { // TestDatabase_FailsUnderTheCorrectMerchant
					require.Equal(t, 1, seen[definition.Name], definition.Name)
				}
			}
		})
	}
}

// outagesOf checks each outage of a run, and counts them by fault.
func outagesOf(t *testing.T, folder journal.Folder) map[string]int {
	t.Helper()
	plan, err := scenarios.ReadPlan(folder.Path(journal.PlanFile))
	require.NoError(t, err)
	var records []journal.Record
	_, damage, err := journal.Read(folder, func(record journal.Record) error {
		records = append(records, record)
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, damage)
	seen := map[string]int{}
	for i, batch := range plan.Batches {
		for _, trial := range batch.Trials {
			for _, pin := range trial.Pins {
				if definition, known := faults.Lookup(pin.Fault); known && definition.Kind == faults.OnProcess {
					seen[pin.Fault]++
					requireOutage(t, records, i == len(plan.Batches)-1, pin)
				}
			}
		}
	}
	return seen
}

func requireOutage(t *testing.T, records []journal.Record, last bool, pin faults.Pin) {
	t.Helper()
	phases := map[journal.PinPhase][]journal.Record{}
	for _, record := range records {
		if record.Pin != nil && record.Pin.ID == pin.ID {
			phases[record.Pin.Phase] = append(phases[record.Pin.Phase], record)
		}
	}
	for _, phase := range []journal.PinPhase{journal.PinTriggered, journal.PinFired, journal.PinHealed, journal.PinEnded} {
		require.Len(t, phases[phase], 1, "%s %s", pin.Fault, phase)
	}
	triggered, fired, healed := phases[journal.PinTriggered][0], phases[journal.PinFired][0], phases[journal.PinHealed][0]
	require.Equal(t, "runs again", healed.Pin.Detail, pin.Fault)
	require.Equal(t, faults.Fired, phases[journal.PinEnded][0].Pin.Fate, pin.Fault)
	require.True(t, slices.ContainsFunc(records, func(r journal.Record) bool {
		return r.Message != nil && r.Message.ID == triggered.Pin.Message && r.Trial == pin.At.Trial && r.Message.Link == pin.At.Link &&
			r.Message.Operation == pin.At.Operation && r.Message.Nth == pin.At.Nth && r.Message.Leg == pin.At.Leg
	}), "%s was triggered by another message", pin.Fault)

	fault, err := pin.Decode()
	require.NoError(t, err)
	wanted := fault.(faults.ProcessFault).Interrupt()
	require.GreaterOrEqual(t, healed.At.Sub(fired.At), wanted.Down-clockError, pin.Fault)
	again := false
	for _, record := range records {
		if record.Message == nil {
			continue
		}
		link, by := record.Message.Link, author(record.Message)
		harmed := by == wanted.Role
		if wanted.Role == "" { // a provider, seen by the merchant: it acts on nothing
			harmed = link.From() == "merchant" && record.Message.Leg == faults.AnswerLeg && by == partnerOf(pin.At.Link)
		}
		within := record.At.After(fired.At.Add(clockError)) && record.At.Before(fired.At.Add(wanted.Down-clockError))
		passed := record.Message.Fate == journal.Passed
		require.False(t, harmed && within && passed && away(wanted.Manner), "%s: %s %s of %s passed %s after it began",
			pin.Fault, record.Message.Operation, record.Message.Leg, record.Trial, record.At.Sub(fired.At))
		again = again || (harmed && passed && record.At.After(healed.At))
	}
	// In the last batch there may be nothing left to say.
	require.True(t, again || last, "after %s nothing was heard of it any more", pin.Fault)
}

// away reports whether an outage is one in which nothing is heard.
func away(manner faults.Manner) bool {
	return manner != faults.Rotated && manner != faults.Multiplied && manner != faults.Replaced
}

// clockError is how far apart the clocks of two processes read one moment, and how
// long what was said before may be on its way.
const clockError = 50 * time.Millisecond

// author is who says a message.
func author(message *journal.Message) string {
	if message.Leg == faults.RequestLeg {
		return message.Link.From()
	}
	return message.Link.To()
}

func partnerOf(link faults.Link) string {
	if link.To() == "merchant" {
		return link.From()
	}
	return link.To()
}
