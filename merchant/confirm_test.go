package merchant_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// Some providers demand that a query confirms what they push. These tests are
// of what is acknowledged then, and of answers that belong to another payment.

// TestConfirm_AcknowledgedOnlyAfterTheQuery: what is booked is what the query
// says, and the delivery is acknowledged no sooner.
func TestConfirm_AcknowledgedOnlyAfterTheQuery(t *testing.T) {
	provider := &scripted.Provider{Unconfirmed: true}
	s := open(t, provider, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	body := s.pay(0, 1000)
	require.NotContains(t, string(body), "1000", "the notification tells nothing that could be booked")
	s.notify(body, 200)
	require.Len(t, provider.Calls("query"), 1)
	books := s.books()
	require.Equal(t, payment.OrderPaid, books.Orders[0].State)
	require.Equal(t, payment.Fen(1000), books.Payments[0].Captured)
	s.notify(body, 200)
	s.eventually("released", released)
	require.Len(t, s.Released(), 1)
}

// TestConfirm_TheQueryDoesNotAgree: until it does the delivery is refused, so
// that it comes again; nothing is booked, and the money is found by the next
// delivery.
func TestConfirm_TheQueryDoesNotAgree(t *testing.T) {
	for name, row := range map[string]struct {
		paid bool
		step scripted.Step
	}{
		"nobody has paid":   {false, scripted.Step{}},
		"no answer":         {true, scripted.Step{Dropped: true}},
		"answer lost":       {true, scripted.Step{Lost: true}},
		"a replica is late": {true, scripted.Refuse(merchant.NotFound)},
		"too many queries":  {true, scripted.Refuse(merchant.Config)},
	} {
		t.Run(name, func(t *testing.T) {
			provider := &scripted.Provider{Unconfirmed: true}
			provider.Next("query", row.step)
			s := open(t, provider, scripted.Patient())
			o := s.order("o1")
			s.start(o.ID, "p1", payment.MethodCode)
			body, err := provider.Notice(s.reference(0))
			require.NoError(t, err)
			if row.paid {
				body = s.pay(0, 1000)
			}
			s.notify(body, 503)
			require.Equal(t, payment.OrderOpen, s.books().Orders[0].State)
			require.Equal(t, payment.Pending, s.books().Payments[0].State)
			s.notify(s.pay(0, 1000), 200)
			require.Equal(t, payment.OrderPaid, s.books().Orders[0].State)
		})
	}
}

// TestConfirm_BookedWithoutAnotherDelivery: the payment's own queries go on
// when the provider never delivers again.
func TestConfirm_BookedWithoutAnotherDelivery(t *testing.T) {
	provider := &scripted.Provider{Unconfirmed: true}
	s := open(t, provider, scripted.Timers())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	provider.Next("query", scripted.Step{Dropped: true})
	body := s.pay(0, 1000)
	_ = s.Notify(scripted.Signed(), body) // 503, if no query by the clock took the dropped one
	s.eventually("paid", orderIs(0, payment.OrderPaid))
}

// TestConfirm_NobodyIsAskedForStrangers: whoever cannot sign makes the shop ask nobody; and who
// speaks of a payment that is not ours does not either.
func TestConfirm_NobodyIsAskedForStrangers(t *testing.T) {
	provider := &scripted.Provider{Unconfirmed: true}
	s := open(t, provider, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	require.Equal(t, 401, s.Notify(nil, s.pay(0, 1000)))
	s.notify([]byte(`{"Trades":[{"Reference":"nobody","Unconfirmed":true}]}`), 404)
	s.notify([]byte(`{"Refund":{"Refund":"nobody","Unconfirmed":true}}`), 404)
	require.Empty(t, provider.Calls("query"))
	require.Empty(t, provider.Calls("refund-query"))
}

// TestConfirm_EndedIsNewsAsWell: the provider tells of a failure; the query
// agrees, and the payment ends without waiting for its time.
func TestConfirm_EndedIsNewsAsWell(t *testing.T) {
	provider := &scripted.Provider{Unconfirmed: true}
	s := open(t, provider, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	provider.RollBack(s.reference(0))
	body, err := provider.Notice(s.reference(0))
	require.NoError(t, err)
	s.notify(body, 200)
	require.Equal(t, payment.Closed, s.books().Payments[0].State)
}

// TestConfirm_OfABasket: each part is asked for, and booked as it stands.
func TestConfirm_OfABasket(t *testing.T) {
	provider := &scripted.Provider{Unconfirmed: true}
	s := open(t, provider, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	provider.Next("query", scripted.Step{}, scripted.Step{Dropped: true})
	body := s.payAll(0)
	s.notify(body, 503)
	s.notify(body, 200)
	require.True(t, ordersAre(payment.OrderPaid)(s.books()))
}

// TestConfirm_Barcode: even "success" is no word to book. A charge that was
// rolled back after it is found out before goods leave.
func TestConfirm_Barcode(t *testing.T) {
	for name, rolledBack := range map[string]bool{"it holds": false, "it was rolled back": true} {
		t.Run(name, func(t *testing.T) {
			provider := &scripted.Provider{Unconfirmed: true}
			if rolledBack {
				provider.Before = func(operation string) {
					if calls := provider.Calls("start"); operation == "query" && len(calls) > 0 {
						provider.RollBack(payment.MerchantReference(calls[0].Reference))
					}
				}
			}
			s := open(t, provider, scripted.Timers())
			o := s.order("o1")
			view, _ := s.start(o.ID, "p1", payment.MethodBarcode)
			require.Equal(t, payment.Pending, view.State, "nothing is booked by the answer")
			if rolledBack {
				s.eventually("closed", paymentIs(0, payment.Closed))
				s.eventually("order closed", orderIs(0, payment.OrderClosed))
				require.Empty(t, s.Released())
				return
			}
			s.eventually("paid", orderIs(0, payment.OrderPaid))
			require.Len(t, provider.Calls("start"), 1)
		})
	}
}

// TestConfirm_Refund: a notification of a refund says only that there is news;
// the amount and the state are the query's.
func TestConfirm_Refund(t *testing.T) {
	for name, row := range map[string]struct {
		step   scripted.Step
		state  payment.RefundState
		status int
		want   payment.RefundState
	}{
		"done":            {scripted.Step{}, payment.RefundDone, 200, payment.RefundDone},
		"still under way": {scripted.Step{}, payment.RefundProcessing, 200, payment.RefundProcessing},
		"refused":         {scripted.Step{}, payment.RefundRefused, 200, payment.RefundRefused},
		"no answer":       {scripted.Step{Dropped: true}, payment.RefundDone, 503, payment.RefundProcessing},
		"none":            {scripted.Refuse(merchant.NotFound), payment.RefundDone, 503, payment.RefundProcessing},
	} {
		t.Run(name, func(t *testing.T) {
			provider := &scripted.Provider{SlowRefunds: true}
			timers := scripted.Patient()
			timers.RefundQueryEvery = timers.GiveUpAfter // only the notification asks
			s, o := paid(t, provider, timers)
			provider.Change(func(p *scripted.Provider) { p.Unconfirmed = true })
			s.refund(o.ID, "r1", 400, 202)
			books := s.eventually("accepted", refundIs(0, payment.RefundProcessing))
			body, err := provider.Finish(books.Refunds[0].Reference, row.state)
			require.NoError(t, err)
			require.NotContains(t, string(body), "400")
			provider.Next("refund-query", row.step)
			s.notify(body, row.status)
			books = s.books()
			require.Equal(t, row.want, books.Refunds[0].State)
			done := payment.Fen(0)
			if row.want == payment.RefundDone {
				done = payment.Fen(400)
			}
			require.Equal(t, done, books.Orders[0].Refunded)
			if row.status == 503 {
				s.notify(body, 200)
				require.Equal(t, payment.RefundDone, s.books().Refunds[0].State)
			}
		})
	}
}

// TestConfirm_RefundOfAnotherPayment: a refund that is ours under a payment
// that it does not belong to is nobody's news.
func TestConfirm_RefundOfAnotherPayment(t *testing.T) {
	provider := &scripted.Provider{SlowRefunds: true}
	timers := scripted.Patient()
	timers.RefundQueryEvery = timers.GiveUpAfter
	s, o := paid(t, provider, timers)
	s.refund(o.ID, "r1", 400, 202)
	books := s.eventually("accepted", refundIs(0, payment.RefundProcessing))
	body, err := json.Marshal(merchant.Notice{Refund: &merchant.RefundReport{Payment: "another", Refund: books.Refunds[0].Reference, Unconfirmed: true}})
	require.NoError(t, err)
	s.notify(body, 422)
	require.Empty(t, provider.Calls("refund-query"))
}

// TestAsk_AnswersOfAnotherPayment: a provider mixes up two answers. Neither the
// payment that was asked about nor the one that was answered about is booked by
// it, be it as paid or as ended; when the mix-up is over, both are.
func TestAsk_AnswersOfAnotherPayment(t *testing.T) {
	provider := &scripted.Provider{}
	timers := scripted.Timers()
	timers.OrderExpiry *= 20
	s := open(t, provider, timers)
	first, second := s.order("o1"), s.order("o2")
	s.start(first.ID, "p1", payment.MethodCode)
	s.start(second.ID, "p1", payment.MethodCode)
	one, other := s.reference(0), s.reference(1)
	provider.Mistake(one, other)
	provider.Mistake(other, one)
	s.pay(0, 1000)
	asked := func(reference payment.MerchantReference) (times int) {
		for _, call := range provider.Calls("query") {
			if call.Reference == string(reference) {
				times++
			}
		}
		return times
	}
	// Four queries of each reach beyond the time at which they are given up.
	s.eventually("both were asked for in vain", func(merchant.Books) bool { return asked(one) > 4 && asked(other) > 4 })
	require.True(t, paymentsAre(payment.Pending)(s.books()))
	require.True(t, ordersAre(payment.OrderOpen)(s.books()))
	provider.Mistake(one, "")
	provider.Mistake(other, "")
	s.eventually("the one is paid", orderIs(0, payment.OrderPaid))
	s.eventually("the other is closed", paymentIs(1, payment.Closed))
	s.eventually("released", released)
	require.Len(t, s.Released(), 1)
}

// TestAsk_AnotherPaymentConfirmsNothing: the same, where a notification wants
// the query's word.
func TestAsk_AnotherPaymentConfirmsNothing(t *testing.T) {
	provider := &scripted.Provider{Unconfirmed: true}
	s := open(t, provider, scripted.Patient())
	first, second := s.order("o1"), s.order("o2")
	s.start(first.ID, "p1", payment.MethodCode)
	s.start(second.ID, "p1", payment.MethodCode)
	provider.Mistake(s.reference(0), s.reference(1))
	body := s.pay(0, 1000)
	s.notify(body, 503)
	require.True(t, ordersAre(payment.OrderOpen)(s.books()))
	provider.Mistake(s.reference(0), "")
	s.notify(body, 200)
	require.Equal(t, payment.OrderPaid, s.books().Orders[0].State)
	require.Equal(t, payment.OrderOpen, s.books().Orders[1].State)
}
