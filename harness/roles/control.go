// Package roles is what the processes of a run do: the gateway with all link
// proxies, and one role per provider. Each has a control API for the harness,
// over HTTP with a token of the run, in containers and in-process alike, so
// that there is one way of conducting them and not two.
package roles

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
)

// tokenHeader carries the run's token on every control call.
const tokenHeader = "Payquake-Token"

// pollFor bounds how long a call for records waits for the first of them.
const pollFor = 10 * time.Second

// recordBatch bounds how many records one call returns.
const recordBatch = 4000

// Server is a role's control API.
type server struct {
	http     *http.Server
	listener net.Listener
}

// serve starts a control API on an address. Everything but the health check
// needs the token.
func serve(address, token string, mux *http.ServeMux) (*server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for control: %w", err)
	}
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := []byte(r.Header.Get(tokenHeader))
		if r.URL.Path != "/healthz" && r.URL.Path != "/v1/traces" && subtle.ConstantTimeCompare(given, []byte(token)) != 1 {
			http.Error(w, "the run's token is missing", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	s := &server{listener: listener, http: &http.Server{Handler: guarded, ReadHeaderTimeout: 10 * time.Second}}
	go func() { _ = s.http.Serve(listener) }() // ends with close
	return s, nil
}

func (s *server) address() string { return s.listener.Addr().String() }

func (s *server) close() error { return s.http.Close() }

// handle serves a control call whose argument and result are JSON.
func handle[In, Out any](mux *http.ServeMux, pattern string, do func(context.Context, In) (Out, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if r.ContentLength != 0 {
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				http.Error(w, "argument: "+err.Error(), http.StatusBadRequest)
				return
			}
		}
		out, err := do(r.Context(), in)
		if err != nil {
			writeFailure(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the harness sees a cut answer as an error
	})
}

// nothing is the argument or result of calls that have none.
type nothing struct{}

// failure is how an error crosses the control API; Kind names the sentinel.
type failure struct {
	Kind    string `json:"kind,omitempty"`
	Message string `json:"message"`
}

func writeFailure(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	kind := ""
	for name, sentinel := range walletErrors() {
		if errors.Is(err, sentinel) {
			kind = name
		}
	}
	_ = json.NewEncoder(w).Encode(failure{Kind: kind, Message: err.Error()})
}

// serveFeed lets the harness follow a feed: each call returns the records after
// the number it names, and acknowledges those before.
func serveFeed(mux *http.ServeMux, feed *journal.Feed) {
	mux.HandleFunc("GET /records", func(w http.ResponseWriter, r *http.Request) {
		after, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
		if err != nil {
			http.Error(w, "after: want a number", http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), pollFor)
		defer cancel()
		records, err := feed.After(ctx, after, recordBatch)
		if err != nil {
			records = nil // none came in time
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(records)
	})
	handle(mux, "GET /last", func(context.Context, nothing) (uint64, error) { return feed.Last(), nil })
}

// trialCode is the argument of what a shopper does with a code.
type trialCode struct {
	Trial faults.Trial `json:"trial"`
	Code  string       `json:"code,omitempty"`
}
