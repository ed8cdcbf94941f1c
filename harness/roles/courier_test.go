package roles

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/telemetry"
)

// delivered is a delivery as the gateway's notify link saw it.
type delivered struct {
	method, host, uri, body string
	header                  http.Header
}

// aCourier delivers to a gateway that answers with a status.
func aCourier(t *testing.T, status int) (*courier, *tracetest.SpanRecorder, *[]delivered) {
	t.Helper()
	var seen []delivered
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, delivered{r.Method, r.Host, r.URL.RequestURI(), string(body), r.Header})
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_, _ = io.WriteString(w, "fail")
		}
	}))
	t.Cleanup(gateway.Close)
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	return newCourier(ProviderRoleConfig{Run: "run-1", Gateway: gateway.Listener.Addr().String()}, tracer), spans, &seen
}

func aDelivery() *proxy.Request {
	return &proxy.Request{Method: "POST", Target: "/notify/wechatpay?x=%2F", Scheme: "https", Body: []byte(`{"id":"n1"}`),
		Header: proxy.Header{{Name: "Host", Value: "shop.example"}, {Name: "Content-Type", Value: "application/json"},
			{Name: "Wechatpay-Signature", Value: "c2ln"}, {Name: "User-Agent", Value: "Mozilla/4.0"}}}
}

// TestCourier_KeepsTheMessage: the delivery reaches the link with the host that
// the merchant gave, every header and every byte; only the trial and the trace
// are added.
func TestCourier_KeepsTheMessage(t *testing.T) {
	courier, spans, seen := aCourier(t, http.StatusNoContent)
	answer, err := courier.Deliver(t.Context(), "t1", aDelivery())
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, answer.Status)
	require.Len(t, *seen, 1)
	got := (*seen)[0]
	require.Equal(t, []string{"POST", "shop.example", "/notify/wechatpay?x=%2F", `{"id":"n1"}`}, []string{got.method, got.host, got.uri, got.body})
	span := spans.Ended()[0]
	require.Equal(t, "t1", got.header.Get(proxy.TrialHeader))
	require.Contains(t, got.header.Get("Traceparent"), span.SpanContext().SpanID().String())
	for _, added := range []string{proxy.TrialHeader, "Traceparent", "Content-Length"} {
		got.header.Del(added)
	}
	require.Equal(t, http.Header{"Content-Type": {"application/json"}, "Wechatpay-Signature": {"c2ln"}, "User-Agent": {"Mozilla/4.0"}}, got.header)

	require.Equal(t, telemetry.DeliverSpan, span.Name())
	require.Equal(t, telemetry.RootSpanID(telemetry.TraceID("run-1", "t1")), span.Parent().SpanID(), "without an origin it hangs at the root")
}

// TestCourier_LinksRetries: a delivery is a child of the payment it tells of,
// and a retry is linked to the delivery before it, not to another payment's.
func TestCourier_LinksRetries(t *testing.T) {
	courier, spans, _ := aCourier(t, http.StatusInternalServerError)
	paid := trace.NewSpanContext(trace.SpanContextConfig{TraceID: telemetry.TraceID("run-1", "t1"), SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled})
	other := paid.WithSpanID(trace.SpanID{2})
	for _, origin := range []trace.SpanContext{paid, paid, other, paid} {
		answer, err := courier.Deliver(trace.ContextWithSpanContext(t.Context(), origin), "t1", aDelivery())
		require.NoError(t, err, "a merchant that fails has answered")
		require.Equal(t, http.StatusInternalServerError, answer.Status)
	}
	ended := spans.Ended()
	require.Empty(t, ended[0].Links())
	require.Empty(t, ended[2].Links(), "the first of another payment")
	for retry, before := range map[int]int{1: 0, 3: 1} {
		require.Len(t, ended[retry].Links(), 1)
		require.Equal(t, ended[before].SpanContext().SpanID(), ended[retry].Links()[0].SpanContext.SpanID())
	}
	for i, origin := range []trace.SpanContext{paid, paid, other, paid} {
		require.Equal(t, origin.SpanID(), ended[i].Parent().SpanID())
	}
}

// TestCourier_NoAnswer: a redirect is an answer and is not followed; silence is
// none.
func TestCourier_NoAnswer(t *testing.T) {
	courier, spans, seen := aCourier(t, http.StatusFound)
	answer, err := courier.Deliver(t.Context(), "t1", aDelivery())
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, answer.Status)
	require.Equal(t, "fail", string(answer.Body), "for some providers the body acknowledges")
	require.Len(t, *seen, 1)

	courier.gateway = "127.0.0.1:1"
	answer, err = courier.Deliver(t.Context(), "t1", aDelivery())
	require.ErrorContains(t, err, "deliver: ")
	require.Nil(t, answer)
	require.Len(t, spans.Ended()[1].Events(), 1, "the failure is on the span")
}
