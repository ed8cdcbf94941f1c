package merchant_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// TestProperty_AnyHistory draws what shoppers, wallets and the network do to
// one order, in any order and with any answers lost, and checks after each
// step what must always be true of the books.
func TestProperty_AnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		folder, err := os.MkdirTemp(t.TempDir(), "shop")
		if err != nil {
			rt.Fatal(err)
		}
		provider := &scripted.Provider{}
		s, err := scripted.Open(filepath.Join(folder, "shop.db"), provider, scripted.Timers(), merchant.DefaultPolicy())
		if err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				rt.Error(err)
			}
		}()
		o, err := s.Order("o1", 1000)
		if err != nil {
			rt.Fatal(err)
		}
		past := merchant.Books{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			live(rt, s, o)
			now := still(rt, s)
			mustHold(rt, past, now)
			past = now
		}
	})
}

// still reads the books between two moves. They are read table by table, so one
// reading may have seen half of a move; the next then differs.
func still(rt *rapid.T, s *scripted.Shop) merchant.Books {
	var before merchant.Books
	for {
		now, err := s.Books()
		if err != nil {
			rt.Fatal(err)
		}
		if reflect.DeepEqual(before, now) {
			return now
		}
		before = now
	}
}

// live draws and does one thing.
func live(rt *rapid.T, s *scripted.Shop, o merchant.OrderView) {
	operations := []string{"start", "query", "close", "reverse", "refund", "refund-query"}
	switch rapid.SampledFrom([]string{"start", "pay", "pay", "notify", "refund", "fault", "wait"}).Draw(rt, "step") {
	case "start":
		method := rapid.SampledFrom([]payment.Method{payment.MethodCode, payment.MethodBarcode}).Draw(rt, "method")
		key := rapid.SampledFrom([]string{"p1", "p2", "p3"}).Draw(rt, "key")
		_, _, _ = s.Start(o.ID, key, method) // any refusal is fine; the books are what is judged
	case "pay", "notify":
		books, err := s.Books()
		if err != nil || len(books.Payments) == 0 {
			return
		}
		paid := rapid.SampledFrom(books.Payments).Draw(rt, "payment")
		fen := rapid.SampledFrom([]int64{1000, 1000, 1000, 999}).Draw(rt, "fen")
		if !paid.Captured.IsZero() {
			fen = paid.Captured.Minor // a wallet pays a payment once
		}
		if body, err := s.Provider.Pay(paid.Reference, payment.Fen(fen), true); err == nil && rapid.Bool().Draw(rt, "notified") {
			s.Notify(scripted.Signed(), body)
		}
	case "refund":
		fen := rapid.Int64Range(1, 1000).Draw(rt, "fen")
		_, _, _ = s.Refund(o.ID, rapid.SampledFrom([]string{"r1", "r2", "r3"}).Draw(rt, "request"), fen)
	case "fault":
		fault := rapid.SampledFrom([]scripted.Step{{Lost: true}, {Dropped: true}, scripted.Refuse(merchant.Conflict)}).Draw(rt, "fault")
		s.Provider.Next(rapid.SampledFrom(operations).Draw(rt, "operation"), fault)
	case "wait":
		scripted.Wait(40e6)
	}
}

// mustHold checks the books alone and against the books before.
func mustHold(rt *rapid.T, past, now merchant.Books) {
	for _, p := range now.Payments {
		var refunded int64
		for _, r := range now.Refunds {
			if r.PaymentID == p.ID && r.State != payment.RefundRefused {
				refunded += r.Amount.Minor
			}
		}
		if refunded > p.Captured.Minor {
			rt.Fatalf("refunds of %d beyond capture: %+v", refunded, now)
		}
	}
	if n := len(now.Orders[0].Released); n > 1 {
		rt.Fatalf("released %d times", n)
	}
	for i, p := range past.Payments {
		// Two moves may lie between two looks, such as captured and returned.
		legal := p.State.MayBecome(now.Payments[i].State) || now.Payments[i].State == payment.Returned ||
			now.Payments[i].State == payment.HandedOver || p.State == payment.Pending
		if !legal {
			rt.Fatalf("payment moved from %s to %s", p.State, now.Payments[i].State)
		}
	}
	if len(past.Orders) > 0 && past.Orders[0].State == payment.OrderClosed && now.Orders[0].State != payment.OrderClosed {
		rt.Fatalf("a closed order became %s", now.Orders[0].State)
	}
}
