package merchant_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// TestReverse_StillUnderWay: the answer to a reverse is lost, and the shopper's
// money arrives in the same moment. A query would say "paid"; the reverse that
// may still be on its way would then take the money of goods that left. So the
// merchant reverses until it is answered, and releases nothing before.
func TestReverse_StillUnderWay(t *testing.T) {
	provider := &scripted.Provider{AsksPassword: true}
	provider.Next("reverse", scripted.Step{Dropped: true})
	var s *shop
	paidMeanwhile := false
	provider.Before = func(operation string) {
		if operation == "reverse" && !paidMeanwhile {
			paidMeanwhile = true
			s.pay(0, 1000)
		}
	}
	s = open(t, provider, scripted.Timers())
	order := s.order("o1")
	s.start(order.ID, "p1", payment.MethodBarcode)
	books := s.eventually("over", func(b merchant.Books) bool { return b.Payments[0].State.Terminal() })
	require.GreaterOrEqual(t, len(provider.Calls("reverse")), 2, "an unanswered reverse is sent again")
	if len(books.Orders[0].Released) > 0 {
		require.EqualValues(t, 1000, provider.Taken()-provider.Returned(), "goods that left are paid")
	}
}

// TestAbsence_NoProofForWhatWasAcknowledged: the provider gave a code under a
// proven signature, and it was paid. "Not found" twice is then somebody who is
// behind, or not the provider; the payment is asked for until it shows.
func TestAbsence_NoProofForWhatWasAcknowledged(t *testing.T) {
	provider := &scripted.Provider{}
	timers := scripted.Timers()
	timers.QueryAfter = nil
	provider.Next("query", scripted.Refuse(merchant.NotFound), scripted.Refuse(merchant.NotFound), scripted.Refuse(merchant.NotFound))
	s := open(t, provider, timers)
	order := s.order("o1")
	s.start(order.ID, "p1", payment.MethodCode)
	s.pay(0, 1000) // its notification never comes
	s.eventually("paid", orderIs(0, payment.OrderPaid))
}

// TestRefund_RefusedAndThenDone: news that the money went back after all is
// booked, or the amount would be free for a second refund.
func TestRefund_RefusedAndThenDone(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("refund", scripted.Refuse(merchant.Conflict))
	s, order := paid(t, provider, scripted.Patient())
	_, _, err := s.Refund(order.ID, "r1", 400)
	require.NoError(t, err)
	books := s.eventually("refused", refundIs(0, payment.RefundRefused))
	report, err := json.Marshal(merchant.Notice{Refund: &merchant.RefundReport{Payment: books.Payments[0].Reference, Refund: books.Refunds[0].Reference,
		ProviderReference: "B1", State: payment.RefundDone, Amount: payment.Fen(400)}})
	require.NoError(t, err)
	s.Notify(scripted.Signed(), report)
	s.eventually("done", refundIs(0, payment.RefundDone))
	require.Equal(t, payment.Fen(400), s.books().Orders[0].Refunded)
}

// TestRefund_AutomaticIDsAreTheShopsOwn: whoever could take the id of an
// automatic refund beforehand would swallow it.
func TestRefund_AutomaticIDsAreTheShopsOwn(t *testing.T) {
	provider := &scripted.Provider{}
	s, order := paid(t, provider, scripted.Patient())
	_, status, _ := s.Refund(order.ID, "automatic-second-P1", 1)
	require.Equal(t, 422, status)
}
