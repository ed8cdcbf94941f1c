package driver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/harness/driver"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// stall is a merchant with words and shapes of its own, as a manifest describes it.
const stall = `
name: stall
merchant: {url: "http://127.0.0.1:1", keys: keys, longestTimer: 1s, ready: /up}
providers: [alipay]
driver:
  login:
    post: /login
    json: {user: "${shopper}"}
    take: {token: body.token}
  headers: {Authorization: "Bearer ${session.token}"}
  place:
    post: /orders
    form: {what: "${product}", many: "${quantity}", price: "${yuan(total)}", key: "${key}"}
    failed: status == 200 && body.error == "sold out"
    ok: status == 200 && body.error == nil
    take: {order: body.order.no, state: body.order.status}
  start:
    post: /orders/${order}/pay?via=${provider}
    json: {ref: "${key}"}
    take: {state: body.status, code: body.qr}
  read:
    get: /orders/${order}
    take:
      state: body.status
      payments: {from: body.pays, key: item.ref, state: item.status, code: item.qr}
      refunds: {from: body.backs, key: item.ref, state: item.status}
  refund:
    post: /orders/${order}/back
    json: {ref: "${key}", sum: "${yuan(amount)}"}
    take: {state: body.status}
  books:
    get: /books
    orders: {from: body.orders, id: item.no, key: item.key, state: item.status, total: fen(item.sum)}
    payments: {from: body.pays, order: item.order, reference: item.no, state: item.status, captured: fen(item.sum)}
    handedOver: {from: body.people, order: item.order, reference: item.no, amount: fen(item.sum), reason: item.why}
    credits: {from: body.credits, order: item.order, reference: item.no, account: item.who, amount: fen(item.sum)}
    balances: {from: body.accounts, account: item.who, amount: fen(item.sum)}
  reset: {delete: /orders}
  states:
    order: {N: open, P: paid, C: closed}
    payment: {W: pending, P: captured}
    refund: {W: processing, D: done}
`

// described drives a server as the stall, over the link and past it.
func described(t *testing.T, serve http.HandlerFunc) *driver.Described {
	t.Helper()
	m, err := manifest.Parse("payquake.yaml", []byte(stall), scenarios.DefaultSystems())
	require.NoError(t, err)
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	past := func(request *http.Request) (*http.Response, error) {
		at, err := url.Parse(server.URL)
		require.NoError(t, err)
		sent := request.Clone(request.Context())
		sent.URL.Scheme, sent.URL.Host = at.Scheme, at.Host
		return server.Client().Transport.RoundTrip(sent)
	}
	d := driver.NewDescribed(m, server.URL, past, 300*time.Millisecond)
	d.Mark("run1")
	return d
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// TestDescribed_SpeaksAsTheManifestSays walks through every call of the stall.
func TestDescribed_SpeaksAsTheManifestSays(t *testing.T) {
	var logins atomic.Int32
	d := described(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" && r.URL.Path != "/books" && r.URL.Path != "/up" && r.Method != http.MethodDelete {
			require.Equal(t, "Bearer of shopper-1", r.Header.Get("Authorization"))
		}
		var body map[string]any
		switch r.Method + " " + r.URL.Path {
		case "POST /login":
			logins.Add(1)
			require.NoError(t, json.NewDecoder(r.Body).Decode(&body))
			answerJSON(w, map[string]any{"token": fmt.Sprint("of ", body["user"])})
		case "POST /orders":
			require.NoError(t, r.ParseForm())
			require.Equal(t, url.Values{"what": {"tea"}, "many": {"2"}, "price": {"25.60"}, "key": {"k1.run1"}}, r.PostForm)
			answerJSON(w, map[string]any{"order": map[string]any{"no": 17, "status": "N"}})
		case "POST /orders/17/pay":
			require.Equal(t, "alipay", r.URL.Query().Get("via"))
			answerJSON(w, map[string]any{"status": "W", "qr": "code-1"})
		case "GET /orders/17":
			answerJSON(w, map[string]any{"status": "P", "pays": []any{map[string]any{"ref": "s1.run1", "status": "P", "qr": "code-1"}},
				"backs": []any{map[string]any{"ref": "r1", "status": "W"}}})
		case "POST /orders/17/back":
			require.NoError(t, json.NewDecoder(r.Body).Decode(&body))
			require.Equal(t, map[string]any{"ref": "r1.run1", "sum": "0.29"}, body)
			answerJSON(w, map[string]any{"status": "D"})
		case "GET /books":
			answerJSON(w, map[string]any{"orders": []any{map[string]any{"no": 17, "key": "k1.run1", "status": "P", "sum": 25.6}},
				"pays":     []any{map[string]any{"order": 17, "no": "ref-1", "status": "P", "sum": "25.60"}},
				"people":   []any{map[string]any{"order": 17, "no": "ref-2", "sum": "1.00", "why": "too late"}},
				"credits":  []any{map[string]any{"order": 17, "no": "ref-3", "who": "shopper-1", "sum": "0.50"}},
				"accounts": []any{map[string]any{"who": "shopper-1", "sum": "0.50"}}})
		case "DELETE /orders", "GET /up":
		default:
			t.Errorf("unexpected %s %s", r.Method, r.URL)
		}
	})
	ctx := t.Context()
	require.NoError(t, d.Ready(ctx))
	require.NoError(t, d.Reset(ctx))
	placed := d.Place(ctx, "t1", driver.Order{Key: "k1", Shopper: "shopper-1", Total: payment.Fen(2560),
		Lines: []scenarios.Line{{Product: "tea", Quantity: 2, Price: payment.Fen(1280)}}})
	require.Equal(t, driver.Result{Outcome: journal.OK, OrderID: "17", Order: payment.OrderOpen}, placed)
	started := d.Start(ctx, "t1", driver.Start{OrderID: "17", Key: "s1", Provider: "alipay", Method: payment.MethodCode})
	require.Equal(t, driver.Result{Outcome: journal.OK, OrderID: "17", Payment: payment.Pending, Code: "code-1"}, started)
	want := driver.Result{Outcome: journal.OK, OrderID: "17", Order: payment.OrderPaid,
		Payments: []driver.PagePayment{{Key: "s1", State: payment.Captured, Code: "code-1"}}, Refunds: []payment.RefundState{payment.RefundProcessing}}
	require.Equal(t, want, d.Read(ctx, "t1", "17"))
	require.Equal(t, want, d.Observe(ctx, "17"))
	back := d.Refund(ctx, "t1", driver.Refund{OrderID: "17", RequestID: "r1", Amount: payment.Fen(29)})
	require.Equal(t, driver.Result{Outcome: journal.OK, OrderID: "17", Refund: payment.RefundDone}, back)
	require.EqualValues(t, 1, logins.Load(), "a shopper logs in once")
	books, err := d.Books(ctx)
	require.NoError(t, err)
	require.Equal(t, []journal.Entry{
		{Owner: "merchant", Kind: journal.OrderEntry, OrderID: "17", OrderKey: "k1", State: "paid", Amount: payment.Fen(2560), Refunded: payment.Money{}},
		{Owner: "merchant", Kind: journal.PaymentEntry, OrderID: "17", Provider: "alipay", MerchantReference: "ref-1", State: "captured", Amount: payment.Fen(2560)},
		{Owner: "merchant", Kind: journal.HandedOverEntry, OrderID: "17", MerchantReference: "ref-2", Amount: payment.Fen(100), Reason: "too late"},
		{Owner: "merchant", Kind: journal.CreditEntry, OrderID: "17", Account: "shopper-1", MerchantReference: "ref-3", Amount: payment.Fen(50)},
		{Owner: "merchant", Kind: journal.BalanceEntry, OrderID: "17", Account: "shopper-1", Amount: payment.Fen(50)},
	}, books.Entries)
}

// TestDescribed_Hostile: however a merchant answers, there is an outcome and a
// reason that can be shown.
func TestDescribed_Hostile(t *testing.T) {
	for name, row := range map[string]struct {
		answer  http.HandlerFunc
		outcome journal.Outcome
		reason  string
	}{
		"slowly": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(2 * time.Second):
			}
		}, journal.Indeterminate, "no answer in time"},
		"not at all": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, journal.Indeterminate, "EOF"},
		"hugely": {func(w http.ResponseWriter, _ *http.Request) {
			block := []byte(strings.Repeat("x", 1<<20))
			for range 9 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, journal.Indeterminate, "longer than 4 MiB"},
		"with HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<html><h1>502</h1></html>")
		}, journal.Indeterminate, "502 Bad Gateway <html>"},
		"with HTML and success": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>ok</html>") },
			journal.Indeterminate, "the answer cannot be read"},
		"with terminal escapes": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, "\x1b[2J\x1b]0;owned\x07\xff")
		}, journal.Failed, "409 Conflict ·[2J·]0;owned··"},
		"in a state of its own": {func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, map[string]any{"status": "X"}) },
			journal.Indeterminate, `state "X", which driver.states.order does not list`},
		"with another shape": {func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, []any{1, 2}) },
			journal.Indeterminate, "the answer cannot be read"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		},
			journal.Indeterminate, "302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			d := described(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/login" {
					answerJSON(w, map[string]any{"token": "x"})
					return
				}
				row.answer(w, r)
			})
			result := d.Read(context.Background(), "t1", "1")
			require.Equal(t, row.outcome, result.Outcome, result.Reason)
			require.Contains(t, result.Reason, row.reason)
			require.Less(t, len(result.Reason), 700)
			for _, r := range result.Reason {
				require.False(t, unicode.IsControl(r), "%q", result.Reason)
			}
		})
	}
}

// TestDescribed_OwnRules: what success and refusal are is the merchant's to say.
func TestDescribed_OwnRules(t *testing.T) {
	said := ""
	d := described(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			answerJSON(w, map[string]any{"token": "x"})
			return
		}
		fmt.Fprint(w, said)
	})
	place := func(text string) driver.Result {
		said = text
		return d.Place(t.Context(), "t1", driver.Order{Key: "k", Shopper: "s", Total: payment.Fen(1), Lines: []scenarios.Line{{Product: "tea", Quantity: 1}}})
	}
	require.Equal(t, journal.Failed, place(`{"error": "sold out"}`).Outcome)
	require.Equal(t, journal.Indeterminate, place(`{"error": "later"}`).Outcome)
	require.Equal(t, journal.OK, place(`{"order": {"no": "9"}}`).Outcome)
	unread := place(`{"order": {}}`)
	require.Equal(t, journal.Indeterminate, unread.Outcome)
	require.Equal(t, "the answer names no order", unread.Reason)
}
