package merchant_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/merchant"
	"github.com/payquake/payquake/merchant/internal/scripted"
	"github.com/payquake/payquake/payment"
)

// basket places the basket b1 of two orders, of 300 and of 400 fen.
func (s *shop) basket() merchant.BasketView {
	s.t.Helper()
	view, status, err := s.Basket("b1", 300, 400)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusCreated, status)
	require.Len(s.t, view.Orders, 2)
	return view
}

func (s *shop) startBasket(basketID, key string, want int) merchant.PaymentView {
	s.t.Helper()
	view, status, err := s.StartBasket(basketID, key, payment.MethodCode)
	require.NoError(s.t, err)
	require.Equal(s.t, want, status)
	return view
}

// payAll has the shopper pay the combined payment that the nth payment in the
// books is a part of.
func (s *shop) payAll(n int) []byte {
	s.t.Helper()
	body, err := s.Provider.PayAll(s.reference(n), true)
	require.NoError(s.t, err)
	return body
}

func (s *shop) books() merchant.Books {
	s.t.Helper()
	books, err := s.Books()
	require.NoError(s.t, err)
	return books
}

// both says that a fact about the nth order or payment holds of the first two.
func both(fact func(n int) func(merchant.Books) bool) func(merchant.Books) bool {
	return func(b merchant.Books) bool { return fact(0)(b) && fact(1)(b) }
}

func ordersAre(state payment.OrderState) func(merchant.Books) bool {
	return both(func(n int) func(merchant.Books) bool { return orderIs(n, state) })
}

func paymentsAre(state payment.State) func(merchant.Books) bool {
	return both(func(n int) func(merchant.Books) bool { return paymentIs(n, state) })
}

// ofOrder is the only payment, or the one with that key's place, of an order.
func ofOrder(b merchant.Books, orderID string) (found []merchant.PaymentEntry) {
	for _, p := range b.Payments {
		if p.OrderID == orderID {
			found = append(found, p)
		}
	}
	return found
}

func TestBasket_SameKeySameBasket(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	first := s.basket()
	again, status, err := s.Basket("b1", 300, 400)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, first, again)
	_, status, err = s.Basket("b1", 300, 401)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, status, "other content under one key")
	_, status, err = s.Basket("b1", 400, 300)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, status, "its orders the other way round")
	require.Len(t, s.books().Orders, 2)
}

// TestBasket_AllOrNone: half a basket would be a promise that nobody made.
func TestBasket_AllOrNone(t *testing.T) {
	line := func(fen int64) []merchant.Line {
		return []merchant.Line{{Name: "tea", Quantity: 1, Price: payment.Fen(fen)}}
	}
	good := merchant.OrderRequest{Key: "new", Shopper: "shopper", Total: payment.Fen(1), Lines: line(1)}
	for name, row := range map[string]struct {
		ask  merchant.BasketRequest
		want int
	}{
		"an order that was placed before": {merchant.BasketRequest{Key: "b", Orders: []merchant.OrderRequest{good, {Key: "o1", Total: payment.Fen(1), Lines: line(1)}}}, 409},
		"one order twice":                 {merchant.BasketRequest{Key: "b", Orders: []merchant.OrderRequest{good, good}}, 409},
		"a total that is none":            {merchant.BasketRequest{Key: "b", Orders: []merchant.OrderRequest{good, {Key: "o2", Total: payment.Fen(2), Lines: line(1)}}}, 422},
		"a single order":                  {merchant.BasketRequest{Key: "b", Orders: []merchant.OrderRequest{good}}, 422},
		"no key":                          {merchant.BasketRequest{Orders: []merchant.OrderRequest{good, {Key: "o2", Total: payment.Fen(1), Lines: line(1)}}}, 422},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, &scripted.Provider{}, scripted.Patient())
			s.order("o1")
			status, err := s.Do(http.MethodPost, "/baskets", row.ask, nil)
			require.NoError(t, err)
			require.Equal(t, row.want, status)
			require.Len(t, s.books().Orders, 1, "nothing of it is placed")
			if row.ask.Key == "" {
				return
			}
			_, status, err = s.Basket(row.ask.Key, 1, 2)
			require.NoError(t, err)
			require.Equal(t, http.StatusCreated, status, "its key is not used up")
		})
	}
}

// TestBasket_OneRequestStartsAll: the parts are in one request, and each is a
// payment of its own order.
func TestBasket_OneRequestStartsAll(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	view := s.startBasket(b.ID, "p1", 200)
	require.NotEmpty(t, view.Code)
	calls := s.Provider.Calls("start")
	require.Len(t, calls, 1)
	var intent merchant.StartIntent
	require.NoError(t, json.Unmarshal([]byte(calls[0].Body), &intent))
	require.Equal(t, payment.Fen(700), intent.Amount)
	require.Len(t, intent.Parts, 2)
	books := s.books()
	require.Len(t, books.Payments, 2)
	for i, part := range intent.Parts {
		paid := ofOrder(books, b.Orders[i].ID)
		require.Len(t, paid, 1)
		require.Equal(t, part.Reference, paid[0].Reference)
		require.Equal(t, b.Orders[i].Total, part.Amount)
		require.NotEqual(t, intent.Reference, part.Reference, "the whole has a number of its own")
	}
	require.Equal(t, view, s.startBasket(b.ID, "p1", 200), "one key, one payment")
	require.Len(t, s.Provider.Calls("start"), 1)
}

func TestBasket_StartsThatAreRefused(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	for name, row := range map[string]struct {
		basket string
		ask    map[string]string
		want   int
	}{
		"another method under the key": {b.ID, map[string]string{"key": "p1", "provider": "scripted", "method": string(payment.MethodApp)}, 409},
		"a barcode":                    {b.ID, map[string]string{"key": "p2", "provider": "scripted", "method": string(payment.MethodBarcode)}, 422},
		"no key":                       {b.ID, map[string]string{"provider": "scripted", "method": string(payment.MethodCode)}, 422},
		"nobody's provider":            {b.ID, map[string]string{"key": "p2", "provider": "nobody", "method": string(payment.MethodCode)}, 422},
		"no such basket":               {"B0", map[string]string{"key": "p2", "provider": "scripted", "method": string(payment.MethodCode)}, 404},
	} {
		status, err := s.Do(http.MethodPost, "/baskets/"+row.basket+"/payments", row.ask, nil)
		require.NoError(t, err, name)
		require.Equal(t, row.want, status, name)
	}
	require.Len(t, s.Provider.Calls("start"), 1)
	require.Len(t, s.books().Payments, 2)
}

// TestBasket_KeyOfSinglePayments: a payment of each order under one key is not
// one payment of all; its code would pay a single order.
func TestBasket_KeyOfSinglePayments(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	for _, o := range b.Orders {
		s.start(o.ID, "p1", payment.MethodCode)
	}
	s.startBasket(b.ID, "p1", 409)
	s.startBasket(b.ID, "p2", 200)
}

// TestBasket_EveryOrderMustBeOpen, or the shopper would pay for it again.
func TestBasket_EveryOrderMustBeOpen(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	s.start(b.Orders[1].ID, "own", payment.MethodCode)
	s.notify(s.pay(0, 400), 200)
	s.startBasket(b.ID, "p1", 409)
	require.Len(t, s.books().Payments, 1, "nothing is stored for the other order either")
	require.Len(t, s.Provider.Calls("start"), 1)
}

// TestBasket_LostAnswer: each part sends the one request again by itself, with
// identical bytes, so the provider can recognise it.
func TestBasket_LostAnswer(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("start", scripted.Step{Lost: true})
	timers := scripted.Timers()
	timers.GiveUpAfter, timers.OrderExpiry = timers.GiveUpAfter*50, timers.OrderExpiry*50
	s := open(t, provider, timers)
	b := s.basket()
	require.Empty(t, s.startBasket(b.ID, "p1", 202).Code)
	s.eventually("each part was sent again", func(merchant.Books) bool { return len(provider.Calls("start")) == 3 })
	calls := provider.Calls("start")
	require.Equal(t, []string{calls[0].Body, calls[0].Body}, []string{calls[1].Body, calls[2].Body})
	require.NotEqual(t, calls[1].Reference, calls[2].Reference, "each part asks for itself")
	s.eventually("both have their code", func(merchant.Books) bool {
		for _, o := range b.Orders {
			if view, status := s.start(o.ID, "p1", payment.MethodCode); status != 200 || view.Code == "" {
				return false
			}
		}
		return true
	})
	require.Len(t, provider.Calls("start"), 3)
}

// TestBasket_RefusedStart ends every part; another key may try again.
func TestBasket_RefusedStart(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("start", scripted.Refuse(merchant.Declined))
	s := open(t, provider, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	require.True(t, paymentsAre(payment.Declined)(s.books()))
	require.NotEmpty(t, s.startBasket(b.ID, "p2", 200).Code)
}

// TestBasket_OneNotificationPaysAll: each order once, however often and however
// many at a time it comes.
func TestBasket_OneNotificationPaysAll(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	body := s.payAll(0)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if got := s.Notify(scripted.Signed(), body); got != 200 {
				t.Errorf("notification answered %d", got)
			}
		})
	}
	group.Wait()
	books := s.eventually("goods of both released", both(func(n int) func(merchant.Books) bool {
		return func(b merchant.Books) bool { return len(b.Orders[n].Released) > 0 }
	}))
	s.notify(body, 200)
	scripted.Wait(50e6)
	keys := s.Released()
	slices.Sort(keys)
	require.Len(t, keys, 2)
	require.Len(t, slices.Compact(keys), 2)
	require.True(t, ordersAre(payment.OrderPaid)(books))
	require.EqualValues(t, 700, s.Provider.Taken()-s.Provider.Returned())
	require.Empty(t, s.books().Refunds)
}

// TestBasket_NobodyNotified: each part finds by itself what was paid.
func TestBasket_NobodyNotified(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Timers())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	s.payAll(1)
	s.eventually("both paid", ordersAre(payment.OrderPaid))
}

// TestBasket_NotificationWithAStranger: a part that is not ours is refused; ours
// is booked all the same, and booked once when the delivery comes again.
func TestBasket_NotificationWithAStranger(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	var notice merchant.Notice
	require.NoError(t, json.Unmarshal(s.payAll(0), &notice))
	notice.Trades[1].Reference = "nobody"
	body, err := json.Marshal(notice)
	require.NoError(t, err)
	s.notify(body, 404)
	s.notify(body, 404)
	states := []payment.OrderState{}
	for _, o := range s.books().Orders {
		states = append(states, o.State)
	}
	slices.Sort(states)
	require.Equal(t, []payment.OrderState{payment.OrderOpen, payment.OrderPaid}, states)
}

// TestBasket_OnePartsAmountIsMistold: the provider is asked whether it means that, and
// does not: both parts pay their orders, and nothing goes back.
func TestBasket_OnePartsAmountIsMistold(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	var notice merchant.Notice
	require.NoError(t, json.Unmarshal(s.payAll(0), &notice))
	notice.Trades[0].Amount = payment.Fen(1)
	body, err := json.Marshal(notice)
	require.NoError(t, err)
	s.notify(body, 200)
	books := s.books()
	require.Empty(t, books.Refunds)
	for _, o := range books.Orders {
		require.Equal(t, payment.OrderPaid, o.State)
	}
}

// TestBasket_OnePartsAmountIsWrong: it goes back; the other pays its order.
func TestBasket_OnePartsAmountIsWrong(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	var notice merchant.Notice
	require.NoError(t, json.Unmarshal(s.payAll(0), &notice))
	s.Provider.Recapture(notice.Trades[0].Reference, payment.Fen(1))
	notice.Trades[0].Amount = payment.Fen(1)
	body, err := json.Marshal(notice)
	require.NoError(t, err)
	s.notify(body, 200)
	books := s.eventually("the wrong one went back", func(b merchant.Books) bool { return len(b.Refunds) == 1 && b.Refunds[0].State == payment.RefundDone })
	require.Equal(t, "wrong-amount", books.Refunds[0].Cause)
	require.Equal(t, payment.Fen(1), books.Refunds[0].Amount)
	wrong, right := ofOrder(books, books.Refunds[0].OrderID)[0], 0
	for _, o := range books.Orders {
		if o.State == payment.OrderPaid && o.ID != wrong.OrderID {
			right++
		}
	}
	require.Equal(t, 1, right)
}

// TestBasket_PartPaidElsewhere: the shopper pays one order by itself, and then
// the basket all the same. What is paid twice goes back; the rest is kept.
func TestBasket_PartPaidElsewhere(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	own, _ := s.start(b.Orders[0].ID, "own", payment.MethodCode)
	books := s.books()
	place := slices.IndexFunc(books.Payments, func(p merchant.PaymentEntry) bool { return p.ID == own.ID })
	combined := slices.IndexFunc(books.Payments, func(p merchant.PaymentEntry) bool { return p.ID != own.ID })
	s.notify(s.pay(place, 300), 200)
	s.notify(s.payAll(combined), 200)
	books = s.eventually("the second went back", func(b merchant.Books) bool { return len(b.Refunds) == 1 && b.Refunds[0].State == payment.RefundDone })
	require.Equal(t, "second", books.Refunds[0].Cause)
	require.Equal(t, payment.Fen(300), books.Refunds[0].Amount)
	require.Equal(t, b.Orders[0].ID, books.Refunds[0].OrderID)
	require.NotEqual(t, own.ID, books.Refunds[0].PaymentID)
	require.True(t, ordersAre(payment.OrderPaid)(books))
	for _, o := range books.Orders {
		require.True(t, o.Refunded.IsZero(), "what went back was not the order's money")
	}
	require.EqualValues(t, 700, s.Provider.Taken()-s.Provider.Returned())
}

// TestBasket_GiveUp: nobody pays. The whole is closed, every order expires, and
// what is paid even so goes back, part by part.
func TestBasket_GiveUp(t *testing.T) {
	provider := &scripted.Provider{}
	provider.Next("close", scripted.Step{Dropped: true}, scripted.Step{Lost: true})
	s := open(t, provider, scripted.Timers())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	books := s.eventually("both closed", ordersAre(payment.OrderClosed))
	require.True(t, paymentsAre(payment.Closed)(books))
	_, err := provider.PayAll(books.Payments[0].Reference, false)
	require.Error(t, err, "it cannot be paid any more")
	s.notify(s.payAll(0), 200)
	books = s.eventually("both went back", paymentsAre(payment.Returned))
	require.Equal(t, []string{"late", "late"}, []string{books.Refunds[0].Cause, books.Refunds[1].Cause})
	require.True(t, ordersAre(payment.OrderClosed)(books))
	require.Empty(t, s.Released())
	require.Zero(t, provider.Taken()-provider.Returned())
}

// TestBasket_CloseLosesTheRace: the shopper pays between the last query and the
// close. The query after it finds that out, for every part.
func TestBasket_CloseLosesTheRace(t *testing.T) {
	provider := &scripted.Provider{}
	timers := scripted.Timers()
	timers.QueryAfter = nil
	var s *shop
	var once sync.Once
	provider.Before = func(operation string) {
		if operation == "close" {
			once.Do(func() { s.payAll(0) })
		}
	}
	s = open(t, provider, timers)
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	s.eventually("both paid", ordersAre(payment.OrderPaid))
	require.EqualValues(t, 700, provider.Taken()-provider.Returned())
}

// TestBasket_RefundOfOnePart names the part and its own amount; the other order
// keeps its money.
func TestBasket_RefundOfOnePart(t *testing.T) {
	s := open(t, &scripted.Provider{}, scripted.Patient())
	b := s.basket()
	s.startBasket(b.ID, "p1", 200)
	s.notify(s.payAll(0), 200)
	s.eventually("both paid and released", func(b merchant.Books) bool {
		return ordersAre(payment.OrderPaid)(b) && len(b.Orders[0].Released) > 0 && len(b.Orders[1].Released) > 0
	})
	s.refund(b.Orders[1].ID, "r0", 401, 422) // more than its part, though the whole has it
	s.refund(b.Orders[1].ID, "r1", 400, 202)
	is := func(b merchant.Books, id string, state payment.OrderState) bool {
		return slices.ContainsFunc(b.Orders, func(o merchant.OrderEntry) bool { return o.ID == id && o.State == state })
	}
	books := s.eventually("one refunded", func(books merchant.Books) bool { return is(books, b.Orders[1].ID, payment.OrderRefunded) })
	require.True(t, is(books, b.Orders[0].ID, payment.OrderPaid))
	var intent merchant.RefundIntent
	require.NoError(t, json.Unmarshal([]byte(s.Provider.Calls("refund")[0].Body), &intent))
	part := ofOrder(books, b.Orders[1].ID)[0]
	require.Equal(t, part.Reference, intent.Payment)
	require.Equal(t, part.ProviderReference, intent.ProviderReference)
	require.Equal(t, payment.Fen(400), intent.Captured)
	require.Equal(t, s.Provider.Calls("start")[0].Body, intent.Request.Body, "how the whole was started")
}

// TestBasket_NextProcessGoesOn: a shop is killed while it waits for the answer
// to the start; the next one sends the same bytes for every part.
func TestBasket_NextProcessGoesOn(t *testing.T) {
	for name, acted := range map[string]bool{"before the provider acts": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			provider := &scripted.Provider{}
			hung, never := make(chan struct{}), make(chan struct{})
			var once sync.Once
			hang := func(operation string) {
				first := false
				if operation == "start" {
					once.Do(func() { first = true })
				}
				if first {
					close(hung)
					<-never
				}
			}
			if acted {
				provider.After = hang
			} else {
				provider.Before = hang
			}
			timers := scripted.Timers()
			timers.GiveUpAfter, timers.OrderExpiry = timers.GiveUpAfter*50, timers.OrderExpiry*50
			database := filepath.Join(t.TempDir(), "shop.db")
			killed, err := scripted.Open(database, provider, timers, merchant.DefaultPolicy())
			require.NoError(t, err)
			b, _, err := killed.Basket("b1", 300, 400)
			require.NoError(t, err)
			go func() { _, _, _ = killed.StartBasket(b.ID, "p1", payment.MethodCode) }() // never returns
			<-hung
			killed.Abandon()
			s := reopen(t, database, provider, timers)
			s.eventually("both parts were sent", func(merchant.Books) bool { return len(provider.Calls("start")) >= 2 })
			s.eventually("paid", func(merchant.Books) bool {
				body, err := provider.PayAll(s.reference(0), false)
				return err == nil && s.Notify(scripted.Signed(), body) == 200
			})
			s.eventually("both paid", ordersAre(payment.OrderPaid))
			for _, call := range provider.Calls("start") {
				require.Equal(t, provider.Calls("start")[0].Body, call.Body)
			}
			require.EqualValues(t, 700, provider.Taken()-provider.Returned())
		})
	}
}
