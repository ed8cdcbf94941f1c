package scripted

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/payment"
)

// Timers are short enough for tests and keep the order of the real ones.
func Timers() merchant.Timers {
	ms := func(n int) merchant.Duration { return merchant.Duration(n * int(time.Millisecond)) }
	return merchant.Timers{
		CallTimeout: ms(1000), RetryBackoff: ms(5), Tries: 3,
		QueryAfter: []merchant.Duration{ms(30), ms(80)}, GiveUpAfter: ms(200), AbsentGap: ms(20),
		BarcodeQueryEvery: ms(30), ReverseAfter: ms(150), MinReverseAge: ms(60),
		RefundQueryEvery: ms(20), RefundGiveUpAfter: ms(600), OutboxEvery: ms(20), OrderExpiry: ms(300),
		PollEvery: ms(5), CertificateRefresh: ms(60000),
	}
}

// Patient are timers that do nothing by themselves within a test.
func Patient() merchant.Timers {
	timers := Timers()
	hour := merchant.Duration(time.Hour)
	timers.QueryAfter, timers.GiveUpAfter, timers.OrderExpiry = []merchant.Duration{hour}, hour, 2*hour
	timers.ReverseAfter, timers.BarcodeQueryEvery = hour, hour
	return timers
}

// Shop is a running checkout with one scripted provider and a fulfilment that
// notes the keys it was given.
type Shop struct {
	Provider *Provider
	Checkout *merchant.Checkout
	API      http.Handler

	database   string
	store      *merchant.Store
	cancel     func()
	stop       func()
	fulfilment *httptest.Server
	mu         sync.Mutex
	released   []string
}

// Open starts a shop on a database. The provider outlives it, as real ones do.
func Open(database string, provider *Provider, timers merchant.Timers, policy merchant.Policy) (*Shop, error) {
	s := &Shop{Provider: provider, database: database}
	s.fulfilment = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.released = append(s.released, r.Header.Get("Idempotency-Key"))
	}))
	store, err := merchant.OpenStore(context.Background(), database)
	if err != nil {
		return nil, err
	}
	s.store = store
	settings := merchant.Settings{Timers: timers, FulfilmentURL: s.fulfilment.URL}
	if s.Checkout, err = merchant.New(settings, store, policy, provider); err != nil {
		return nil, err
	}
	s.API = s.Checkout.Handler()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { s.Checkout.Work(ctx) })
	s.cancel = cancel
	s.stop = func() { cancel(); work.Wait() }
	return s, nil
}

// Close stops the workers and closes the database.
func (s *Shop) Close() error {
	s.stop()
	s.fulfilment.Close()
	return s.store.Close()
}

// Abandon leaves the shop as kill -9 would: nothing is finished, nothing is
// closed. Calls of it that hang must not return before the test ends.
func (s *Shop) Abandon() { s.cancel() }

// Released lists the keys that fulfilment was given, once per call.
func (s *Shop) Released() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.released...)
}

// Do sends a request to the shop's API and reads its JSON answer into into.
func (s *Shop) Do(method, path string, ask, into any) (int, error) {
	body, err := json.Marshal(ask)
	if err != nil {
		return 0, err
	}
	recorder := httptest.NewRecorder()
	s.API.ServeHTTP(recorder, httptest.NewRequest(method, path, bytes.NewReader(body)))
	if into == nil || recorder.Code >= 300 {
		return recorder.Code, nil
	}
	return recorder.Code, json.Unmarshal(recorder.Body.Bytes(), into)
}

// Notify delivers a notification and returns the shop's status.
func (s *Shop) Notify(header http.Header, body []byte) int {
	request := httptest.NewRequest(http.MethodPost, "/notify/"+string(Name), bytes.NewReader(body))
	request.Header = header
	recorder := httptest.NewRecorder()
	s.API.ServeHTTP(recorder, request)
	return recorder.Code
}

// asking is a request for an order of one line at a price in fen.
func asking(key string, fen int64) merchant.OrderRequest {
	return merchant.OrderRequest{
		Key: key, Shopper: "shopper", Total: payment.Fen(fen),
		Lines: []merchant.Line{{Name: "tea", Quantity: 1, Price: payment.Fen(fen)}},
	}
}

// Basket asks for a basket of one order for each price in fen; their keys are
// the basket's with "-1", "-2" and so on behind.
func (s *Shop) Basket(key string, prices ...int64) (merchant.BasketView, int, error) {
	ask := merchant.BasketRequest{Key: key}
	for i, fen := range prices {
		ask.Orders = append(ask.Orders, asking(fmt.Sprintf("%s-%d", key, i+1), fen))
	}
	var view merchant.BasketView
	status, err := s.Do(http.MethodPost, "/baskets", ask, &view)
	return view, status, err
}

// StartBasket starts one payment for all orders of a basket.
func (s *Shop) StartBasket(basketID, key string, method payment.Method) (merchant.PaymentView, int, error) {
	ask := map[string]string{"key": key, "provider": string(Name), "method": string(method)}
	var view merchant.PaymentView
	status, err := s.Do(http.MethodPost, "/baskets/"+basketID+"/payments", ask, &view)
	return view, status, err
}

// Order places an order of one line at a price in fen.
func (s *Shop) Order(key string, fen int64) (merchant.OrderView, error) {
	ask := asking(key, fen)
	var view merchant.OrderView
	status, err := s.Do(http.MethodPost, "/orders", ask, &view)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("place order answered %d", status)
	}
	return view, err
}

// Start starts a payment.
func (s *Shop) Start(orderID, key string, method payment.Method) (merchant.PaymentView, int, error) {
	ask := map[string]string{"key": key, "provider": string(Name), "method": string(method), "auth_code": "100000000000000001"}
	var view merchant.PaymentView
	status, err := s.Do(http.MethodPost, "/orders/"+orderID+"/payments", ask, &view)
	return view, status, err
}

// Refund asks for a refund.
func (s *Shop) Refund(orderID, requestID string, fen int64) (merchant.RefundView, int, error) {
	var view merchant.RefundView
	ask := merchant.RefundRequest{RequestID: requestID, Amount: payment.Fen(fen)}
	status, err := s.Do(http.MethodPost, "/orders/"+orderID+"/refunds", ask, &view)
	return view, status, err
}

// Books reads the shop's books.
func (s *Shop) Books() (merchant.Books, error) { return s.Checkout.Books(context.Background()) }

// Eventually waits for a fact about the books, for at most five seconds, and
// returns the last books either way.
func (s *Shop) Eventually(fact func(merchant.Books) bool) (merchant.Books, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		books, err := s.Books()
		if err == nil && fact(books) {
			return books, true
		}
		if (merchant.SystemClock{}).Wait(ctx, 5*time.Millisecond) != nil {
			return books, false
		}
	}
}

// Wait lets time pass for what must not happen.
func Wait(d time.Duration) {
	_ = merchant.SystemClock{}.Wait(context.Background(), d) // the background never ends
}
