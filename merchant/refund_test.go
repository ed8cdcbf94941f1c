package merchant_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

func (s *shop) refund(orderID, requestID string, fen int64, want int) merchant.RefundView {
	s.t.Helper()
	view, status, err := s.Refund(orderID, requestID, fen)
	if err != nil || status != want {
		s.t.Fatalf("refund answered %d, want %d: %v", status, want, err)
	}
	return view
}

func TestRefund_PartsThenAll(t *testing.T) {
	s, o := paid(t, &scripted.Provider{}, scripted.Patient())
	first := s.refund(o.ID, "r1", 400, 202)
	if again := s.refund(o.ID, "r1", 400, 202); again.ID != first.ID {
		t.Errorf("one request id made two refunds")
	}
	s.refund(o.ID, "r1", 300, 409)
	s.refund(o.ID, "r2", 601, 422)
	s.eventually("part refunded", refundIs(0, payment.RefundDone))
	books := s.books() // read anew: orders are read before refunds
	if books.Orders[0].State != payment.OrderPaid || books.Orders[0].Refunded != payment.Fen(400) {
		t.Errorf("order %+v", books.Orders[0])
	}
	s.refund(o.ID, "r3", 600, 202)
	books = s.eventually("all refunded", orderIs(0, payment.OrderRefunded))
	if books.Payments[0].State != payment.Returned || books.Orders[0].Refunded != payment.Fen(1000) {
		t.Errorf("books %+v", books)
	}
	s.refund(o.ID, "r4", 1, 409)
}

func TestRefund_AtOnceNeverBeyondCapture(t *testing.T) {
	s, o := paid(t, &scripted.Provider{}, scripted.Patient())
	var accepted atomic.Int64
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			if _, status, err := s.Refund(o.ID, fmt.Sprint("r", i), 300); err == nil && status == 202 {
				accepted.Add(1)
			}
		})
	}
	group.Wait()
	if accepted.Load() != 3 {
		t.Errorf("%d refunds of 300 of 1000 accepted", accepted.Load())
	}
}

func TestRefund_UnansweredKeepsItsNumberAndBytes(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("refund", scripted.Step{Lost: true}, scripted.Refuse(merchant.NotEnough), scripted.Step{Dropped: true})
	s, o := paid(t, provider, scripted.Patient())
	s.refund(o.ID, "r1", 400, 202)
	s.eventually("refunded", refundIs(0, payment.RefundDone))
	calls := provider.Calls("refund")
	for _, call := range calls {
		if call != calls[0] {
			t.Errorf("try differs: %+v and %+v", call, calls[0])
		}
	}
	if got := provider.Returned(); got != 400 {
		t.Errorf("provider returned %d", got)
	}
}

func TestRefund_AcceptedIsNotDone(t *testing.T) {
	provider := &scripted.Provider{SlowRefunds: true}
	s, o := paid(t, provider, scripted.Patient())
	s.refund(o.ID, "r1", 1000, 202)
	books := s.eventually("accepted", refundIs(0, payment.RefundProcessing))
	if books.Orders[0].State != payment.OrderPaid || !books.Orders[0].Refunded.IsZero() {
		t.Errorf("order %+v", books.Orders[0])
	}
	body, err := provider.Finish(books.Refunds[0].Reference, payment.RefundDone)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := s.Notify(scripted.Signed(), body); got != 200 {
			t.Errorf("refund notification answered %d", got)
		}
	}
	s.eventually("refunded", orderIs(0, payment.OrderRefunded))
}

func TestRefund_RefusedAskedAndAutomatic(t *testing.T) {
	t.Run("asked", func(t *testing.T) {
		provider := &scripted.Provider{}
		provider.Next("refund", scripted.Refuse(merchant.Conflict))
		s, o := paid(t, provider, scripted.Patient())
		s.refund(o.ID, "r1", 1000, 202)
		s.eventually("refused", refundIs(0, payment.RefundRefused))
		s.refund(o.ID, "r2", 1000, 202) // what was refused is left to refund
	})
	t.Run("automatic", func(t *testing.T) {
		provider := &scripted.Provider{}
		provider.Next("refund", scripted.Refuse(merchant.Conflict))
		s := open(t, provider, scripted.Patient())
		o := s.order("o1")
		s.start(o.ID, "p1", payment.MethodCode)
		s.notify(s.pay(0, 7), 200)
		books := s.eventually("handed over", paymentIs(0, payment.HandedOver))
		if len(books.HandedOver) != 1 || books.HandedOver[0].Amount != payment.Fen(7) || books.Refunds[0].State != payment.RefundHandedOver {
			t.Errorf("books %+v", books)
		}
	})
	t.Run("abnormal", func(t *testing.T) {
		provider := &scripted.Provider{SlowRefunds: true}
		s, o := paid(t, provider, scripted.Patient())
		s.refund(o.ID, "r1", 500, 202)
		books := s.eventually("accepted", refundIs(0, payment.RefundProcessing))
		if _, err := provider.Finish(books.Refunds[0].Reference, payment.RefundHandedOver); err != nil {
			t.Fatal(err)
		}
		books = s.eventually("query handed it over", refundIs(0, payment.RefundHandedOver))
		if len(books.HandedOver) != 1 || books.Payments[0].State != payment.Captured {
			t.Errorf("books %+v", books)
		}
	})
}

func TestRefund_RefusedAfterALostAcceptanceIsAskedFirst(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("refund", scripted.Step{Lost: true}, scripted.Refuse(merchant.Conflict))
	s, o := paid(t, provider, scripted.Patient())
	s.refund(o.ID, "r1", 400, 202)
	s.eventually("found done", refundIs(0, payment.RefundDone))
}

func TestRefund_FullBeforeReleaseHoldsGoodsBack(t *testing.T) {
	provider := &scripted.Provider{SlowRefunds: true}
	s := open(t, provider, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	body := s.pay(0, 1000)
	s.notify(body, 200)
	s.refund(o.ID, "r1", 1000, 202)
	books := s.eventually("accepted", refundIs(0, payment.RefundProcessing))
	// Either the goods left before the refund was recorded, or they never do.
	if _, err := provider.Finish(books.Refunds[0].Reference, payment.RefundDone); err != nil {
		t.Fatal(err)
	}
	books = s.eventually("refunded", orderIs(0, payment.OrderRefunded))
	if len(s.Released()) != len(books.Orders[0].Released) || len(s.Released()) > 1 {
		t.Errorf("released %v, books %+v", s.Released(), books.Orders[0])
	}
}
