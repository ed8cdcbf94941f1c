package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/payquake/payquake/merchant"
)

// configured writes a configuration file for a shop and returns its path and
// address.
func configured(t *testing.T, change func(map[string]any)) (path, address string) {
	t.Helper()
	key, err := os.ReadFile("../wechatpay/testdata/TEST-ONLY-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	config := map[string]any{
		"listen": address, "database": filepath.Join(folder, "shop.db"), "public_url": "https://shop.example",
		"wechatpay": map[string]any{
			"merchant_id": "1900000109", "app_id": "wxd678efh567hg6787", "serial_number": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
			"private_key_pem": string(key), "apiv3_key": "payquakeTESTONLYapiv3key00000001", "mode": "certificates",
			"base_url": "http://127.0.0.1:1",
		},
		"timers": map[string]any{"poll_every": "5ms", "call_timeout": "500ms"},
	}
	change(config)
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(folder, "shop.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, address
}

func TestLoad_NamesWhatIsWrong(t *testing.T) {
	for want, change := range map[string]func(map[string]any){
		"unknown field":      func(c map[string]any) { c["listn"] = "x" },
		"public_url":         func(c map[string]any) { c["public_url"] = "shop.example?x=1" },
		"read duration":      func(c map[string]any) { c["timers"] = map[string]any{"poll_every": 5} },
		"must be positive":   func(c map[string]any) { c["timers"] = map[string]any{"poll_every": "0s"} },
		"listen and databas": func(c map[string]any) { c["database"] = "" },
	} {
		path, _ := configured(t, change)
		if _, err := Load(path); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	path, _ := configured(t, func(c map[string]any) { c["bug"] = "no-query-jop" })
	if err := Run(context.Background(), path, nil); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("bug: %v", err)
	}
}

func TestLoad_TimersKeepTheirDefaults(t *testing.T) {
	path, _ := configured(t, func(map[string]any) {})
	config, err := Load(path)
	want := merchant.DefaultTimers()
	if err != nil || config.Timers.GiveUpAfter != want.GiveUpAfter || time.Duration(config.Timers.PollEvery) != 5*time.Millisecond {
		t.Errorf("%+v, %v", config.Timers, err)
	}
	if got := config.Timers.Longest(); got < 24*time.Hour {
		t.Errorf("longest timer %s", got)
	}
}

// post places an order over the wire, as soon as the shop listens, inside a
// given trace.
func post(t *testing.T, address, path, body, trace string) (int, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("traceparent", trace)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			if (merchant.SystemClock{}).Wait(ctx, 10*time.Millisecond) != nil {
				t.Fatal(err)
			}
			continue
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, text
	}
}

// TestRun_Trace runs a shop with tracing off and on, and looks at what its
// calls to the provider carry: nothing, or the order's own trace, from the
// workers as well.
func TestRun_Trace(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, traced := range []bool{false, true} {
		var mu sync.Mutex
		var starts []string
		provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if strings.HasSuffix(r.URL.Path, "/native") {
				starts = append(starts, r.Header.Get("traceparent"))
			}
			w.WriteHeader(http.StatusInternalServerError)
		}))
		path, address := configured(t, func(c map[string]any) {
			c["wechatpay"].(map[string]any)["base_url"] = provider.URL
			c["timers"].(map[string]any)["retry_backoff"] = "10ms"
			if traced {
				c["telemetry"] = "http://127.0.0.1:4318"
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		flushed := false
		setUp := func(context.Context, string) (func(context.Context) error, error) {
			otel.SetTracerProvider(sdktrace.NewTracerProvider())
			otel.SetTextMapPropagator(propagation.TraceContext{})
			return func(context.Context) error { flushed = true; return nil }, nil
		}
		go func() { ended <- Run(ctx, path, setUp) }()
		trace := "00-" + id + "-00f067aa0ba902b7-01"
		status, body := post(t, address, "/orders", `{"key":"o1","shopper":"s","lines":[{"name":"tea","quantity":1,
			"price":{"minor":5,"currency":"CNY"}}],"total":{"minor":5,"currency":"CNY"}}`, trace)
		var view merchant.OrderView
		if err := json.Unmarshal(body, &view); err != nil || status != http.StatusCreated {
			t.Fatalf("order answered %d %s", status, body)
		}
		status, body = post(t, address, "/orders/"+view.ID+"/payments", `{"key":"p1","provider":"wechatpay","method":"code"}`, trace)
		if status != http.StatusAccepted {
			t.Errorf("start answered %d %s", status, body)
		}
		for tries := 0; tries < 3; {
			_ = merchant.SystemClock{}.Wait(t.Context(), 10*time.Millisecond)
			mu.Lock()
			tries = len(starts)
			mu.Unlock()
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("orderly end: %v", err)
		}
		provider.Close()
		for _, seen := range starts {
			if strings.Contains(seen, id) != traced || (seen != "") != traced {
				t.Errorf("traced %t: traceparent %q", traced, seen)
			}
		}
		if flushed != traced {
			t.Errorf("traced %t: flushed %t", traced, flushed)
		}
	}
}
