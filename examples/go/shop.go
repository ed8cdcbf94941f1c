package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"
)

// shop is the checkout.
type shop struct {
	settings
	books  *books
	wechat *client
	slots  chan struct{}
}

func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /orders", s.place)
	mux.HandleFunc("GET /orders/{id}", s.show)
	mux.HandleFunc("POST /orders/{id}/payments", s.start)
	mux.HandleFunc("POST /orders/{id}/refunds", s.giveBack)
	mux.HandleFunc("GET /export", s.export)
	mux.HandleFunc("POST /wechat/notify", s.notified)
	return mux
}

// apiError is a refusal that a shopper is told.
type apiError struct {
	status int
	text   string
}

func (e apiError) Error() string { return e.text }

func respond(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	var told apiError
	switch {
	case errors.As(err, &told):
		w.WriteHeader(told.status)
		value = map[string]string{"error": told.text}
	case errors.Is(err, sql.ErrNoRows):
		w.WriteHeader(http.StatusNotFound)
		value = map[string]string{"error": "not found"}
	case err != nil:
		log.Print(err)
		w.WriteHeader(http.StatusInternalServerError)
		value = map[string]string{"error": "try again"}
	}
	_ = json.NewEncoder(w).Encode(value) // a shopper who has left reads nothing
}

func read(r *http.Request, into any) error {
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(into); err != nil {
		return apiError{http.StatusBadRequest, "this is not the JSON that was expected"}
	}
	return nil
}

// number is a fresh number for what goes to WeChat Pay.
func number(prefix string) string {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails, says its documentation
	return prefix + hex.EncodeToString(random[:])
}

// place takes an order. The same key is the same order.
func (s *shop) place(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Key   string
		Total int64
		Lines []struct {
			Name            string
			Quantity, Price int64
		}
	}
	if err := read(r, &asked); err != nil {
		respond(w, nil, err)
		return
	}
	var sum int64
	for _, line := range asked.Lines {
		if line.Quantity < 1 || line.Price < 1 || line.Quantity > 1_000_000 || line.Price > 1_000_000_000 {
			respond(w, nil, apiError{http.StatusBadRequest, "a line has a quantity and a price"})
			return
		}
		sum += line.Quantity * line.Price
	}
	if sum != asked.Total || sum < 1 || asked.Key == "" {
		respond(w, nil, apiError{http.StatusBadRequest, "the total is not the sum of the lines"})
		return
	}
	description := []rune(asked.Lines[0].Name)
	o := order{ID: number("o"), Key: asked.Key, State: orderNew, Total: sum, Description: string(description[:min(len(description), 40)]), Created: now()}
	if o.Description == "" {
		o.Description = "goods"
	}
	_, err := s.books.db.Exec("INSERT INTO orders (id, key, state, total, description, created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
		o.ID, o.Key, o.State, o.Total, o.Description, o.Created)
	if err == nil {
		o, err = one(orders(s.books.db, "WHERE key = ?", asked.Key))
	}
	if err == nil && o.Total != asked.Total {
		err = apiError{http.StatusConflict, "another order has this key"}
	}
	respond(w, o, err)
}

// start begins a payment: its code is asked for before the shopper is answered.
// The same key is the same payment.
func (s *shop) start(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Key string }
	if err := read(r, &asked); err != nil {
		respond(w, nil, err)
		return
	}
	var p payment
	var o order
	err := s.books.tx(func(tx *sql.Tx) (err error) {
		if o, err = one(orders(tx, "WHERE id = ?", r.PathValue("id"))); err != nil {
			return err
		}
		if p, err = one(payments(tx, "WHERE order_id = ? AND key = ?", o.ID, asked.Key)); !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if o.State != orderNew {
			return apiError{http.StatusConflict, "the order cannot be paid any more"}
		}
		p = payment{ID: number("p"), OrderID: o.ID, Key: asked.Key, State: paymentStarted, Created: now(), Next: now() + s.Timers.Ask.Milliseconds()}
		_, err = tx.Exec("INSERT INTO payments (id, order_id, key, state, created, next) VALUES (?, ?, ?, ?, ?, ?)", p.ID, p.OrderID, p.Key, p.State, p.Created, p.Next)
		return err
	})
	if err == nil && p.State == paymentStarted && p.Code == "" {
		p.Code, err = s.askForCode(r.Context(), p, o)
		if err != nil { // the page shows the code when there is one
			log.Printf("no code for %s yet: %v", p.ID, err)
			err = nil
		}
	}
	respond(w, p, err)
}

// askForCode asks with the same bytes until there is an answer, three times at
// most: from then on queries tell what became of it.
func (s *shop) askForCode(ctx context.Context, p payment, o order) (code string, err error) {
	ctx = context.WithoutCancel(ctx) // a shopper who leaves changes nothing
	for try, wait := 0, s.Timers.Backoff; try < 3; try, wait = try+1, wait*2 {
		if code, err = s.wechat.prepay(ctx, p, o); err == nil {
			_, err = s.books.db.Exec("UPDATE payments SET code = ? WHERE id = ?", code, p.ID)
			return code, err
		}
		if r := (refusal{}); errors.As(err, &r) && r.final() {
			return "", err
		}
		time.Sleep(wait)
	}
	return "", err
}

// page is an order as its shopper sees it.
type page struct {
	order
	Payments []payment `json:"payments"`
	Refunds  []refund  `json:"refunds"`
}

func (s *shop) show(w http.ResponseWriter, r *http.Request) {
	var shown page
	err := s.books.tx(func(tx *sql.Tx) (err error) {
		if shown.order, err = one(orders(tx, "WHERE id = ?", r.PathValue("id"))); err != nil {
			return err
		}
		if shown.Payments, err = payments(tx, "WHERE order_id = ? ORDER BY created", shown.ID); err != nil {
			return err
		}
		shown.Refunds, err = refunds(tx, "WHERE order_id = ?", shown.ID)
		return err
	})
	respond(w, shown, err)
}

// giveBack takes the wish for a refund. The same request id is the same refund.
func (s *shop) giveBack(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		RequestID string `json:"request_id"`
		Amount    int64
	}
	if err := read(r, &asked); err != nil {
		respond(w, nil, err)
		return
	}
	var given refund
	err := s.books.tx(func(tx *sql.Tx) (err error) {
		p, err := one(payments(tx, "WHERE order_id = ? AND kept", r.PathValue("id")))
		if errors.Is(err, sql.ErrNoRows) {
			return apiError{http.StatusConflict, "the order is not paid"}
		}
		if err != nil {
			return err
		}
		if given, err = one(refunds(tx, "WHERE payment_id = ? AND request_id = ?", p.ID, asked.RequestID)); !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var promised int64
		if err := tx.QueryRow("SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE payment_id = ? AND state <> ?", p.ID, refundRefused).Scan(&promised); err != nil {
			return err
		}
		if asked.RequestID == "" || asked.Amount < 1 || asked.Amount > p.Captured-promised {
			return apiError{http.StatusConflict, "there is not so much to give back"}
		}
		given = refund{ID: number("b"), OrderID: p.OrderID, PaymentID: p.ID, RequestID: asked.RequestID, Cause: causeShopper, State: refundAsked, Amount: asked.Amount}
		return insertRefund(tx, given)
	})
	respond(w, given, err)
}

// notified takes WeChat Pay's word, once it is proven, and acknowledges it after it
// is booked.
func (s *shop) notified(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		var said notice
		if said, err = s.wechat.open(r.Header, body); err == nil {
			err = s.believe(said)
		}
	}
	if err != nil {
		log.Printf("refuse a notification: %v", err)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"code":"FAIL","message":"not booked"}`)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *shop) believe(said notice) error {
	switch {
	case said.Kind == "refund" && said.Refund.MchID != s.WeChat.MchID,
		said.Kind != "refund" && (said.Trade.MchID != s.WeChat.MchID || said.Trade.AppID != s.WeChat.AppID):
		return errors.New("it is for another merchant")
	case said.Kind == "refund":
		return s.books.returned(said.Refund, said.Refund.RefundStatus)
	case said.Trade.TradeState != "SUCCESS" || said.Trade.Amount.Currency != "CNY":
		return fmt.Errorf("it says %s in %s", said.Trade.TradeState, said.Trade.Amount.Currency)
	default:
		return s.books.book(said.Trade)
	}
}

// export is what the shop believes.
func (s *shop) export(w http.ResponseWriter, _ *http.Request) {
	var all struct {
		Orders   []order   `json:"orders"`
		Payments []payment `json:"payments"`
		Refunds  []refund  `json:"refunds"`
	}
	err := s.books.tx(func(tx *sql.Tx) (err error) {
		if all.Orders, err = orders(tx, ""); err != nil {
			return err
		}
		if all.Payments, err = payments(tx, ""); err != nil {
			return err
		}
		all.Refunds, err = refunds(tx, "")
		return err
	})
	respond(w, all, err)
}

// work does what is due until ctx ends, many things at a time.
func (s *shop) work(ctx context.Context) {
	s.slots = make(chan struct{}, 32)
	var begun sync.WaitGroup
	defer begun.Wait()
	for tick := time.NewTicker(40 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.sweep(ctx, &begun); err != nil {
			log.Print(err)
		}
	}
}

// sweep begins a step for everything that is due, and ends orders that nobody
// paid. What is begun is not due again for a while, so that nothing is done twice
// at a time.
func (s *shop) sweep(ctx context.Context, begun *sync.WaitGroup) error {
	const lease = 5000
	var duePayments []payment
	var dueRefunds []refund
	err := s.books.tx(func(tx *sql.Tx) (err error) {
		if _, err = tx.Exec(`UPDATE orders SET state = ? WHERE state = ? AND created < ? AND NOT EXISTS
			(SELECT 1 FROM payments WHERE order_id = orders.id AND (state = ? OR kept))`,
			orderClosed, orderNew, now()-s.Timers.OrderExpiry.Milliseconds(), paymentStarted); err != nil {
			return err
		}
		if duePayments, err = payments(tx, "WHERE state = ? AND next <= ? LIMIT 64", paymentStarted, now()); err != nil {
			return err
		}
		if dueRefunds, err = refunds(tx, "WHERE state IN (?, ?) AND next <= ? LIMIT 64", refundAsked, refundSent, now()); err != nil {
			return err
		}
		for _, p := range duePayments {
			if _, err = tx.Exec("UPDATE payments SET next = ? WHERE id = ?", now()+lease, p.ID); err != nil {
				return err
			}
		}
		for _, r := range dueRefunds {
			if _, err = tx.Exec("UPDATE refunds SET next = ? WHERE id = ?", now()+lease, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	step := func(table, id string, every time.Duration, do func(context.Context) error) {
		s.slots <- struct{}{}
		begun.Go(func() {
			defer func() { <-s.slots }()
			if err := do(context.WithoutCancel(ctx)); err != nil {
				log.Printf("%s %s: %v", table, id, err)
			}
			if _, err := s.books.db.Exec("UPDATE "+table+" SET next = ? WHERE id = ?", now()+every.Milliseconds(), id); err != nil {
				log.Print(err)
			}
		})
	}
	for _, p := range duePayments {
		step("payments", p.ID, s.Timers.Ask, func(ctx context.Context) error { return s.decide(ctx, p) })
	}
	for _, r := range dueRefunds {
		step("refunds", r.ID, s.Timers.AskRefund, func(ctx context.Context) error { return s.move(ctx, r) })
	}
	return nil
}

// decide finds out how a payment stands, and ends it when its time is over: asked,
// closed, and asked again, since money may come in between.
func (s *shop) decide(ctx context.Context, p payment) error {
	seen, err := s.wechat.query(ctx, p.ID)
	missing := isRefused(err, "ORDER_NOT_EXIST") || isRefused(err, "RESOURCE_NOT_EXISTS")
	switch {
	case err != nil && !missing:
		return err
	case seen.TradeState == "SUCCESS" || seen.TradeState == "REFUND":
		return s.books.book(seen)
	case seen.TradeState == "CLOSED" || seen.TradeState == "REVOKED" || seen.TradeState == "PAYERROR":
		return s.end(p)
	}
	if now()-p.Created < s.Timers.GiveUp.Milliseconds() {
		if p.Code != "" || !missing {
			return nil
		}
		o, err := one(orders(s.books.db, "WHERE id = ?", p.OrderID))
		if err != nil {
			return err
		}
		_, err = s.askForCode(ctx, p, o)
		return err
	}
	// A number that was never used is closed as well: it cannot be used any more.
	if err := s.wechat.close(ctx, p.ID); err != nil && !isRefused(err, "ORDERPAID") && !isRefused(err, "ORDER_CLOSED") {
		return err
	}
	seen, err = s.wechat.query(ctx, p.ID)
	switch {
	case err == nil && seen.TradeState == "SUCCESS":
		return s.books.book(seen)
	case err == nil && seen.TradeState == "CLOSED", isRefused(err, "ORDER_NOT_EXIST"):
		return s.end(p)
	default:
		return err
	}
}

func (s *shop) end(p payment) error {
	_, err := s.books.db.Exec("UPDATE payments SET state = ? WHERE id = ? AND state = ?", paymentClosed, p.ID, paymentStarted)
	return err
}

// move takes a refund a step further: it is sent, with the same number and the
// same bytes until there is an answer, and then asked about.
func (s *shop) move(ctx context.Context, r refund) error {
	if r.State == refundSent {
		said, err := s.wechat.queryRefund(ctx, r)
		if isRefused(err, "RESOURCE_NOT_EXISTS") { // it never arrived
			return s.send(ctx, r)
		}
		if err != nil {
			return err
		}
		return s.books.returned(said, said.Status)
	}
	return s.send(ctx, r)
}

func (s *shop) send(ctx context.Context, r refund) error {
	p, err := one(payments(s.books.db, "WHERE id = ?", r.PaymentID))
	if err != nil {
		return err
	}
	said, err := s.wechat.refund(ctx, r, p.Captured)
	if err == nil {
		return s.books.returned(said, said.Status)
	}
	refused := refusal{}
	final := errors.As(err, &refused) && refused.final()
	switch {
	case final && !strings.Contains(refused.Code, "FREQUENCY"):
		return errors.Join(err, s.books.returned(back{OutRefundNo: r.ID}, "CLOSED"))
	case !final && s.Bug == "refund-again" && r.Cause == causeShopper:
		_, renamed := s.books.db.Exec("UPDATE refunds SET id = ? WHERE id = ?", number("b"), r.ID)
		return errors.Join(err, renamed)
	}
	return err
}
