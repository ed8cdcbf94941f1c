package bugs_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/bugs"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/merchant/twins"
	"github.com/payquake/payquake/payment"
)

// shop is a shop with an order of 1000 fen and, maybe, a bug.
type shop struct {
	*scripted.Shop
	t     *testing.T
	order merchant.OrderView
}

func open(t *testing.T, bug *bugs.Bug, provider *scripted.Provider, timers merchant.Timers) *shop {
	t.Helper()
	policy := merchant.DefaultPolicy()
	if bug != nil {
		bug.Apply(&policy)
	}
	s, err := scripted.Open(filepath.Join(t.TempDir(), "shop.db"), provider, timers, policy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	order, err := s.Order("o1", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return &shop{Shop: s, t: t, order: order}
}

func (s *shop) start(key string, method payment.Method) {
	s.t.Helper()
	if _, _, err := s.Start(s.order.ID, key, method); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) pay(n int, fen int64) []byte {
	s.t.Helper()
	books, err := s.Books()
	if err != nil || len(books.Payments) <= n {
		s.t.Fatalf("no payment %d: %v", n, err)
	}
	body, err := s.Provider.Pay(books.Payments[n].Reference, payment.Fen(fen), true)
	if err != nil {
		s.t.Fatal(err)
	}
	return body
}

func (s *shop) notify(body []byte) int { return s.Notify(scripted.Signed(), body) }

// rest is long enough for all of scripted.Timers to have fired.
func rest() { scripted.Wait(700 * time.Millisecond) }

func (s *shop) atRest() merchant.Books {
	s.t.Helper()
	rest()
	books, err := s.Books()
	if err != nil {
		s.t.Fatal(err)
	}
	return books
}

// exposures show each bug: they report whether a shop did wrong. Each is run
// with its bug, where it must be true, and without, where it must be false.
var exposures = map[string]func(t *testing.T, bug *bugs.Bug) bool{
	"new-reference-while-undecided": func(t *testing.T, bug *bugs.Bug) bool {
		provider := &scripted.Provider{}
		provider.Next("start", scripted.Step{Lost: true})
		s := open(t, bug, provider, scripted.Timers())
		s.start("p1", payment.MethodBarcode)
		s.start("p1", payment.MethodBarcode)
		s.atRest()
		return provider.Taken()-provider.Returned() != 1000
	},
	"new-refund-number": func(t *testing.T, bug *bugs.Bug) bool {
		provider := &scripted.Provider{}
		s := open(t, bug, provider, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.notify(s.pay(0, 1000))
		provider.Next("refund", scripted.Step{Lost: true})
		if _, status, err := s.Refund(s.order.ID, "r1", 400); err != nil || status != 202 {
			t.Fatalf("refund answered %d, %v", status, err)
		}
		s.atRest()
		return provider.Returned() != 400
	},
	"timeout-means-failed": func(t *testing.T, bug *bugs.Bug) bool {
		provider := &scripted.Provider{}
		provider.Next("start", scripted.Step{Lost: true})
		s := open(t, bug, provider, scripted.Timers())
		s.start("p1", payment.MethodBarcode)
		return s.atRest().Orders[0].State != payment.OrderPaid
	},
	"no-query-job": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.pay(0, 1000)
		return s.atRest().Orders[0].State != payment.OrderPaid
	},
	"notification-twice": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		body := s.pay(0, 1000)
		s.notify(body)
		s.notify(body)
		return len(s.atRest().Orders[0].Released) != 1
	},
	"notification-race": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		body := s.pay(0, 1000)
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() { s.notify(body) })
		}
		group.Wait()
		after := len(s.atRest().Orders[0].Released)
		s.notify(body) // one after the other is handled rightly even so
		if len(s.atRest().Orders[0].Released) != after {
			t.Error("a sequential duplicate released goods")
		}
		return after != 1
	},
	"amount-unchecked": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.notify(s.pay(0, 1))
		return s.atRest().Orders[0].State == payment.OrderPaid
	},
	"signature-unchecked": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Patient())
		s.start("p1", payment.MethodCode)
		s.Notify(http.Header{}, s.pay(0, 1000))
		return s.atRest().Orders[0].State == payment.OrderPaid
	},
	"acknowledges-before-persisting": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Patient())
		s.start("p1", payment.MethodCode)
		if status := s.notify(s.pay(0, 1000)); status != 200 {
			t.Fatalf("notification answered %d", status)
		}
		books, err := s.Books()
		if err != nil {
			t.Fatal(err)
		}
		rest() // the late booking must not meet a closed database
		return books.Orders[0].State != payment.OrderPaid
	},
	"closes-without-asking": func(t *testing.T, bug *bugs.Bug) bool {
		timers := scripted.Timers()
		timers.QueryAfter = nil
		s := open(t, bug, &scripted.Provider{}, timers)
		s.start("p1", payment.MethodCode)
		s.pay(0, 1000)
		return s.atRest().Orders[0].State != payment.OrderPaid
	},
	"keeps-second-payment": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.start("p2", payment.MethodCode)
		first, second := s.pay(0, 1000), s.pay(1, 1000)
		s.notify(first)
		s.notify(second)
		s.atRest()
		return s.Provider.Taken()-s.Provider.Returned() != 1000
	},
	"answer-of-another-order": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		other, err := s.Order("o2", 1000)
		if err != nil {
			t.Fatal(err)
		}
		s.start("p1", payment.MethodCode)
		if _, _, err := s.Start(other.ID, "p1", payment.MethodCode); err != nil {
			t.Fatal(err)
		}
		books, err := s.Books()
		if err != nil {
			t.Fatal(err)
		}
		asked, told := books.Payments[0].Reference, books.Payments[1].Reference
		s.Provider.Change(func(p *scripted.Provider) {
			p.Mistaken = map[payment.MerchantReference]payment.MerchantReference{asked: told}
		})
		s.pay(0, 1000)
		return s.atRest().Orders[1].State == payment.OrderPaid
	},
	"any-refund-is-full-refund": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.notify(s.pay(0, 1000))
		if _, status, err := s.Refund(s.order.ID, "r1", 400); err != nil || status != 202 {
			t.Fatalf("refund answered %d, %v", status, err)
		}
		return s.atRest().Orders[0].Refunded != payment.Fen(400)
	},
}

// exposuresOfOldMistakes show those of catalogues and of conversations with people
// who have been paged.
var exposuresOfOldMistakes = map[string]func(t *testing.T, bug *bugs.Bug) bool{
	"fen-yuan-mixed-up": func(t *testing.T, bug *bugs.Bug) bool { return asksOtherThan(t, bug, 1000) },
	"float-yuan":        func(t *testing.T, bug *bugs.Bug) bool { return asksOtherThan(t, bug, 115) },
	"signature-of-reserialised-body": func(_ *testing.T, bug *bugs.Bug) bool {
		policy := merchant.DefaultPolicy()
		if bug != nil {
			bug.Apply(&policy)
		}
		const came = `{"id":"1","amount":100, "a<b":true}`
		return string(policy.VerifiedBody([]byte(came))) != came
	},
	"acknowledges-what-failed": func(_ *testing.T, bug *bugs.Bug) bool {
		policy := merchant.DefaultPolicy()
		if bug != nil {
			bug.Apply(&policy)
		}
		return policy.AcknowledgesFailure(errors.New("the database is away"))
	},
	"certificate-for-ever": func(_ *testing.T, bug *bugs.Bug) bool {
		policy := merchant.DefaultPolicy()
		if bug != nil {
			bug.Apply(&policy)
		}
		refuses := func(certificate string) bool {
			return policy.RefusesCertificate("unionpay", http.Header{}, []byte("signPubKeyCert="+certificate))
		}
		return refuses("old") || refuses("old") || refuses("new")
	},
	"trusts-browser-return": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Patient())
		s.start("p1", payment.MethodCode)
		var view merchant.OrderView
		if status, err := s.Do(http.MethodPost, "/orders/"+s.order.ID+"/return", nil, &view); err != nil || status != 200 {
			t.Fatalf("the return was answered %d, %v", status, err)
		}
		return view.State == payment.OrderPaid
	},
	"ignores-late-payment": func(t *testing.T, bug *bugs.Bug) bool {
		timers := scripted.Timers()
		timers.QueryAfter = nil
		var closing atomic.Pointer[shop]
		var once sync.Once
		s := open(t, bug, &scripted.Provider{Before: func(operation string) {
			if operation == "close" {
				once.Do(func() { closing.Load().pay(0, 1000) })
			}
		}}, timers)
		closing.Store(s)
		s.start("p1", payment.MethodCode)
		return s.atRest().Orders[0].State != payment.OrderPaid
	},
	"moves-backwards": func(t *testing.T, bug *bugs.Bug) bool {
		var asking atomic.Pointer[shop]
		var once sync.Once
		s := open(t, bug, &scripted.Provider{After: func(operation string) {
			if operation == "query" { // the answer says unpaid already, and is still on its way
				once.Do(func() { asking.Load().notify(asking.Load().pay(0, 1000)) })
			}
		}}, scripted.Timers())
		asking.Store(s)
		s.start("p1", payment.MethodCode)
		return s.atRest().Orders[0].State != payment.OrderPaid
	},
	"unknown-order-dropped": func(t *testing.T, bug *bugs.Bug) bool {
		provider := &scripted.Provider{}
		provider.Next("start", scripted.Step{Lost: true})
		s := open(t, bug, provider, scripted.Patient())
		s.start("p1", payment.MethodBarcode)
		if status := s.notify(s.pay(0, 1000)); status != 200 {
			t.Fatalf("the notification was answered %d", status)
		}
		return s.atRest().Orders[0].State != payment.OrderPaid
	},
	"refund-accepted-is-done": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{SlowRefunds: true}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.notify(s.pay(0, 1000))
		s.refund("r1", 400)
		return s.atRest().Refunds[0].State == payment.RefundDone
	},
	"refunds-without-lock": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.notify(s.pay(0, 1000))
		rest() // the goods have left, and hold nothing up
		var group sync.WaitGroup
		var promised atomic.Int64
		for id, fen := range map[string]int64{"r1": 700, "r2": 600} {
			group.Go(func() {
				if _, status, err := s.Refund(s.order.ID, id, fen); err == nil && status == 202 {
					promised.Add(fen)
				}
			})
		}
		group.Wait()
		return promised.Load() > 1000
	},
	"dedupes-by-message-id": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		var notice merchant.Notice
		if err := json.Unmarshal(s.pay(0, 1000), &notice); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"n1", "n1", "n2"} {
			notice.ID = id
			body, err := json.Marshal(notice)
			if err != nil {
				t.Fatal(err)
			}
			s.notify(body)
		}
		return len(s.atRest().Orders[0].Released) != 1
	},
	"two-transactions": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.notify(s.pay(0, 1000))
		scripted.Wait(150 * time.Millisecond)
		left := len(s.Released()) // a crash at this moment would leave it so
		rest()                    // the second transaction must not meet a closed database
		return left != 1
	},
	"new-parameters-on-retry": func(t *testing.T, bug *bugs.Bug) bool {
		provider := &scripted.Provider{}
		provider.Next("start", scripted.Step{Lost: true}, scripted.Step{Dropped: true})
		s := open(t, bug, provider, scripted.Timers())
		s.start("p1", payment.MethodCode)
		s.atRest()
		calls := provider.Calls("start")
		return len(calls) > 1 && calls[0].Body != calls[1].Body
	},
	"changes-while-paying": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		change := merchant.BasketChange{Lines: []merchant.Line{{Name: "tea", Quantity: 2, Price: payment.Fen(1000)}}, Total: payment.Fen(2000)}
		status, err := s.Do(http.MethodPut, "/orders/"+s.order.ID+"/lines", change, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.notify(s.pay(0, 1000))
		order := s.atRest().Orders[0]
		return status == http.StatusOK && order.State == payment.OrderPaid && order.Total == payment.Fen(2000)
	},
	"currency-ignored": func(t *testing.T, bug *bugs.Bug) bool {
		s := open(t, bug, &scripted.Provider{}, scripted.Timers())
		s.start("p1", payment.MethodCode)
		var notice merchant.Notice
		if err := json.Unmarshal(s.pay(0, 1000), &notice); err != nil {
			t.Fatal(err)
		}
		notice.Trades[0].Amount.Currency = "JPY"
		body, err := json.Marshal(notice)
		if err != nil {
			t.Fatal(err)
		}
		s.notify(body)
		return s.atRest().Payments[0].Captured.Currency == "JPY"
	},
}

// asksOtherThan reports whether the provider is asked for another price than the
// order's.
func asksOtherThan(t *testing.T, bug *bugs.Bug, fen int64) bool {
	t.Helper()
	s := open(t, bug, &scripted.Provider{}, scripted.Patient())
	order, err := s.Order("o2", fen)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Start(order.ID, "p1", payment.MethodCode); err != nil {
		t.Fatal(err)
	}
	books, err := s.Books()
	if err != nil {
		t.Fatal(err)
	}
	return books.Payments[0].Amount != payment.Fen(fen)
}

func (s *shop) refund(id string, fen int64) {
	s.t.Helper()
	if _, status, err := s.Refund(s.order.ID, id, fen); err != nil || status != 202 {
		s.t.Fatalf("refund answered %d, %v", status, err)
	}
}

func TestEveryBugBites(t *testing.T) {
	for _, bug := range bugs.All() {
		exposed, tested := exposures[bug.Name]
		if !tested {
			exposed, tested = exposuresOfOldMistakes[bug.Name]
		}
		if !tested {
			t.Errorf("bug %d %s has no test", bug.Number, bug.Name)
			continue
		}
		t.Run(bug.Name, func(t *testing.T) {
			t.Parallel()
			if !exposed(t, &bug) {
				t.Error("the bug does no harm")
			}
			if exposed(t, nil) {
				t.Error("the right merchant does the same")
			}
		})
	}
}

func TestByName(t *testing.T) {
	if bug, err := bugs.ByName("no-query-job"); err != nil || bug.Number != 4 {
		t.Errorf("got %+v, %v", bug.Name, err)
	}
	_, err := bugs.ByName("no-query-jobs")
	if !errors.Is(err, bugs.ErrUnknown) || !strings.Contains(err.Error(), `did you mean "no-query-job"`) {
		t.Errorf("got %v", err)
	}
	if _, err := bugs.ByName("zzzzzzzzzzzzzzzz"); !errors.Is(err, bugs.ErrUnknown) || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("got %v", err)
	}
}

// TestEveryGuardIsDropped: each decision of the merchant is a switch, which some bug
// or honest twin throws; TestEveryBugBites shows what that does.
func TestEveryGuardIsDropped(t *testing.T) {
	type thrower struct {
		name  string
		apply func(*merchant.Policy)
	}
	var throwers []thrower
	for _, bug := range bugs.All() {
		throwers = append(throwers, thrower{bug.Name, bug.Apply})
	}
	for _, twin := range twins.All() {
		throwers = append(throwers, thrower{twin.Name, twin.Apply})
	}
	thrown := map[string]string{}
	right := merchant.DefaultPolicy()
	for _, thrower := range throwers {
		policy := merchant.DefaultPolicy()
		thrower.apply(&policy)
		var by []string
		for i := range reflect.TypeFor[merchant.Policy]().NumField() {
			if reflect.ValueOf(policy).Field(i).Pointer() != reflect.ValueOf(right).Field(i).Pointer() {
				name := reflect.TypeFor[merchant.Policy]().Field(i).Name
				by, thrown[name] = append(by, name), thrower.name
			}
		}
		if len(by) == 0 {
			t.Errorf("%s throws none", thrower.name)
		}
	}
	for i := range reflect.TypeFor[merchant.Policy]().NumField() {
		if name := reflect.TypeFor[merchant.Policy]().Field(i).Name; thrown[name] == "" {
			t.Errorf("nobody throws %s: what it guards is not proven", name)
		}
	}
}
