package merchant_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// refusing makes the shop's database refuse what the trigger is about, until
// the returned function is called. A hold lasts 16 s with these timers and eventually waits
// for 5, so what comes about afterwards was not left to the hold's end.
func (s *shop) refusing(trigger string) (recover func()) {
	s.t.Helper()
	database, err := sql.Open("sqlite", "file:"+s.database+"?_pragma=busy_timeout(10000)")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = database.Close() }) // nothing is lost with it
	run := func(statement string) {
		s.t.Helper()
		if _, err := database.ExecContext(context.Background(), statement); err != nil {
			s.t.Fatal(err)
		}
	}
	run("CREATE TRIGGER refusing " + trigger + " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
	return func() { run("DROP TRIGGER refusing") }
}

func TestHold_EndsWhenTheStepFails(t *testing.T) {
	provider := &scripted.Provider{}
	s := open(t, provider, scripted.Patient())
	recover := s.refusing("BEFORE UPDATE OF released_at ON releases")
	o := s.order("o1")
	s.start(o.ID, "p1", payment.MethodCode)
	s.notify(s.pay(0, 1000), 200)
	s.eventually("goods left, unbooked", func(merchant.Books) bool { return len(s.Released()) > 0 })
	recover()
	s.eventually("release booked", released)
	if keys := unique(s.Released()); len(keys) != 1 {
		t.Errorf("goods left under the keys %v", keys)
	}
}

func TestHold_EndsWhenTheAnswerToAStartIsNotBooked(t *testing.T) {
	provider := &scripted.Provider{}
	s := open(t, provider, scripted.Patient())
	recover := s.refusing("BEFORE UPDATE OF answered ON payments")
	o := s.order("o1")
	if _, status := s.start(o.ID, "p1", payment.MethodCode); status != 500 {
		t.Fatalf("a start whose answer cannot be booked is answered %d", status)
	}
	recover()
	s.eventually("code known", func(merchant.Books) bool {
		view, _ := s.start(o.ID, "p1", payment.MethodCode)
		return view.Code != ""
	})
}

func TestHold_EndsWhenTheAnswerToABasketIsNotBooked(t *testing.T) {
	provider := &scripted.Provider{}
	s := open(t, provider, scripted.Patient())
	recover := s.refusing("BEFORE UPDATE OF answered ON payments")
	basket, _, err := s.Basket("b1", 300, 700)
	if err != nil {
		t.Fatal(err)
	}
	if _, status, err := s.StartBasket(basket.ID, "p1", payment.MethodCode); err != nil || status != 500 {
		t.Fatalf("a start whose answer cannot be booked is answered %d: %v", status, err)
	}
	recover()
	s.eventually("code known", func(merchant.Books) bool {
		view, _, err := s.StartBasket(basket.ID, "p1", payment.MethodCode)
		return err == nil && view.Code != ""
	})
}
