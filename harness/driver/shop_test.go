package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/harness/driver"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
	"github.com/payquake/payquake/telemetry"
)

// shopAnswering is a shop whose every answer is this handler's.
func shopAnswering(t *testing.T, handler http.HandlerFunc) *driver.Shop {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	past := func(ctx context.Context, method, path string) (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, method, server.URL+path, nil)
		if err != nil {
			return nil, err
		}
		return http.DefaultClient.Do(request)
	}
	return driver.NewShop(server.URL, past, 5*time.Second)
}

// TestShop_Understands: a refusal surely had no effect; what is no clear answer
// leaves everything open.
func TestShop_Understands(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		outcome journal.Outcome
		reason  string
	}{
		"created":                  {201, `{"id":"o1","state":"open"}`, journal.OK, ""},
		"ok":                       {200, `{"id":"o1"}`, journal.OK, ""},
		"bad request":              {400, `{"error":"no lines"}`, journal.Failed, "400 Bad Request no lines"},
		"conflict":                 {409, `{"error":"paid"}`, journal.Failed, "409 Conflict paid"},
		"not found, in no form":    {404, `<html>`, journal.Failed, "404 Not Found"},
		"too many requests":        {429, `{"error":"slow down"}`, journal.Indeterminate, "429 Too Many Requests slow down"},
		"broken":                   {500, `{"error":"boom"}`, journal.Indeterminate, "500 Internal Server Error boom"},
		"bad gateway":              {502, `<html>nginx`, journal.Indeterminate, "502 Bad Gateway"},
		"moved":                    {304, ``, journal.Indeterminate, "304 Not Modified"},
		"success in no form":       {200, `<html>paid, thank you`, journal.Indeterminate, "the answer is no JSON object"},
		"success of another shape": {200, `["o1"]`, journal.Indeterminate, "the answer is no JSON object"},
		"success without a body":   {200, ``, journal.Indeterminate, "the answer is no JSON object"},
		"endless success":          {200, `{"id":"` + strings.Repeat("x", 2<<20) + `"}`, journal.Indeterminate, "the answer is no JSON object"},
		"a long excuse":            {400, `{"error":"` + strings.Repeat("x", 4000) + `"}`, journal.Failed, "400 Bad Request " + strings.Repeat("x", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			shop := shopAnswering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			result := shop.Place(t.Context(), "t1", driver.Order{})
			require.Equal(t, c.outcome, result.Outcome)
			require.Equal(t, c.reason, strings.TrimSpace(result.Reason))
			if c.outcome != journal.OK {
				require.Empty(t, result.OrderID, "nothing is known")
			}
			require.Equal(t, c.outcome, shop.Observe(t.Context(), "o1").Outcome, "past the links the same holds")
		})
	}
}

// TestShop_NoAnswer: silence, a reset and an answer cut off are no answers.
func TestShop_NoAnswer(t *testing.T) {
	hijack := func(say string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, say)
				_ = conn.Close()
			}
		}
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for want, handler := range map[string]http.HandlerFunc{
		"EOF":                  hijack(""),
		"the answer broke off": hijack("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"id\":"),
		"no answer in time":    silent,
	} {
		shop := shopAnswering(t, handler)
		shop.Patience = 200 * time.Millisecond
		result := shop.Read(t.Context(), "t1", "o1")
		require.Equal(t, journal.Indeterminate, result.Outcome)
		require.Contains(t, result.Reason, want)
	}
}

// TestShop_Calls: what the shop is asked, and how the gateway is told whose
// call it is.
func TestShop_Calls(t *testing.T) {
	var asked, body string
	shop := shopAnswering(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		asked, body = fmt.Sprintf("%s %s trial=%s operation=%s trace=%t", r.Method, r.URL.EscapedPath(), r.Header.Get(proxy.TrialHeader),
			r.Header.Get(proxy.OperationHeader), r.Header.Get("Traceparent") != ""), string(text)
		_, _ = io.WriteString(w, `{"id":"o1","state":"pending","code":"h5","payments":[{"key":"k1","state":"closed","code":"p"}],"refunds":[{"state":"done"}]}`)
	})
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), telemetry.Root(telemetry.TraceID("run", "t1")))

	placed := shop.Place(ctx, "t1", driver.Order{Key: "k", Shopper: "s", Total: payment.Fen(700),
		Lines: []scenarios.Line{{Name: "tea", Quantity: 7, Price: payment.Fen(100)}}})
	require.Equal(t, "POST /orders trial=t1 operation=place trace=true", asked)
	require.JSONEq(t, `{"key":"k","shopper":"s","total":{"minor":700,"currency":"CNY"},
		"lines":[{"name":"tea","quantity":7,"price":{"minor":100,"currency":"CNY"}}]}`, body)
	require.Equal(t, "o1", placed.OrderID)

	started := shop.Start(ctx, "t1", driver.Start{OrderID: "o/1", Key: "k", Provider: "wechatpay", Method: payment.MethodBarcode, Barcode: "b", ShopperID: "i"})
	require.Equal(t, "POST /orders/o%2F1/payments trial=t1 operation=start trace=true", asked)
	require.JSONEq(t, `{"key":"k","provider":"wechatpay","method":"barcode","auth_code":"b","shopper_id":"i"}`, body)
	require.Equal(t, "h5", started.Code)
	require.Equal(t, payment.Pending, started.Payment)

	seen := shop.Read(ctx, "t1", "o1")
	require.Equal(t, "GET /orders/o1 trial=t1 operation=read trace=true", asked)
	require.Equal(t, []driver.PagePayment{{Key: "k1", State: payment.Closed, Code: "p"}}, seen.Payments)
	require.Equal(t, []payment.RefundState{payment.RefundDone}, seen.Refunds)

	shop.Refund(ctx, "t1", driver.Refund{OrderID: "o1", RequestID: "q", Amount: payment.Fen(5)})
	require.Equal(t, "POST /orders/o1/refunds trial=t1 operation=ask-refund trace=true", asked)
	require.JSONEq(t, `{"request_id":"q","amount":{"minor":5,"currency":"CNY"}}`, body)

	require.NoError(t, shop.Ready(ctx))
	require.Equal(t, "GET /healthz trial= operation= trace=false", asked)
}

// TestShop_NotReady: a merchant that answers its health check with anything but
// a plain yes does not serve.
func TestShop_NotReady(t *testing.T) {
	shop := shopAnswering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	require.ErrorContains(t, shop.Ready(t.Context()), "503")
	shop.Past = func(context.Context, string, string) (*http.Response, error) { return nil, errors.New("relay: down") }
	require.ErrorContains(t, shop.Ready(t.Context()), "relay: down")
}

// TestShop_Books: the export becomes entries in the journal's words; an order's
// history and releases are entries of their own.
func TestShop_Books(t *testing.T) {
	shop := shopAnswering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, exported) })
	books, err := shop.Books(t.Context())
	require.NoError(t, err)
	require.Equal(t, exported, string(books.Raw))
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	require.Equal(t, []journal.Entry{
		{Owner: "merchant", Kind: journal.OrderEntry, OrderID: "o1", OrderKey: "order-t1", State: "paid", Amount: payment.Fen(1000), Refunded: payment.Fen(400)},
		{Owner: "merchant", Kind: journal.OrderMove, OrderID: "o1", State: "open", Since: at},
		{Owner: "merchant", Kind: journal.ReleaseEntry, OrderID: "o1", Key: "release-o1", Since: at},
		{Owner: "merchant", Kind: journal.PaymentEntry, OrderID: "o1", PaymentID: "y1", Provider: "wechatpay", Method: "code",
			MerchantReference: "p1", ProviderReference: "4200", State: "captured", Amount: payment.Fen(999), Since: at},
		{Owner: "merchant", Kind: journal.RefundEntry, OrderID: "o1", PaymentID: "y1", RefundID: "f1", RequestID: "q1",
			RefundReference: "r1", ProviderReference: "503", State: "done", Amount: payment.Fen(400), Reason: "asked"},
		{Owner: "merchant", Kind: journal.HandedOverEntry, OrderID: "o1", PaymentID: "y1", RefundID: "f1", MerchantReference: "r1",
			Amount: payment.Fen(400), Reason: "refused", Since: at},
		{Owner: "merchant", Kind: journal.CreditEntry, OrderID: "o1", PaymentID: "y2", Account: "shopper-t1", MerchantReference: "p2",
			Amount: payment.Fen(999), Since: at},
		{Owner: "merchant", Kind: journal.BalanceEntry, OrderID: "o1", Account: "shopper-t1", Amount: payment.Fen(999)},
	}, books.Entries)
}

const exported = `{"orders":[{"id":"o1","key":"order-t1","state":"paid","total":{"minor":1000,"currency":"CNY"},"refunded":{"minor":400,"currency":"CNY"},
 "history":[{"state":"open","at":"2026-03-01T09:00:00Z"}],"released":[{"idempotency_key":"release-o1","at":"2026-03-01T09:00:00Z"}],"news":1}],
 "payments":[{"id":"y1","order_id":"o1","provider":"wechatpay","method":"code","reference":"p1","provider_reference":"4200","state":"captured",
 "amount":{"minor":1000,"currency":"CNY"},"captured":{"minor":999,"currency":"CNY"},"captured_at":"2026-03-01T09:00:00Z"}],
 "refunds":[{"id":"f1","order_id":"o1","payment_id":"y1","request_id":"q1","reference":"r1","provider_reference":"503",
 "amount":{"minor":400,"currency":"CNY"},"state":"done","cause":"asked"}],
 "handed_over":[{"at":"2026-03-01T09:00:00Z","order_id":"o1","payment_id":"y1","refund_id":"f1","reference":"r1","amount":{"minor":400,"currency":"CNY"},"reason":"refused"}],
 "balances":[{"account":"shopper-t1","amount":{"minor":999,"currency":"CNY"},"credits":[{"order_id":"o1","payment_id":"y2","reference":"p2",
 "amount":{"minor":999,"currency":"CNY"},"at":"2026-03-01T09:00:00Z"}]}]}`

// TestShop_HostileBooks: books that cannot be believed are an error, never
// empty books; empty books are books.
func TestShop_HostileBooks(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string // "" for no error
	}{
		"empty":                        {200, `{}`, ""},
		"nothing in any of them":       {200, `{"orders":null,"payments":[],"refunds":null}`, ""},
		"refused":                      {500, `{}`, "500"},
		"cut off":                      {200, exported[:300], "unexpected end of JSON"},
		"no JSON":                      {200, `<html>`, "invalid character"},
		"of another shape":             {200, `{"orders":{"o1":{}}}`, "cannot unmarshal object"},
		"an amount beyond all numbers": {200, `{"orders":[{"id":"o1","total":{"minor":99999999999999999999}}]}`, "cannot unmarshal number"},
		"an amount with a fraction":    {200, `{"orders":[{"id":"o1","total":{"minor":10.5}}]}`, "cannot unmarshal number"},
		"deeper than anybody nests":    {200, `{"orders":` + strings.Repeat("[", 20_000), "exceeded max depth"},
		"many thousand orders":         {200, `{"orders":[{}` + strings.Repeat(`,{"id":"o"}`, 50_000) + `]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			shop := shopAnswering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			books, err := shop.Books(t.Context())
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, c.body, string(books.Raw))
				return
			}
			require.ErrorContains(t, err, "read the merchant's books")
			require.ErrorContains(t, err, c.want)
		})
	}
}
