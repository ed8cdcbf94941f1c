package proxy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// begins is a merchant's beginning a payment of which nobody was told.
func begins(link faults.Link, reference payment.MerchantReference) claim {
	return claim{link: link, facts: journal.Facts{Operation: faults.Create, MerchantReference: reference, Amount: payment.Fen(333)}}
}

// TestArrivals_InTurn: a payment that belongs to nobody is given to the trial that
// has waited longest at its provider, once; without one it stays nobody's.
func TestArrivals_InTurn(t *testing.T) {
	r, _ := newTrials(t)
	r.Expect("b", "wechatpay")
	r.Expect("a", "wechatpay")
	_, came := r.Arrived("b")
	require.False(t, came)
	for _, step := range []struct {
		claim claim
		trial faults.Trial
		how   journal.Attribution
	}{
		{begins("merchant->alipay", "elsewhere"), "", journal.Unattributed},
		{claim{link: "merchant->wechatpay", facts: journal.Facts{Operation: faults.Query, MerchantReference: "ref-1"}}, "", journal.Unattributed},
		{begins("merchant->wechatpay", "ref-1"), "b", journal.ByArrival},
		{begins("merchant->wechatpay", "ref-1"), "b", journal.ByReference},
		{begins("merchant->wechatpay", "ref-2"), "a", journal.ByArrival},
		{begins("merchant->wechatpay", "ref-3"), "", journal.Unattributed},
	} {
		trial, how := r.attribute(step.claim)
		require.Equal(t, step.trial, trial, step.claim.facts.MerchantReference)
		require.Equal(t, step.how, how)
	}
	arrival, came := r.Arrived("b")
	require.True(t, came)
	require.Equal(t, Arrival{Reference: "ref-1"}, arrival)
}

// TestArrivals_CodeOnceShown: the code is known when an answer with it has passed,
// and only the first.
func TestArrivals_CodeOnceShown(t *testing.T) {
	r, _ := newTrials(t)
	r.showCode("a", journal.Facts{Operation: faults.Create, Code: "before anything came"})
	r.Expect("a", "wechatpay")
	r.attribute(begins("merchant->wechatpay", "ref"))
	for _, code := range []string{"", "first", "second"} {
		r.showCode("a", journal.Facts{Operation: faults.Create, Code: code})
	}
	arrival, _ := r.Arrived("a")
	require.Equal(t, "first", arrival.Code)
}

// TestArrivals_EndedTrialsWaitNoMore: what comes is for those who are in play.
func TestArrivals_EndedTrialsWaitNoMore(t *testing.T) {
	r, _ := newTrials(t)
	r.Expect("a", "wechatpay")
	r.Expect("b", "wechatpay")
	r.End([]faults.Trial{"a"})
	trial, _ := r.attribute(begins("merchant->wechatpay", "ref"))
	require.Equal(t, faults.Trial("b"), trial)
}
