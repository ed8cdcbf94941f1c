package merchant_test

import (
	"path/filepath"
	"testing"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// shop is a scripted.Shop whose failures fail the test.
type shop struct {
	*scripted.Shop
	t        *testing.T
	database string
}

func open(t *testing.T, provider *scripted.Provider, timers merchant.Timers) *shop {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "shop.db"), provider, timers)
}

func reopen(t *testing.T, database string, provider *scripted.Provider, timers merchant.Timers) *shop {
	t.Helper()
	return decide(t, database, provider, timers, merchant.DefaultPolicy())
}

// decide opens a shop that decides in its own way.
func decide(t *testing.T, database string, provider *scripted.Provider, timers merchant.Timers, policy merchant.Policy) *shop {
	t.Helper()
	s, err := scripted.Open(database, provider, timers, policy)
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	t.Cleanup(func() {
		if !closed {
			closed = true
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return &shop{Shop: s, t: t, database: database}
}

func (s *shop) order(key string) merchant.OrderView {
	s.t.Helper()
	view, err := s.Order(key, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	return view
}

func (s *shop) start(orderID, key string, method payment.Method) (merchant.PaymentView, int) {
	s.t.Helper()
	view, status, err := s.Start(orderID, key, method)
	if err != nil {
		s.t.Fatal(err)
	}
	return view, status
}

// reference is the merchant reference of the nth payment in the books.
func (s *shop) reference(n int) payment.MerchantReference {
	s.t.Helper()
	books, err := s.Books()
	if err != nil || len(books.Payments) <= n {
		s.t.Fatalf("payment %d of %d: %v", n, len(books.Payments), err)
	}
	return books.Payments[n].Reference
}

// pay has the shopper pay the nth payment and returns its notification.
func (s *shop) pay(n int, fen int64) []byte {
	s.t.Helper()
	body, err := s.Provider.Pay(s.reference(n), payment.Fen(fen), true)
	if err != nil {
		s.t.Fatal(err)
	}
	return body
}

func (s *shop) notify(body []byte, want int) {
	s.t.Helper()
	if got := s.Notify(scripted.Signed(), body); got != want {
		s.t.Fatalf("notification answered %d, want %d", got, want)
	}
}

func (s *shop) eventually(what string, fact func(merchant.Books) bool) merchant.Books {
	s.t.Helper()
	books, held := s.Eventually(fact)
	if !held {
		s.t.Fatalf("never: %s; books are %+v", what, books)
	}
	return books
}

func orderIs(n int, state payment.OrderState) func(merchant.Books) bool {
	return func(b merchant.Books) bool { return len(b.Orders) > n && b.Orders[n].State == state }
}

func paymentIs(n int, state payment.State) func(merchant.Books) bool {
	return func(b merchant.Books) bool { return len(b.Payments) > n && b.Payments[n].State == state }
}

func refundIs(n int, state payment.RefundState) func(merchant.Books) bool {
	return func(b merchant.Books) bool { return len(b.Refunds) > n && b.Refunds[n].State == state }
}

func released(b merchant.Books) bool { return len(b.Orders) > 0 && len(b.Orders[0].Released) > 0 }

// paid is a shop with one order that is paid and released.
func paid(t *testing.T, provider *scripted.Provider, timers merchant.Timers) (*shop, merchant.OrderView) {
	t.Helper()
	s := open(t, provider, timers)
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.notify(s.pay(0, 1000), 200)
	s.eventually("goods released", released)
	return s, o
}
