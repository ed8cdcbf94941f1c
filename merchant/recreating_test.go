package merchant_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// recreating opens a shop that makes a payment anew when its create was not
// answered, and has enough time to.
func recreating(t *testing.T, provider *scripted.Provider) *shop {
	t.Helper()
	policy := merchant.DefaultPolicy()
	policy.Recreates = func(payment.Method) bool { return true }
	timers := scripted.Timers()
	timers.GiveUpAfter, timers.OrderExpiry = 20*timers.GiveUpAfter, 30*timers.OrderExpiry
	return decide(t, filepath.Join(t.TempDir(), "shop.db"), provider, timers, policy)
}

// TestRecreate: an unanswered create, whether it arrived or not, is never sent
// again. Its number is used up first, then the shopper finds another code under
// the same key, and pays once.
func TestRecreate(t *testing.T) {
	for name, step := range map[string]scripted.Step{"answer lost": {Lost: true}, "never arrived": {Dropped: true}} {
		t.Run(name, func(t *testing.T) {
			provider := &scripted.Provider{}
			provider.Next("start", step)
			s := recreating(t, provider)
			o := s.order("o1")
			s.start(o.ID, "p1", payment.MethodCode)
			s.eventually("another code", func(merchant.Books) bool {
				view, _ := s.start(o.ID, "p1", payment.MethodCode)
				return view.Code != ""
			})
			creates := provider.Calls("start")
			if len(creates) != 2 || creates[0].Reference == creates[1].Reference {
				t.Errorf("creates are %v", creates)
			}
			s.notify(s.pay(1, 1000), 200)
			books := s.eventually("released", released)
			if states := []payment.State{books.Payments[0].State, books.Payments[1].State}; !slices.Equal(states, []payment.State{payment.Closed, payment.Captured}) {
				t.Errorf("payments are %v", states)
			}
		})
	}
}

// TestRecreate_LateMoneyGoesBack: what the given-up number collects all the same is
// not the order's.
func TestRecreate_LateMoneyGoesBack(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("start", scripted.Step{Lost: true})
	s := recreating(t, provider)
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.eventually("made anew", func(b merchant.Books) bool { return len(b.Payments) == 2 && b.Payments[1].State == payment.Pending })
	s.notify(s.pay(1, 1000), 200)
	s.notify(s.pay(0, 1000), 200)
	s.eventually("second money returned", func(b merchant.Books) bool { return b.Payments[0].State == payment.Returned })
	if got := provider.Taken() - provider.Returned(); got != 1000 {
		t.Errorf("the shop keeps %d", got)
	}
}

// TestRecreate_PartsStayTogether: a combined payment is asked for again as it was.
func TestRecreate_PartsStayTogether(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("start", scripted.Step{Dropped: true})
	s := recreating(t, provider)
	basket, _, err := s.Basket("b1", 300, 700)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.StartBasket(basket.ID, "p1", payment.MethodCode); err != nil {
		t.Fatal(err)
	}
	s.eventually("a code for each", func(b merchant.Books) bool {
		view, _, err := s.StartBasket(basket.ID, "p1", payment.MethodCode)
		return err == nil && view.Code != ""
	})
	creates := provider.Calls("start")
	if slices.ContainsFunc(creates, func(c scripted.Call) bool { return c.Body != creates[0].Body }) || len(creates) < 2 {
		t.Errorf("creates are %v", creates)
	}
}
