package merchant_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// TestCrash kills a shop while it waits for each of its calls, once before the
// provider has acted and once after, and opens another on its database.
func TestCrash_NextProcessGoesOn(t *testing.T) {
	for _, method := range []payment.Method{payment.MethodCode, payment.MethodBarcode} {
		for _, operation := range []string{"start", "query", "refund", "refund-query"} {
			for _, acted := range []bool{false, true} {
				if method == payment.MethodBarcode && operation == "query" {
					continue // a barcode is captured by its start
				}
				t.Run(fmt.Sprintf("%s/%s/acted=%t", method, operation, acted), func(t *testing.T) {
					crashAt(t, method, operation, acted)
				})
			}
		}
	}
}

// crashAt lets the first shop hang in an operation for ever, abandons it, and
// expects of the second that the shopper's 1000 are taken once, that goods
// leave once, and that a refund of 300 moves once.
func crashAt(t *testing.T, method payment.Method, operation string, acted bool) {
	provider := &scripted.Provider{SlowRefunds: operation == "refund-query"}
	hung, never := make(chan struct{}), make(chan struct{})
	var once sync.Once
	hang := func(seen string) {
		if seen != operation {
			return
		}
		first := false
		once.Do(func() { first = true })
		if first {
			close(hung)
			<-never
			panic("a killed process does not go on")
		}
	}
	if acted {
		provider.After = hang
	} else {
		provider.Before = hang
	}
	database := filepath.Join(t.TempDir(), "shop.db")
	timers := scripted.Timers()
	timers.GiveUpAfter, timers.OrderExpiry = 20*timers.GiveUpAfter, 30*timers.OrderExpiry
	first, err := scripted.Open(database, provider, timers, merchant.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	go shopping(first, provider, method)
	<-hung
	first.Abandon()

	second := reopen(t, database, provider, timers)
	shopping(second.Shop, provider, method)
	second.eventually("refund done", func(b merchant.Books) bool {
		if len(b.Refunds) == 1 && operation == "refund-query" && b.Refunds[0].State == payment.RefundProcessing {
			if _, err := provider.Finish(b.Refunds[0].Reference, payment.RefundDone); err != nil {
				t.Error(err)
			}
		}
		return refundIs(0, payment.RefundDone)(b) && released(b)
	})
	if taken, returned := provider.Taken(), provider.Returned(); taken != 1000 || returned != 300 {
		t.Errorf("provider took %d and returned %d", taken, returned)
	}
	if got := len(unique(append(first.Released(), second.Released()...))); got != 1 {
		t.Errorf("goods left under %d keys", got)
	}
}

// shopping is a stubborn shopper: every step is repeated with its own key
// until it has worked, and a payment that ended is followed by another.
func shopping(s *scripted.Shop, provider *scripted.Provider, method payment.Method) {
	o, err := s.Order("o1", 1000)
	if err != nil {
		return
	}
	s.Eventually(func(b merchant.Books) bool {
		ended := 0
		for _, p := range b.Payments {
			if p.State == payment.Closed {
				ended++
			}
		}
		view, _, err := s.Start(o.ID, fmt.Sprint("p", ended), method)
		if err == nil && view.Code != "" && len(b.Payments) == 1 {
			_, _ = provider.Pay(b.Payments[0].Reference, payment.Fen(1000), false) // the wallet may refuse; asked again
		}
		return orderIs(0, payment.OrderPaid)(b)
	})
	s.Eventually(func(merchant.Books) bool {
		_, status, err := s.Refund(o.ID, "r1", 300)
		return err == nil && status == 202
	})
}

func unique(keys []string) map[string]bool {
	set := map[string]bool{}
	for _, key := range keys {
		set[key] = true
	}
	return set
}

// TestCrash_BetweenPaidAndReleased finds the release that a killed process
// left in the outbox.
func TestCrash_BetweenPaidAndReleased(t *testing.T) {
	provider := &scripted.Provider{}
	s := open(t, provider, scripted.Patient())
	s.Abandon() // its workers never release
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	scripted.Wait(20e6)
	s.notify(s.pay(0, 1000), 200)
	next := reopen(t, s.database, provider, scripted.Patient())
	next.eventually("goods released", released)
	if got := append(s.Released(), next.Released()...); len(got) != 1 {
		t.Errorf("released %v", got)
	}
}
