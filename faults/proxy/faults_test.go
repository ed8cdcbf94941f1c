package proxy

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// bite is how a fault shows on the message it is pinned to.
type bite struct {
	fault, settings string
	leg             faults.Leg
	// arrived is how often the callee saw the pinned request.
	arrived int
	// shows reports whether the caller felt the fault.
	shows func(r *rig, got outcome) bool
}

func failed(_ *rig, got outcome) bool { return got.err != nil }

func bites() map[string]bite {
	return map[string]bite{
		"noop":                    {"noop", "", faults.RequestLeg, 1, func(*rig, outcome) bool { return true }},
		"latency request":         {"latency", `{"delay":"120ms"}`, faults.RequestLeg, 1, slow},
		"latency answer":          {"latency", `{"delay":"120ms"}`, faults.AnswerLeg, 1, slow},
		"lost request, reset":     {"lost-request", "", faults.RequestLeg, 0, failed},
		"lost request, close":     {"lost-request", `{"how":"close"}`, faults.RequestLeg, 0, failed},
		"lost request, hole":      {"lost-request", `{"how":"black-hole"}`, faults.RequestLeg, 0, failed},
		"lost answer, reset":      {"lost-answer", "", faults.AnswerLeg, 1, failed},
		"lost answer, close":      {"lost-answer", `{"how":"close"}`, faults.AnswerLeg, 1, failed},
		"lost answer, hole":       {"lost-answer", `{"how":"black-hole"}`, faults.AnswerLeg, 1, failed},
		"lost answer, empty body": {"lost-answer", `{"how":"empty-body"}`, faults.AnswerLeg, 1, func(_ *rig, got outcome) bool { return got.status == 200 && got.body == "" }},
		"reset request":           {"reset", `{"after":20}`, faults.RequestLeg, 0, failed},
		"reset answer":            {"reset", `{"after":30}`, faults.AnswerLeg, 1, failed},
		"error status, not acted": {"error-status", `{"status":503}`, faults.RequestLeg, 0, func(_ *rig, got outcome) bool {
			return got.status == 503 && got.header.Get("Code-Word") == "UNKNOWN"
		}},
		"error status, acted": {"error-status", "", faults.AnswerLeg, 1, func(_ *rig, got outcome) bool { return got.status == 500 }},
		"duplicate":           {"duplicate", `{"copies":2,"spacing":"5ms"}`, faults.RequestLeg, 3, answered},
		"duplicate at once":   {"duplicate", `{"atOnce":true}`, faults.RequestLeg, 2, answered},
		"hold for a delay":    {"hold", `{"delay":"120ms"}`, faults.AnswerLeg, 1, slow},
		"barrier":             {"barrier", `{"collect":3}`, faults.RequestLeg, 3, together},
		"amount request":      {"amount", "", faults.RequestLeg, 1, func(r *rig, got outcome) bool { return r.seen()[0].header.Get("Amount") == "11000" }},
		"amount answer": {"amount", `{"signature":"left-broken"}`, faults.AnswerLeg, 1, func(_ *rig, got outcome) bool {
			return got.header.Get("Amount") == "11000" && got.header.Get("Sig") == "invalid"
		}},
		"signature": {"signature", "", faults.AnswerLeg, 1, func(_ *rig, got outcome) bool { return got.header.Get("Sig") == "invalid" }},
		"forged notification": {"forged-notification", `{"after":"5ms"}`, faults.AnswerLeg, 1, func(r *rig, got outcome) bool {
			return answered(r, got) && r.sentForged("invalid", "")
		}},
		"foreign account": {"foreign-merchant", `{"after":"5ms"}`, faults.AnswerLeg, 1, func(r *rig, got outcome) bool {
			return answered(r, got) && r.sentForged("valid", "account")
		}},
		"foreign, test mode": {"foreign-merchant", `{"how":"test-mode"}`, faults.AnswerLeg, 1, func(r *rig, got outcome) bool {
			return answered(r, got) && r.sentForged("invalid", "test-mode")
		}},
		"slow drip request":  {"slow-drip", `{"bytesPerSecond":1000}`, faults.RequestLeg, 1, slow},
		"slow drip answer":   {"slow-drip", `{"bytesPerSecond":1000}`, faults.AnswerLeg, 1, slow},
		"slow close request": {"slow-close", `{"silence":"120ms","after":30}`, faults.RequestLeg, 0, failedSlowly},
		"slow close answer":  {"slow-close", `{"silence":"120ms","after":30}`, faults.AnswerLeg, 1, failedSlowly},
		"truncated request": {"truncated-body", "", faults.RequestLeg, 1, func(r *rig, got outcome) bool {
			return r.seen()[0].body == "bo" && got.body == "answer to bo"
		}},
		"truncated answer":              {"truncated-body", `{"bytes":6}`, faults.AnswerLeg, 1, func(_ *rig, got outcome) bool { return got.err == nil && got.body == "answer" }},
		"truncated request, wrong size": {"truncated-body", `{"how":"wrong-length"}`, faults.RequestLeg, 0, failed},
		"truncated answer, wrong size": {"truncated-body", `{"how":"wrong-length","bytes":6}`, faults.AnswerLeg, 1, func(_ *rig, got outcome) bool {
			return got.status == 200 && got.body == "answer" && errors.Is(got.err, io.ErrUnexpectedEOF)
		}},
		"malformed request": {"malformed-body", `{"bytes":2}`, faults.RequestLeg, 1, func(r *rig, _ outcome) bool {
			return r.seen()[0].body == "bo\x9b\x86"
		}},
		"malformed answer": {"malformed-body", `{"bytes":11}`, faults.AnswerLeg, 1, func(_ *rig, got outcome) bool {
			return strings.HasPrefix(got.body, "answer to b\x90") && !utf8.ValidString(got.body)
		}},
		"malformed answer, charset": {"malformed-body", `{"how":"wrong-charset"}`, faults.AnswerLeg, 1, func(_ *rig, got outcome) bool {
			return strings.HasPrefix(got.body, "\xff\xfea\x00n\x00s")
		}},
		"rate limited": {"rate-limited", "", faults.RequestLeg, 0, func(_ *rig, got outcome) bool { return got.status == 429 }},
		"status flip": {"status-flip", `{"how":"unknown"}`, faults.AnswerLeg, 1, func(_ *rig, got outcome) bool {
			return got.header.Get("Changed") == "unknown" && got.header.Get("Sig") == "valid"
		}},
		"cross-wired": {"cross-wired", "", faults.AnswerLeg, 1, func(_ *rig, got outcome) bool { return got.header.Get("Ref") == "ref-t1-other" }},
		"field":       {"field", `{"path":"Attach","value":"other"}`, faults.RequestLeg, 1, func(r *rig, _ outcome) bool { return r.seen()[0].header.Get("Attach") == "other" }},
		"stale replay request": {"stale-replay", "", faults.RequestLeg, 2, func(r *rig, got outcome) bool {
			r.eventually(func() bool { return len(r.seen()) == 2 }, "the earlier request comes again")
			return answered(r, got) && r.seen()[0].header.Get("Turn") == "2" && r.seen()[1].header.Get("Turn") == "1"
		}},
		"stale replay answer": {"stale-replay", "", faults.AnswerLeg, 1, func(_ *rig, got outcome) bool { return got.header.Get("Turn") == "1" }},
	}
}

func failedSlowly(_ *rig, got outcome) bool {
	return got.err != nil && got.took >= 120*time.Millisecond
}

// sentForged waits for one notification that no provider sent, and reports what
// is wrong with it.
func (r *rig) sentForged(signature, changed string) bool {
	r.eventually(func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.forged) == 1 }, "forged")
	header := r.forged[0].Header
	return header.First("Sig") == signature && header.First("Changed") == changed
}

// TestFault_EachIsTried: no message fault of the catalogue is without its bites.
func TestFault_EachIsTried(t *testing.T) {
	tried := map[string]bool{}
	for _, b := range bites() {
		tried[b.fault] = true
	}
	onStreams := []string{"bandwidth", "black-hole", "down"} // TestStream_IsHarmedWhileAMessageIsHandled
	for _, definition := range faults.Catalogue() {
		if definition.Kind == faults.OnMessage && !slices.Contains(onStreams, definition.Name) {
			require.True(t, tried[definition.Name], definition.Name)
		}
	}
}

func slow(_ *rig, got outcome) bool { return got.status == 200 && got.took >= 120*time.Millisecond }

func answered(_ *rig, got outcome) bool { return got.status == 200 && got.body == "answer to body" }

// together: all copies arrived within a moment.
func together(r *rig, got outcome) bool {
	seen := r.seen()
	return answered(r, got) && seen[len(seen)-1].at.Sub(seen[0].at) < 50*time.Millisecond
}

// TestFault_BitesItsMessageAndNoOther pins each message fault to the second
// create of a trial and sends, besides that one, the first and the third create,
// another operation, and another trial's second create.
func TestFault_BitesItsMessageAndNoOther(t *testing.T) {
	for name, b := range bites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, pin(t, b.fault, b.settings, "merchant->wechatpay create#2 "+string(b.leg)))
			r.register.Scanned(Scan{Trial: "t1", Provider: "wechatpay", Reference: "ref-t1-other"})
			for _, bystander := range []struct {
				trial     faults.Trial
				operation faults.Operation
			}{{"t2", faults.Create}, {"t2", faults.Create}, {"t1", faults.Query}, {"t1", faults.Query}, {"t1", faults.Create}} {
				got := r.call(bystander.trial, bystander.operation)
				require.True(t, answered(r, got), "%s of %s was harmed: %+v", bystander.operation, bystander.trial, got)
			}
			r.mu.Lock()
			r.arrivals = nil
			r.mu.Unlock()

			got := r.call("t1", faults.Create)
			require.True(t, b.shows(r, got), "the fault did not show: %+v", got)
			r.eventually(func() bool { return len(r.seen()) == b.arrived }, "arrivals")

			got = r.call("t1", faults.Create)
			require.True(t, answered(r, got), "the third create was harmed: %+v", got)
			require.Empty(t, got.header.Get("Ref")+got.header.Get("Changed"))
			require.Len(t, r.seen(), b.arrived+1)
			fates, _ := r.end()
			require.Equal(t, map[string]faults.Fate{"t1." + b.fault: faults.Fired}, fates)
		})
	}
}

// TestFault_EachHeals: pinned to every create, none of them harms one that comes
// when its trial is healed.
func TestFault_EachHeals(t *testing.T) {
	for name, b := range bites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, pin(t, b.fault, b.settings, "merchant->wechatpay create#* "+string(b.leg)))
			r.register.Scanned(Scan{Trial: "t1", Provider: "wechatpay", Reference: "ref-t1-other"})
			r.register.Heal([]faults.Trial{"t1"})
			for range 2 {
				got := r.call("t1", faults.Create)
				require.True(t, answered(r, got) && got.took < 100*time.Millisecond, "%+v", got)
				require.Empty(t, got.header.Get("Ref")+got.header.Get("Changed"))
			}
			require.Len(t, r.seen(), 2)
			require.Empty(t, r.seen()[1].header.Get("Changed")+r.seen()[1].header.Get("Attach"))
			fates, _ := r.end()
			require.NotContains(t, fates, faults.Fired)
			require.NotEqual(t, faults.Fired, fates["t1."+b.fault])
		})
	}
}

// TestFault_EveryMessageUntilHealed: count 0 means every one.
func TestFault_EveryMessageUntilHealed(t *testing.T) {
	r := newRig(t, pin(t, "error-status", "", "merchant->wechatpay query#* request"))
	require.Equal(t, 500, r.call("t1", faults.Query).status)
	require.Equal(t, 500, r.call("t1", faults.Query).status)
	require.Equal(t, 200, r.call("t2", faults.Query).status)
	r.register.Heal([]faults.Trial{"t1"})
	require.Equal(t, 200, r.call("t1", faults.Query).status)
	fates, _ := r.end()
	require.Equal(t, faults.Fired, fates["t1.error-status"])
}

// TestFault_ARangeOfMessages: those from the first to the last, and no other.
func TestFault_ARangeOfMessages(t *testing.T) {
	r := newRig(t, pin(t, "rate-limited", "", "merchant->wechatpay query#2-3"))
	for nth, want := range []int{200, 429, 429, 200} {
		require.Equal(t, want, r.call("t1", faults.Query).status, "query %d", nth+1)
		require.Equal(t, 200, r.call("t2", faults.Query).status)
	}
	fates, records := r.end()
	require.Equal(t, map[string]faults.Fate{"t1.rate-limited": faults.Fired}, fates)
	fired := 0
	for _, record := range records {
		if record.Pin != nil && record.Pin.Phase == journal.PinFired {
			fired++
		}
	}
	require.Equal(t, 2, fired, "each message of the range is on record")
}

// TestDrip_HealsAtOnce: what is left of a dripping message comes when its trial
// is healed.
func TestDrip_HealsAtOnce(t *testing.T) {
	dripping := pin(t, "slow-drip", `{"bytesPerSecond":20}`, "merchant->wechatpay query answer")
	dripping.Limit = faults.Duration(time.Minute)
	r := newRig(t, dripping)
	done := make(chan outcome, 1)
	go func() { done <- r.call("t1", faults.Query) }()
	r.eventually(func() bool { return len(r.seen()) == 1 }, "the query arrived")
	r.register.Heal([]faults.Trial{"t1"})
	got := <-done
	require.True(t, answered(r, got))
	require.Less(t, got.took, 2*time.Second)
}

// TestStaleReplay_NeedsAnEarlierMessage of the same payment.
func TestStaleReplay_NeedsAnEarlierMessage(t *testing.T) {
	for _, leg := range []faults.Leg{faults.RequestLeg, faults.AnswerLeg} {
		r := newRig(t, pin(t, "stale-replay", "", "merchant->wechatpay query#1 "+string(leg)))
		require.True(t, answered(r, r.call("t2", faults.Query)))
		require.True(t, answered(r, r.call("t1", faults.Create)))
		require.True(t, answered(r, r.call("t1", faults.Query)))
		fates, _ := r.end()
		require.Equal(t, map[string]faults.Fate{"t1.stale-replay": faults.PreEmpted}, fates)
	}
}

// TestSpoil_NeedsABody: a pin that finds nothing to spoil says so.
func TestSpoil_NeedsABody(t *testing.T) {
	for fault, settings := range map[string]string{"truncated-body": "", "malformed-body": ""} {
		r := newRig(t, pin(t, "error-status", "", "merchant->wechatpay query#1 request"), pin(t, fault, settings, "merchant->wechatpay query#1 answer"))
		require.Equal(t, 500, r.call("t1", faults.Query).status)
		fates, _ := r.end()
		require.Equal(t, faults.PreEmpted, fates["t1."+fault])
	}
	r := newRig(t, pin(t, "error-status", "", "merchant->wechatpay query#1 request"),
		pin(t, "truncated-body", `{"how":"wrong-length"}`, "merchant->wechatpay query#1 answer"))
	require.Equal(t, 500, r.call("t1", faults.Query).status)
	fates, _ := r.end()
	require.Equal(t, faults.PreEmpted, fates["t1.truncated-body"])
}

// TestHold_ReordersTwoMessages: the query's answer waits for the close.
func TestHold_ReordersTwoMessages(t *testing.T) {
	r := newRig(t, pin(t, "hold", `{"until":"merchant->wechatpay close answer"}`, "merchant->wechatpay query#1 answer"))
	done := make(chan outcome, 1)
	go func() { done <- r.call("t1", faults.Query) }()
	r.eventually(func() bool { return len(r.seen()) == 1 }, "the query arrived, and its answer is held")
	require.True(t, answered(r, r.call("t1", faults.Close)))
	require.True(t, answered(r, <-done))
	fates, _ := r.end()
	require.Equal(t, faults.Fired, fates["t1.hold"])
}

// TestHold_WithoutItsMessage passes at its limit and is not called fired.
func TestHold_WithoutItsMessage(t *testing.T) {
	r := newRig(t, pin(t, "hold", `{"until":"merchant->wechatpay close answer","limit":"60ms"}`, "merchant->wechatpay query#1 answer"))
	require.True(t, answered(r, r.call("t1", faults.Query)))
	fates, _ := r.end()
	require.Equal(t, faults.PreEmpted, fates["t1.hold"])
}

// TestBarrier_Incomplete: k of N is not fired.
func TestBarrier_Incomplete(t *testing.T) {
	r := newRig(t, pin(t, "barrier", `{"collect":2,"group":"g","limit":"60ms"}`, "merchant->wechatpay refund#1 request"))
	require.True(t, answered(r, r.call("t1", faults.Refund)))
	fates, records := r.end()
	require.Equal(t, faults.PreEmpted, fates["t1.barrier"])
	require.Equal(t, "only 1 came before the limit", records[len(records)-1].Pin.Detail)
}

// TestBarrier_TooLateIsNotTogether: a message that comes when the barrier has
// opened at its limit overlaps with nothing.
func TestBarrier_TooLateIsNotTogether(t *testing.T) {
	r := newRig(t, pin(t, "barrier", `{"collect":2,"group":"g","limit":"30ms"}`, "merchant->wechatpay refund#* request"))
	require.True(t, answered(r, r.call("t1", faults.Refund)))
	require.True(t, answered(r, r.call("t1", faults.Refund)))
	fates, _ := r.end()
	require.Equal(t, faults.PreEmpted, fates["t1.barrier"])
}

// TestPins_OfOneMessage: the first that takes the message wins, and the other
// is told so.
func TestPins_OfOneMessage(t *testing.T) {
	lost := pin(t, "lost-answer", "", "merchant->wechatpay create#1 answer")
	refused := pin(t, "error-status", "", "merchant->wechatpay create#1 answer")
	r := newRig(t, lost, refused)
	require.Error(t, r.call("t1", faults.Create).err)
	fates, _ := r.end()
	require.Equal(t, map[string]faults.Fate{"t1.lost-answer": faults.Fired, "t1.error-status": faults.PreEmpted}, fates)
}

// TestEveryMessage_GoesOnAfterAMiss: a message without the part to change does
// not end a pin on every message.
func TestEveryMessage_GoesOnAfterAMiss(t *testing.T) {
	r := newRig(t, pin(t, "merchant-crash", `{"when":"after-acknowledging"}`, "merchant->wechatpay query#2 answer"),
		pin(t, "hold", `{"until":"merchant->wechatpay close answer","limit":"20ms"}`, "merchant->wechatpay query#* answer"))
	require.True(t, answered(r, r.call("t1", faults.Query)))
	require.True(t, answered(r, r.call("t1", faults.Query)), "held again")
	fates, _ := r.end()
	require.Equal(t, faults.PreEmpted, fates["t1.hold"])
}

// TestProcess_MessageIsLostWithItsProcess: the trigger waits until the process
// is down and then goes down with it.
func TestProcess_MessageIsLostWithItsProcess(t *testing.T) {
	r := newRig(t, pin(t, "merchant-crash", "", "merchant->wechatpay create#1 answer"))
	go r.confirmWhenTriggered("t1.merchant-crash")
	require.Error(t, r.call("t1", faults.Create).err)
	require.Len(t, r.seen(), 1, "the provider had acted")
	fates, _ := r.end()
	require.Equal(t, faults.Fired, fates["t1.merchant-crash"])
}

// TestProcess_NobodyStopsIt: at its limit the message passes; nothing is held
// for ever by a controller that is gone.
func TestProcess_NobodyStopsIt(t *testing.T) {
	r := newRig(t, pin(t, "merchant-crash", "", "merchant->wechatpay create#1 answer"))
	got := r.call("t1", faults.Create)
	require.True(t, answered(r, got))
	require.GreaterOrEqual(t, got.took, 700*time.Millisecond)
	fates, _ := r.end()
	require.Equal(t, faults.TimeLimit, fates["t1.merchant-crash"])
}

func (r *rig) confirmWhenTriggered(pinID string) {
	var after uint64
	for {
		records, err := r.feed.After(context.Background(), after, 100)
		if err != nil {
			return
		}
		for _, record := range records {
			after = record.Number - 1 // acknowledge nothing: the test reads them again
			if record.Pin != nil && record.Pin.Phase == journal.PinTriggered && record.Pin.ID == pinID {
				r.register.Confirm(record.Trial, pinID)
				return
			}
		}
	}
}

// TestKeptBack_QueriesWaitAndAreLetGo: after an acknowledgement put to the
// test, queries of that trial wait, others do not.
func TestKeptBack_QueriesWaitAndAreLetGo(t *testing.T) {
	r := newRig(t, pin(t, "merchant-crash", `{"when":"after-acknowledging"}`, "merchant->wechatpay create#1 answer"))
	go r.confirmWhenTriggered("t1.merchant-crash")
	require.True(t, answered(r, r.call("t1", faults.Create)))
	done := make(chan outcome, 1)
	go func() { done <- r.call("t1", faults.Query) }()
	require.True(t, answered(r, r.call("t2", faults.Query)))
	require.Empty(t, done, "the query of t1 is kept back")
	r.register.LetGo("t1")
	require.True(t, answered(r, <-done))
}

// TestDown_RefusesConnections and takes them again.
func TestDown_RefusesConnections(t *testing.T) {
	r := newRig(t)
	require.True(t, answered(r, r.call("t1", faults.Create)))
	r.link.Down()
	require.ErrorContains(t, r.call("t1", faults.Create).err, "refused")
	require.NoError(t, r.link.Up())
	require.True(t, answered(r, r.call("t1", faults.Create)))
}

// TestCrossWired_NamesAnotherPaymentOfTheTrial: the answer about one payment
// names the other that the same shopper has under way, whether a call or the
// wallet told of it; without another one the pin says so.
func TestCrossWired_NamesAnotherPaymentOfTheTrial(t *testing.T) {
	r := newRig(t, pin(t, "cross-wired", "", "merchant->wechatpay query#1 answer"))
	r.register.Scanned(Scan{Trial: "t1", Provider: "wechatpay", Reference: "ref-t1-other"})
	require.Empty(t, r.call("t2", faults.Query).header.Get("Ref"))
	require.Equal(t, "ref-t1-other", r.call("t1", faults.Query).header.Get("Ref"))
	require.Empty(t, r.call("t1", faults.Query).header.Get("Ref"))
	fates, _ := r.end()
	require.Equal(t, faults.Fired, fates["t1.cross-wired"])

	alone := newRig(t, pin(t, "cross-wired", "", "merchant->wechatpay query#1 answer"))
	require.Empty(t, alone.call("t1", faults.Query).header.Get("Ref"))
	fates, _ = alone.end()
	require.Equal(t, faults.PreEmpted, fates["t1.cross-wired"])
}
