package merchant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/payquake/payquake/payment"
)

// errForged is a notification that cannot be proven to be the provider's.
var errForged = errors.New("not proven to be the provider's")

// Handler is the shop's HTTP API:
//
//	POST /orders                        place an order
//	GET  /orders/{id}                   read it
//	POST /orders/{id}/cancel            want it no more
//	PUT  /orders/{id}/lines             want something else
//	POST /orders/{id}/return            come back from the provider's page
//	POST /orders/{id}/payments          start a payment
//	POST /orders/{id}/refunds           ask for a refund
//	POST /baskets                       place orders of several shops at once
//	POST /baskets/{id}/payments         start one payment for all of them
//	GET  /books                         everything the merchant believes
//	GET  /healthz                       200 when the database answers
//	POST /notify/{provider}             the provider's webhook
func (c *Checkout) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", c.servePlace)
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		view, err := c.ReadOrder(r.Context(), r.PathValue("id"))
		answer(w, http.StatusOK, view, err)
	})
	mux.HandleFunc("POST /orders/{id}/cancel", func(w http.ResponseWriter, r *http.Request) {
		view, err := c.CancelOrder(r.Context(), r.PathValue("id"))
		answer(w, http.StatusOK, view, err)
	})
	mux.HandleFunc("PUT /orders/{id}/lines", c.serveChange)
	mux.HandleFunc("POST /orders/{id}/return", func(w http.ResponseWriter, r *http.Request) {
		view, err := c.ReturnToOrder(r.Context(), r.PathValue("id"))
		answer(w, http.StatusOK, view, err)
	})
	mux.HandleFunc("POST /orders/{id}/payments", c.serveStart(c.StartPayment))
	mux.HandleFunc("POST /orders/{id}/refunds", c.serveRefund)
	mux.HandleFunc("POST /baskets", c.serveBasket)
	mux.HandleFunc("POST /baskets/{id}/payments", c.serveStart(c.StartBasket))
	mux.HandleFunc("GET /books", func(w http.ResponseWriter, r *http.Request) {
		books, err := c.Books(r.Context())
		answer(w, http.StatusOK, books, err)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"}, c.store.reads.PingContext(r.Context()))
	})
	for name, provider := range c.providers {
		mux.HandleFunc("POST /notify/"+string(name), c.notified(provider))
	}
	return mux
}

func (c *Checkout) servePlace(w http.ResponseWriter, r *http.Request) {
	var ask OrderRequest
	if err := decode(w, r, &ask); err != nil {
		answer(w, 0, nil, err)
		return
	}
	view, created, err := c.PlaceOrder(r.Context(), ask)
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	answer(w, status, view, err)
}

func (c *Checkout) serveChange(w http.ResponseWriter, r *http.Request) {
	var change BasketChange
	if err := decode(w, r, &change); err != nil {
		answer(w, 0, nil, err)
		return
	}
	view, err := c.ChangeOrder(r.Context(), r.PathValue("id"), change)
	answer(w, http.StatusOK, view, err)
}

func (c *Checkout) serveBasket(w http.ResponseWriter, r *http.Request) {
	var ask BasketRequest
	if err := decode(w, r, &ask); err != nil {
		answer(w, 0, nil, err)
		return
	}
	view, created, err := c.PlaceBasket(r.Context(), ask)
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	answer(w, status, view, err)
}

// serveStart serves what starts a payment, of an order or of a basket.
func (c *Checkout) serveStart(start func(context.Context, string, StartRequest) (PaymentView, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var ask StartRequest
		if err := decode(w, r, &ask); err != nil {
			answer(w, 0, nil, err)
			return
		}
		ask.Address = remoteAddress(r)
		view, err := start(r.Context(), r.PathValue("id"), ask)
		status := http.StatusOK
		if view.State == payment.Pending && !view.Answered {
			status = http.StatusAccepted
		}
		answer(w, status, view, err)
	}
}

// busyRetry is how often, and for how many call timeouts, a request is tried
// again that met goods on their way out.
const (
	busyRetry = 10 * time.Millisecond
	busyCalls = 2
)

func (c *Checkout) serveRefund(w http.ResponseWriter, r *http.Request) {
	var ask RefundRequest
	if err := decode(w, r, &ask); err != nil {
		answer(w, 0, nil, err)
		return
	}
	limited, cancel := context.WithTimeout(r.Context(), busyCalls*wait(c.timers.CallTimeout))
	defer cancel()
	view, err := c.RequestRefund(r.Context(), r.PathValue("id"), ask)
	for errors.Is(err, ErrBusy) && c.clock.Wait(limited, busyRetry) == nil {
		view, err = c.RequestRefund(r.Context(), r.PathValue("id"), ask)
	}
	answer(w, http.StatusAccepted, view, err)
}

func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// decode reads a JSON request; what it does not know is an error, so that a
// misspelt amount is not no amount.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read request: %w: %w", errSyntax, err)
	}
	return nil
}

// errSyntax is a request that is not the JSON we read.
var errSyntax = errors.New("bad request")

// problem is the body of a refusal.
type problem struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, status int, view any, err error) {
	if err != nil {
		status = statusOf(err, http.StatusInternalServerError)
		view = problem{Error: err.Error()}
	}
	body, err := json.Marshal(view)
	if err != nil {
		slog.Error("write answer", "error", err)
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		slog.Debug("send answer", "error", err) // the shopper has gone
	}
}

// statusOf is the HTTP status of an error, otherwise for one without a class.
func statusOf(err error, otherwise int) int {
	for _, class := range []struct {
		err    error
		status int
	}{
		{errForged, http.StatusUnauthorized},
		{errSyntax, http.StatusBadRequest},
		{ErrInvalid, http.StatusUnprocessableEntity},
		{ErrNotFound, http.StatusNotFound},
		{ErrConflict, http.StatusConflict},
		{ErrBusy, http.StatusServiceUnavailable},
	} {
		if errors.Is(err, class.err) {
			return class.status
		}
	}
	return otherwise
}
