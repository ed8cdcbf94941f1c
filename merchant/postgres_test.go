package merchant_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/payquake/payquake/internal/postgres"
	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// database is the URL of a PostgreSQL to test with: the one named by
// PAYQUAKE_TEST_POSTGRES, or a server of this test's own.
func database(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("PAYQUAKE_TEST_POSTGRES"); url != "" {
		return url
	}
	url, stop, err := postgres.Start()
	if errors.Is(err, postgres.ErrNone) {
		t.Skipf("PAYQUAKE_TEST_POSTGRES is not set, and %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// TestPostgres runs one order's life with everything at once.
func TestPostgres(t *testing.T) {
	url := database(t)
	provider := &scripted.Provider{}
	provider.Next("start", scripted.Step{Lost: true})
	provider.Next("refund", scripted.Step{Lost: true})
	timers := scripted.Timers()
	timers.GiveUpAfter, timers.OrderExpiry = 20*timers.GiveUpAfter, 30*timers.OrderExpiry
	s := reopen(t, url, provider, timers)
	key := strconv.FormatInt(merchant.SystemClock{}.Now().UnixNano(), 36)
	o := s.order(key)
	s.start(o.ID, "p1", payment.MethodCode)
	find := func(b merchant.Books) (merchant.OrderEntry, merchant.PaymentEntry) {
		for i, entry := range b.Orders {
			if entry.Key == key && i < len(b.Payments) {
				for _, p := range b.Payments {
					if p.OrderID == entry.ID {
						return entry, p
					}
				}
			}
		}
		return merchant.OrderEntry{}, merchant.PaymentEntry{}
	}
	var body []byte
	s.eventually("known to the provider", func(b merchant.Books) bool {
		_, p := find(b)
		var err error
		body, err = provider.Pay(p.Reference, payment.Fen(1000), false)
		return err == nil
	})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if got := s.Notify(scripted.Signed(), body); got != 200 {
				t.Errorf("notification answered %d", got)
			}
		})
	}
	group.Wait()
	s.eventually("released", func(b merchant.Books) bool { entry, _ := find(b); return len(entry.Released) == 1 })
	for i := range 4 {
		group.Go(func() { _, _, _ = s.Refund(o.ID, "r"+strconv.Itoa(i), 500) })
	}
	group.Wait()
	s.eventually("refunded", func(b merchant.Books) bool { entry, _ := find(b); return entry.State == payment.OrderRefunded })
	if got := provider.Returned(); got != 1000 {
		t.Errorf("provider returned %d", got)
	}
}

// BenchmarkOrders measures whole orders: placed, started, notified, released.
func BenchmarkOrders(b *testing.B) {
	provider := &scripted.Provider{}
	s, err := scripted.Open(filepath.Join(b.TempDir(), "shop.db"), provider, scripted.Patient(), merchant.DefaultPolicy())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := 0; b.Loop(); i++ {
		o, err := s.Order(strconv.Itoa(i), 1000)
		if err != nil {
			b.Fatal(err)
		}
		view, _, err := s.Start(o.ID, "p1", payment.MethodCode)
		if err != nil {
			b.Fatal(err)
		}
		body, err := provider.Pay(payment.MerchantReference(view.Code[len("code:"):]), payment.Fen(1000), false)
		if err != nil {
			b.Fatal(err)
		}
		if got := s.Notify(scripted.Signed(), body); got != 200 {
			b.Fatalf("notification answered %d", got)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := s.Checkout.Books(ctx); err != nil {
		b.Fatal(err)
	}
}
