package merchant_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

func (s *shop) asks(method, path string, ask any) (merchant.OrderView, int) {
	s.t.Helper()
	var view merchant.OrderView
	status, err := s.Do(method, path, ask, &view)
	require.NoError(s.t, err)
	return view, status
}

// TestCancel_EndsWhatNobodyPaid: the order is closed at once, its payment at the
// provider soon after; a second cancel changes nothing.
func TestCancel_EndsWhatNobodyPaid(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Timers())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	for range 2 {
		view, status := s.asks(http.MethodPost, "/orders/"+o.ID+"/cancel", nil)
		require.Equal(t, 200, status)
		require.Equal(t, payment.OrderClosed, view.State)
	}
	s.eventually("the payment is closed", func(b merchant.Books) bool { return b.Payments[0].State == payment.Closed })
	require.NotEmpty(t, s.Provider.Calls("close"))
	_, status := s.start(o.ID, "p2", payment.MethodCode)
	require.Equal(t, 409, status, "what is cancelled cannot be paid any more")
}

// TestCancel_MoneyThatComesAllTheSameGoesBack: the goods may be promised to somebody else by then.
func TestCancel_MoneyThatComesAllTheSameGoesBack(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	body, err := s.Provider.Pay(s.books().Payments[0].Reference, payment.Fen(1000), false)
	require.NoError(t, err)
	_, status := s.asks(http.MethodPost, "/orders/"+o.ID+"/cancel", nil)
	require.Equal(t, 200, status, "nobody has told the shop yet")
	s.notify(body, 200)
	s.eventually("the money went back", func(b merchant.Books) bool {
		return len(b.Refunds) == 1 && b.Refunds[0].State == payment.RefundDone && b.Orders[0].State == payment.OrderClosed
	})
	require.EqualValues(t, 1000, s.Provider.Returned())
}

// TestCancel_NotOfWhatIsPaid: that is refunded, not cancelled.
func TestCancel_NotOfWhatIsPaid(t *testing.T) {
	s, o := paid(t, &scripted.Provider{}, scripted.Patient())
	_, status := s.asks(http.MethodPost, "/orders/"+o.ID+"/cancel", nil)
	require.Equal(t, 409, status)
	require.Equal(t, payment.OrderPaid, s.books().Orders[0].State)
}

// basketOf is a change to one thing at a price.
func basketOf(fen int64) merchant.BasketChange {
	return merchant.BasketChange{Lines: []merchant.Line{{Name: "cup", Quantity: 1, Price: payment.Fen(fen)}}, Total: payment.Fen(fen)}
}

// TestChange_OnlyBeforeAnythingIsPaid: a basket may change until its price was shown
// to a wallet. With that guard dropped, a big basket is sent for the price of a small
// one.
func TestChange_OnlyBeforeAnythingIsPaid(t *testing.T) {
	for name, guarded := range map[string]bool{"the right merchant": true, "without the guard": false} {
		t.Run(name, func(t *testing.T) {
			policy := merchant.DefaultPolicy()
			policy.ChangesWhilePaying = func() bool { return !guarded }
			opened, err := scripted.Open(filepath.Join(t.TempDir(), "shop.db"), &scripted.Provider{}, scripted.Patient(), policy)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, opened.Close()) })
			s := &shop{Shop: opened, t: t}
			o := s.order("o1")
			view, status := s.asks(http.MethodPut, "/orders/"+o.ID+"/lines", basketOf(2000))
			require.Equal(t, 200, status)
			require.Equal(t, payment.Fen(2000), view.Total)
			s.start(o.ID, "p1", payment.MethodCode)
			_, status = s.asks(http.MethodPut, "/orders/"+o.ID+"/lines", basketOf(9000))
			require.Equal(t, guarded, status == 409)
			body, err := s.Provider.Pay(s.books().Payments[0].Reference, payment.Fen(2000), false)
			require.NoError(t, err)
			s.notify(body, 200)
			require.Equal(t, payment.OrderPaid, s.books().Orders[0].State)
			require.Equal(t, guarded, s.books().Orders[0].Total == payment.Fen(2000))
		})
	}
}

// TestChange_Refusals: a total that is not the sum, and an order that nobody placed.
func TestChange_Refusals(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	o := s.order("o1")
	wrong := basketOf(100)
	wrong.Total = payment.Fen(99)
	_, status := s.asks(http.MethodPut, "/orders/"+o.ID+"/lines", wrong)
	require.Equal(t, 422, status)
	_, status = s.asks(http.MethodPut, "/orders/nobody/lines", basketOf(100))
	require.Equal(t, 404, status)
}

// TestReturn_AsksAtOnceAndBelievesNothing: a browser that comes back has the payment
// looked at, and proves nothing.
func TestReturn_AsksAtOnceAndBelievesNothing(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	view, status := s.asks(http.MethodPost, "/orders/"+o.ID+"/return", nil)
	require.Equal(t, 200, status)
	require.Equal(t, payment.OrderOpen, view.State)
	s.eventually("it was asked about", func(merchant.Books) bool { return len(s.Provider.Calls("query")) == 1 })
	_, err := s.Provider.Pay(s.books().Payments[0].Reference, payment.Fen(1000), false)
	require.NoError(t, err)
	s.asks(http.MethodPost, "/orders/"+o.ID+"/return", nil)
	s.eventually("the order is paid", func(b merchant.Books) bool { return b.Orders[0].State == payment.OrderPaid })
}
