package proxy

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
)

// BenchmarkExchange is one exchange with a 1 KiB body: direct, through a link
// with tracing and recording on and so many pins loaded, and through net/http's
// own proxy for comparison. The difference to direct is what a link costs.
func BenchmarkExchange(b *testing.B) {
	callee := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, _ = w.Write(body)
		}
	}))
	defer callee.Close()
	b.Run("direct", func(b *testing.B) { exchanges(b, callee.URL) })
	b.Run("link, 10 pins", func(b *testing.B) { exchanges(b, benchLink(b, callee.URL, 10)) })
	b.Run("link, 10000 pins", func(b *testing.B) { exchanges(b, benchLink(b, callee.URL, 10_000)) })
	target, err := url.Parse(callee.URL)
	if err != nil {
		b.Fatal(err)
	}
	plain := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	defer plain.Close()
	b.Run("httputil.ReverseProxy", func(b *testing.B) { exchanges(b, plain.URL) })
}

func benchLink(b *testing.B, callee string, pins int) string {
	feed := journal.NewFeed(journal.Gateway)
	register := NewRegister(clock.System{}, feed)
	casting := Casting{Trial: "t1", TraceID: strings.Repeat("1", 32), Amounts: []payment.Money{payment.Fen(1000)}}
	for i := range pins {
		casting.Pins = append(casting.Pins, faults.Pin{ID: "p", Fault: "noop", Trial: "t1",
			At: &faults.Address{Link: rigLink, Operation: faults.Refund, Nth: i + 1, Leg: faults.RequestLeg}})
	}
	if err := register.Cast([]Casting{casting}); err != nil {
		b.Fatal(err)
	}
	tracing := sdktrace.NewTracerProvider()
	link := NewLink(Config{Link: rigLink, Dialect: toy{}, Register: register, Clock: clock.System{}, Tracer: tracing.Tracer("")})
	link.SetCallee(strings.TrimPrefix(callee, "http://"))
	address, err := link.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // a follower that acknowledges, as the harness does
		var after uint64
		for {
			records, err := feed.After(ctx, after, 1<<16)
			if err != nil {
				return
			}
			after = records[len(records)-1].Number
		}
	}()
	b.Cleanup(func() { cancel(); link.Close() })
	return "http://" + address
}

func exchanges(b *testing.B, base string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	body := bytes.Repeat([]byte("x"), 1024)
	for b.Loop() {
		request, err := http.NewRequest(http.MethodPost, base+"/pay", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Op", "create")
		request.Header.Set("Ref", "ref")
		request.Header.Set("Amount", "1000")
		answer, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			b.Fatal(err)
		}
		answer.Body.Close()
	}
}
