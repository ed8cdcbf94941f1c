package merchant_test

import (
	"path/filepath"
	"testing"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// TestCredit: money that is of no order becomes the shopper's balance, once
// however often it is told, and none of it goes back.
func TestCredit(t *testing.T) {
	for name, database := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "shop.db") },
		"postgres": database,
	} {
		t.Run(name, func(t *testing.T) {
			policy := merchant.DefaultPolicy()
			policy.KeepsBalances = func() bool { return true }
			provider := &scripted.Provider{}
			s := decide(t, database(t), provider, scripted.Patient(), policy)
			o := s.order("o1")
			s.start(o.ID, "p1", payment.MethodCode)
			s.start(o.ID, "p2", payment.MethodCode)
			s.notify(s.pay(0, 1000), 200)
			s.notify(s.pay(1, 1000), 200)
			s.notify(s.pay(1, 1000), 200)
			wrong := s.order("o2")
			s.start(wrong.ID, "p1", payment.MethodCode)
			s.notify(s.pay(2, 1), 200)

			books := s.eventually("credited", func(b merchant.Books) bool { return len(b.Balances) == 1 && len(b.Balances[0].Credits) == 2 })
			balance := books.Balances[0]
			if balance.Account != "shopper" || balance.Amount != payment.Fen(1001) {
				t.Errorf("the balance is %+v", balance)
			}
			for i, want := range []payment.Money{payment.Fen(1000), payment.Fen(1)} {
				if got := balance.Credits[i]; got.Amount != want || got.Reference != s.reference(i+1) {
					t.Errorf("credit %d is %+v", i, got)
				}
			}
			if got := provider.Returned(); got != 0 || len(books.Refunds) != 0 {
				t.Errorf("%d went back", got)
			}
		})
	}
}
