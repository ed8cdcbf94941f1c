package merchant_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

func TestOrder_SameKeySameOrder(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	first, again := s.order("o1"), s.order("o1")
	if first.ID != again.ID || first.State != payment.OrderOpen {
		t.Errorf("orders %+v and %+v", first, again)
	}
	ask := merchant.OrderRequest{
		Key: "o1", Shopper: "shopper", Total: payment.Fen(2),
		Lines: []merchant.Line{{Name: "tea", Quantity: 2, Price: payment.Fen(1)}},
	}
	if status, err := s.Do(http.MethodPost, "/orders", ask, nil); err != nil || status != 409 {
		t.Errorf("other content under one key: %d, %v", status, err)
	}
	ask.Key, ask.Total = "o2", payment.Fen(3)
	if status, err := s.Do(http.MethodPost, "/orders", ask, nil); err != nil || status != 422 {
		t.Errorf("wrong total: %d, %v", status, err)
	}
	ask.Lines[0].Quantity, ask.Total = -1, payment.Fen(-1)
	if status, err := s.Do(http.MethodPost, "/orders", ask, nil); err != nil || status != 422 {
		t.Errorf("negative quantity: %d, %v", status, err)
	}
}

func TestNotification_PaysOnceUnderConcurrency(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	o := s.order("o1")
	view, status := s.start(o.ID, "p1", payment.MethodCode)
	if status != 200 || view.Code == "" {
		t.Fatalf("start answered %d %+v", status, view)
	}
	body := s.pay(0, 1000)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if got := s.Notify(scripted.Signed(), body); got != 200 {
				t.Errorf("notification answered %d", got)
			}
		})
	}
	group.Wait()
	books := s.eventually("goods released", released)
	scripted.Wait(50 * time.Millisecond)
	if got := s.Released(); len(got) != 1 || len(books.Orders[0].Released) != 1 {
		t.Errorf("released %v", got)
	}
	if history := books.Orders[0].History; len(history) != 2 || history[1].State != payment.OrderPaid {
		t.Errorf("history %+v", history)
	}
}

func TestNotification_UnknownForgedOrMalformedIsRefused(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	body := s.pay(0, 1000)
	if got := s.Notify(http.Header{}, body); got != 401 {
		t.Errorf("unsigned: %d", got)
	}
	s.notify([]byte(`{"Trades":[{"Reference":"nobody","Standing":"paid"}]}`), 404)
	s.notify([]byte(`{}`), 422) // says nothing, and so is not understood
	s.notify([]byte(`{`), 422)
	if books, err := s.Books(); err != nil || books.Orders[0].State != payment.OrderOpen {
		t.Errorf("books %+v, %v", books, err)
	}
}

func TestCapture_WrongAmountGoesBack(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.notify(s.pay(0, 10), 200)
	books := s.eventually("payment returned", paymentIs(0, payment.Returned))
	if r := books.Refunds[0]; r.Cause != "wrong-amount" || r.Amount != payment.Fen(10) || books.Orders[0].State != payment.OrderOpen {
		t.Errorf("books %+v", books)
	}
}

func TestCapture_SecondGoesBack(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.start(o.ID, "p2", payment.MethodCode)
	s.notify(s.pay(1, 1000), 200)
	s.notify(s.pay(0, 1000), 200)
	books := s.eventually("first payment returned", paymentIs(0, payment.Returned))
	if books.Refunds[0].Cause != "second" || books.Orders[0].State != payment.OrderPaid || !books.Orders[0].Refunded.IsZero() {
		t.Errorf("books %+v", books)
	}
}

func TestCapture_LateGoesBackAndNeverReopens(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Timers())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.eventually("order closed", orderIs(0, payment.OrderClosed))
	s.notify(s.pay(0, 1000), 200)
	books := s.eventually("payment returned", paymentIs(0, payment.Returned))
	if books.Refunds[0].Cause != "late" || books.Orders[0].State != payment.OrderClosed || len(books.Orders[0].Released) != 0 {
		t.Errorf("books %+v", books)
	}
}

func TestQuery_FindsWhatNobodyNotified(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Timers())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.pay(0, 1000)
	s.eventually("goods released", released)
}

func TestGiveUp_CloseLosesTheRace(t *testing.T) {
	provider := &scripted.Provider{}
	timers := scripted.Timers()
	timers.QueryAfter = nil
	var s *shop
	var once sync.Once
	provider.Before = func(operation string) {
		if operation == "close" {
			once.Do(func() { s.pay(0, 1000) })
		}
	}
	s = open(t, provider, timers)
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.eventually("order paid", orderIs(0, payment.OrderPaid))
	if got := len(provider.Calls("close")); got != 1 {
		t.Errorf("%d closes", got)
	}
}

func TestGiveUp_ClosesWhatNobodyPaid(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("close", scripted.Step{Dropped: true}, scripted.Step{Lost: true})
	s := open(t, provider, scripted.Timers())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	books := s.eventually("order closed", orderIs(0, payment.OrderClosed))
	if books.Payments[0].State != payment.Closed {
		t.Errorf("payment %+v", books.Payments[0])
	}
	if _, status, err := s.Start(o.ID, "p2", payment.MethodCode); err != nil || status != 409 {
		t.Errorf("start on a closed order: %d, %v", status, err)
	}
}

func TestStart_UnansweredIsSentAgainWithIdenticalBytes(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("start", scripted.Step{Lost: true}, scripted.Step{Dropped: true})
	timers := scripted.Timers()
	timers.GiveUpAfter, timers.OrderExpiry = timers.GiveUpAfter*50, timers.OrderExpiry*50
	s := open(t, provider, timers)
	o := s.order("o1")
	if view, status := s.start(o.ID, "p1", payment.MethodCode); status != 202 || view.State != payment.Pending {
		t.Fatalf("start answered %d %+v", status, view)
	}
	s.eventually("three tries", func(merchant.Books) bool { return len(provider.Calls("start")) == 3 })
	calls := provider.Calls("start")
	if calls[0].Body != calls[1].Body || calls[1].Body != calls[2].Body {
		t.Errorf("bytes differ: %q", calls)
	}
	s.eventually("invitation", func(merchant.Books) bool {
		view, status := s.start(o.ID, "p1", payment.MethodCode)
		return status == 200 && view.Code != ""
	})
	if got := len(provider.Calls("start")); got != 3 {
		t.Errorf("a repeated start of an answered payment was sent: %d calls", got)
	}
}

func TestStart_RefusalIsBelievedOfAFirstTryOnly(t *testing.T) {
	for name, steps := range map[string][]scripted.Step{
		"first":  {scripted.Refuse(merchant.Declined)},
		"second": {{Lost: true}, scripted.Refuse(merchant.Declined)},
	} {
		t.Run(name, func(t *testing.T) {
			provider := &scripted.Provider{}
			provider.Next("start", steps...)
			s := open(t, provider, scripted.Timers())
			o := s.order("o1")
			s.start(o.ID, "p1", payment.MethodCode)
			want := payment.Declined
			if len(steps) > 1 {
				want = payment.Closed // asked, found unpaid, closed
			}
			s.eventually(string(want), paymentIs(0, want))
		})
	}
}

func TestBarcode_UndecidedIsNeverChargedAgain(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("start", scripted.Step{Lost: true})
	s := open(t, provider, scripted.Timers())
	o := s.order("o1")
	first, status := s.start(o.ID, "p1", payment.MethodBarcode)
	if status != 202 {
		t.Errorf("start answered %d", status)
	}
	if again, _ := s.start(o.ID, "p2", payment.MethodBarcode); again.ID != first.ID {
		t.Errorf("another key made payment %s beside %s", again.ID, first.ID)
	}
	s.start(o.ID, "p1", payment.MethodBarcode)
	s.eventually("query found the charge", orderIs(0, payment.OrderPaid))
	if got := len(provider.Calls("start")); got != 1 {
		t.Errorf("charged %d times", got)
	}
}

func TestBarcode_UndecidedIsReversed(t *testing.T) {
	for name, provider := range map[string]*scripted.Provider{
		"password": {AsksPassword: true}, "never arrived": {},
	} {
		t.Run(name, func(t *testing.T) {
			if !provider.AsksPassword {
				provider.Next("start", scripted.Step{Dropped: true})
			}
			provider.Next("reverse", scripted.Step{Dropped: true})
			s := open(t, provider, scripted.Timers())
			o := s.order("o1")
			s.start(o.ID, "p1", payment.MethodBarcode)
			books := s.eventually("payment closed", paymentIs(0, payment.Closed))
			if len(provider.Calls("reverse")) < 2 {
				t.Errorf("an unanswered reverse was not repeated")
			}
			if len(books.Refunds) != 0 {
				t.Errorf("refunds %+v", books.Refunds)
			}
		})
	}
}

func TestBarcode_ReversedAfterChargeIsBookedAsReturned(t *testing.T) {
	provider := &scripted.Provider{AsksPassword: true}
	var s *shop
	provider.Before = func(operation string) {
		if operation == "reverse" { // the password is right just before
			s.pay(0, 1000)
		}
	}
	s = open(t, provider, scripted.Timers())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodBarcode)
	books := s.eventually("payment returned", paymentIs(0, payment.Returned))
	if books.Payments[0].Captured != payment.Fen(1000) || len(books.Orders[0].Released) != 0 {
		t.Errorf("books %+v", books)
	}
}

func TestPending_OfAPaidOrderIsClosedAtItsNextQuery(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Timers())
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.start(o.ID, "p2", payment.MethodCode)
	s.notify(s.pay(0, 1000), 200)
	s.eventually("second code closed", paymentIs(1, payment.Closed))
}
