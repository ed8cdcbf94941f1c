package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// newTrials is a register with trials a and b in play, a fen apart by 100.
func newTrials(t *testing.T) (*Register, *journal.Feed) {
	feed := journal.NewFeed(journal.Gateway)
	r := NewRegister(clock.System{}, feed)
	require.NoError(t, r.Cast([]Casting{
		{Trial: "a", TraceID: strings.Repeat("a", 32), Amounts: []payment.Money{payment.Fen(100)}},
		{Trial: "b", TraceID: strings.Repeat("b", 32), Amounts: []payment.Money{payment.Fen(200)}},
	}))
	return r, feed
}

// TestAttribution_Order tells what wins: reference, name, trace, amount.
func TestAttribution_Order(t *testing.T) {
	create := func(reference string, fen int64) journal.Facts {
		return journal.Facts{Operation: faults.Create, MerchantReference: payment.MerchantReference(reference), Amount: payment.Fen(fen)}
	}
	r, _ := newTrials(t)
	for _, step := range []struct {
		why   string
		claim claim
		trial faults.Trial
		how   journal.Attribution
	}{
		{"a reserved amount", claim{link: rigLink, facts: create("ref-a", 100)}, "a", journal.ByAmount},
		{"its reference, bound by that", claim{link: rigLink, facts: create("ref-a", 0)}, "a", journal.ByReference},
		{"a query job in b's context: the binding wins", claim{link: rigLink, traceID: strings.Repeat("b", 32),
			facts: journal.Facts{Operation: faults.Query, MerchantReference: "ref-a"}}, "a", journal.ByReference},
		{"trace context before the amount", claim{link: rigLink, traceID: strings.Repeat("b", 32), facts: create("ref-b", 100)}, "b", journal.ByTrace},
		{"the name that a party of ours gives", claim{link: "shopper->merchant", named: "b", facts: journal.Facts{Operation: faults.Place}}, "b", journal.ByHeader},
		{"a name of no trial is no name", claim{link: "shopper->merchant", named: "z", facts: journal.Facts{Operation: faults.Place}}, "", journal.Unattributed},
		{"an amount of nobody is never guessed", claim{link: rigLink, facts: create("ref-x", 150)}, "", journal.Unattributed},
		{"amounts of other operations say nothing", claim{link: rigLink, facts: journal.Facts{Operation: faults.Refund, Amount: payment.Fen(100)}}, "", journal.Unattributed},
		{"certificates belong to the run", claim{link: rigLink, facts: journal.Facts{Operation: faults.Certificates}}, faults.RunTrial, journal.ByReference},
	} {
		trial, how := r.attribute(step.claim)
		require.Equal(t, step.trial, trial, step.why)
		require.Equal(t, step.how, how, step.why)
	}
}

// TestAttribution_NotificationsShareTheProvidersNames: what the merchant told
// the provider is known again when the provider speaks of it.
func TestAttribution_NotificationsShareTheProvidersNames(t *testing.T) {
	r, _ := newTrials(t)
	r.attribute(claim{link: "merchant->wechatpay", facts: journal.Facts{Operation: faults.Create, MerchantReference: "ref", Amount: payment.Fen(100)}})
	trial, how := r.attribute(claim{link: "wechatpay->merchant", facts: journal.Facts{Operation: faults.NotifyPayment, MerchantReference: "ref"}})
	require.Equal(t, faults.Trial("a"), trial)
	require.Equal(t, journal.ByReference, how)
}

// TestScanned_ProvesOrContradicts: the code in the shopper's hand cannot lie.
func TestScanned_ProvesOrContradicts(t *testing.T) {
	r, feed := newTrials(t)
	r.bindAnswer(rigLink, "a", journal.Facts{Code: "code-1"})
	r.Scanned(Scan{Trial: "a", Provider: "wechatpay", Code: "code-1"})
	require.Zero(t, feed.Last(), "no contradiction")
	r.Scanned(Scan{Trial: "b", Provider: "wechatpay", Code: "code-1"})
	records, err := feed.After(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, records, 2, "both trials are told")
	for _, record := range records {
		require.Equal(t, journal.Contradiction, record.Stage.Name)
	}
}

// TestCast_RefusesAnAmountThatIsReserved and changes nothing then.
func TestCast_RefusesAnAmountThatIsReserved(t *testing.T) {
	r, _ := newTrials(t)
	err := r.Cast([]Casting{{Trial: "c"}, {Trial: "d", Amounts: []payment.Money{payment.Fen(100)}}})
	require.ErrorContains(t, err, "reserved for trial a")
	require.NoError(t, r.Cast([]Casting{{Trial: "c"}}), "c was not put in play by the call that failed")
	r.End([]faults.Trial{"a"})
	require.NoError(t, r.Cast([]Casting{{Trial: "d", Amounts: []payment.Money{payment.Fen(100)}}}), "a has rested")
}

// BenchmarkDue: the cost of finding a message's pins must not grow with the
// number of pins that are loaded.
func BenchmarkDue(b *testing.B) {
	for name, pins := range map[string]int{"10 pins": 10, "10000 pins": 10_000} {
		b.Run(name, func(b *testing.B) {
			r := NewRegister(clock.System{}, journal.NewFeed(journal.Gateway))
			casting := Casting{Trial: "a"}
			for i := range pins {
				casting.Pins = append(casting.Pins, faults.Pin{ID: "p", Fault: "noop", Trial: "a",
					At: &faults.Address{Link: rigLink, Operation: faults.Query, Nth: i + 2, Leg: faults.RequestLeg}})
			}
			if err := r.Cast([]Casting{casting}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				r.due(faults.Address{Trial: "a", Link: rigLink, Operation: faults.Create, Nth: 1, Leg: faults.RequestLeg})
			}
		})
	}
}

// TestAttribution_Turns: of trials with the same amount, the one whose turn it is
// begins a payment; its turn ends once the payment is known. Without a turn such
// an amount says nothing.
func TestAttribution_Turns(t *testing.T) {
	r := NewRegister(clock.System{}, journal.NewFeed(journal.Gateway))
	require.NoError(t, r.Cast([]Casting{{Trial: "a", TraceID: strings.Repeat("a", 32)}, {Trial: "b", TraceID: strings.Repeat("b", 32)}}))
	create := func(reference payment.MerchantReference) claim {
		return claim{link: "merchant->alipay", facts: journal.Facts{Operation: faults.Create, MerchantReference: reference, Amount: payment.Fen(1280)}}
	}
	trial, how := r.attribute(create("ref-0"))
	require.Equal(t, faults.Trial(""), trial)
	require.Equal(t, journal.Unattributed, how)

	require.True(t, r.TakeTurn("a", "alipay", payment.Fen(1280)))
	require.True(t, r.TakeTurn("a", "alipay", payment.Fen(1280)), "it is its own")
	require.False(t, r.TakeTurn("b", "alipay", payment.Fen(1280)))
	require.True(t, r.TakeTurn("b", "alipay", payment.Fen(990)), "another price is another turn")
	require.True(t, r.TakeTurn("b", "wechatpay", payment.Fen(1280)), "and so is another provider")
	trial, how = r.attribute(create("ref-a"))
	require.Equal(t, faults.Trial("a"), trial)
	require.Equal(t, journal.ByAmount, how)
	require.False(t, r.HoldsTurn("a"))

	require.True(t, r.TakeTurn("b", "alipay", payment.Fen(1280)))
	r.EndTurn("b")
	require.True(t, r.TakeTurn("a", "alipay", payment.Fen(1280)))
	r.End([]faults.Trial{"a"})
	require.True(t, r.TakeTurn("b", "alipay", payment.Fen(1280)), "who is out of play holds nothing")
}
