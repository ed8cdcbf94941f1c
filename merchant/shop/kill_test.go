package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payquake/payquake/merchant"
)

// childConfig is the variable that makes this test binary a shop.
const childConfig = "PAYQUAKE_TEST_SHOP_CONFIG"

func TestMain(m *testing.M) {
	path := os.Getenv(childConfig)
	if path == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, path, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childConfig+"="+path)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command
}

// TestKill kills a real process while a create is in the air. Its successor
// knows the order and the payment, and sends the same bytes under the same
// reference; and it ends orderly when asked to.
func TestKill_SuccessorSendsTheSameBytes(t *testing.T) {
	starts := make(chan string, 8)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && strings.HasSuffix(r.URL.Path, "/native") {
			starts <- string(body)
			<-r.Context().Done() // never answered
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer provider.Close()
	path, address := configured(t, func(c map[string]any) {
		c["wechatpay"].(map[string]any)["base_url"] = provider.URL
		c["timers"].(map[string]any)["retry_backoff"] = "10ms"
	})
	first := child(t, path)
	status, body := post(t, address, "/orders", `{"key":"o1","shopper":"s","lines":[{"name":"tea","quantity":1,
		"price":{"minor":5,"currency":"CNY"}}],"total":{"minor":5,"currency":"CNY"}}`, "")
	var view merchant.OrderView
	if err := json.Unmarshal(body, &view); err != nil || status != http.StatusCreated {
		t.Fatalf("order answered %d %s", status, body)
	}
	go func() { // its answer dies with the process
		response, err := http.Post("http://"+address+"/orders/"+view.ID+"/payments", "application/json",
			strings.NewReader(`{"key":"p1","provider":"wechatpay","method":"code"}`))
		if err == nil {
			_ = response.Body.Close()
		}
	}()
	before := <-starts
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // says that it was killed

	second := child(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case after := <-starts:
		if after != before {
			t.Errorf("bytes differ: %s and %s", before, after)
		}
	case <-ctx.Done():
		t.Error("the successor never sent the start again")
	}
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("orderly end: %v", err)
	}
}
