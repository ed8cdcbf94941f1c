package wechatpay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/internal/witness"
)

// shop is a small merchant behind real HTTP: it verifies, decrypts and counts.
type shop struct {
	t      *testing.T
	config Config
	server *httptest.Server
	mu     sync.Mutex
	paid   map[string]int
	back   map[string]int
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || !signedBy(s.t, s.config, r.Header, body) {
		http.Error(w, `{"code":"FAIL"}`, http.StatusUnauthorized)
		return
	}
	var outer envelope
	var inner struct {
		OutTradeNo  string `json:"out_trade_no"`
		Combined    string `json:"combine_out_trade_no"`
		OutRefundNo string `json:"out_refund_no"`
	}
	if err := json.Unmarshal(body, &outer); err != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	plain, err := unseal(s.config.Merchants[0].APIv3Key, outer.Resource.Nonce, outer.Resource.AssociatedData, outer.Resource.Ciphertext)
	if err != nil || json.Unmarshal(plain, &inner) != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if outer.EventType == "REFUND.SUCCESS" {
		s.back[inner.OutRefundNo]++
	} else {
		s.paid[inner.OutTradeNo+inner.Combined]++
	}
	w.WriteHeader(http.StatusNoContent)
}

// A shopper pays, the merchant is told, refunds, and is told again; two
// hundred trials at once, over real HTTP.
func TestWalk_HundredsOfTrialsAtOnce(t *testing.T) {
	config := testConfig(t)
	config.Factor = 1_000_000
	s := &shop{t: t, config: config, paid: map[string]int{}, back: map[string]int{}}
	s.server = httptest.NewServer(s)
	defer s.server.Close()
	var slow witness.Unanswered
	provider, err := New(config, providers.Ports{Recorder: &slow, Courier: witness.Post(s.server.URL), Clock: clock.System{}})
	require.NoError(t, err)
	wire := httptest.NewServer(provider.Wire())
	defer wire.Close()

	const trials = 200
	var parts []providers.Part
	for i := range trials {
		parts = append(parts, providers.Part{Trial: faults.Trial(fmt.Sprintf("t%d", i)), Balance: payment.Fen(101)})
	}
	require.NoError(t, provider.Cast(parts))
	var group sync.WaitGroup
	for i := range trials {
		group.Go(func() { walk(t, config, wire.URL, provider, i) })
	}
	group.Wait()
	require.Eventually(t, func() bool { return len(provider.Outstanding()) == 0 }, 60*time.Second, 10*time.Millisecond)
	require.NoError(t, provider.Close())
	require.NoError(t, provider.Audit())
	require.Len(t, s.paid, trials)
	require.Len(t, s.back, trials)
	delivered := 0
	for i := range trials {
		balance, err := provider.Balance(faults.Trial(fmt.Sprintf("t%d", i)))
		require.NoError(t, err)
		require.Equal(t, payment.Fen(101), balance)
		delivered += s.paid[fmt.Sprintf("order-%d", i)] + s.back[fmt.Sprintf("refund-%d", i)]
	}
	require.LessOrEqual(t, delivered, 2*trials+int(slow.Load()), "what was acknowledged is not told again")
}

func walk(t *testing.T, config Config, url string, provider *Provider, i int) {
	trial, number := faults.Trial(fmt.Sprintf("t%d", i)), fmt.Sprintf("order-%d", i)
	b := &bench{t: t, config: config, merchant: config.Merchants[0]}
	placed := post(t, b, url, trial, nativePath, b.order(number))
	if _, err := provider.Pay(context.Background(), trial, placed["code_url"]); err != nil {
		t.Error(err)
	}
	post(t, b, url, trial, refundPath, refundBody(number, fmt.Sprintf("refund-%d", i), 101))
}

func post(t *testing.T, b *bench, url string, trial faults.Trial, path, body string) map[string]string {
	request, err := http.NewRequest("POST", url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Error(err)
		return nil
	}
	request.Header.Set("Authorization", authorize(t, b.merchant, time.Now(), "POST", path, body))
	request.Header.Set(providers.TrialHeader, string(trial))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 || !signedBy(t, b.config, answer.Header, raw) {
		t.Errorf("%s: %d %s %v", path, answer.StatusCode, raw, err)
	}
	read := map[string]string{}
	_ = json.Unmarshal(raw, &read) // members that are no text are not needed
	return read
}

// A basket of two sub orders over real HTTP: ordered, paid, told, one sub order
// refunded and told.
func TestWalk_Combined(t *testing.T) {
	config := testConfig(t)
	config.Factor = 1_000_000
	s := &shop{t: t, config: config, paid: map[string]int{}, back: map[string]int{}}
	s.server = httptest.NewServer(s)
	defer s.server.Close()
	var slow witness.Unanswered
	provider, err := New(config, providers.Ports{Recorder: &slow, Courier: witness.Post(s.server.URL), Clock: clock.System{}})
	require.NoError(t, err)
	wire := httptest.NewServer(provider.Wire())
	defer wire.Close()
	require.NoError(t, provider.Cast([]providers.Part{{Trial: "t1", Balance: payment.Fen(303)}}))
	b := &bench{t: t, config: config, merchant: config.Merchants[0]}
	placed := post(t, b, wire.URL, "t1", combinedPath, b.basket("whole-0001"))
	_, err = provider.Pay(t.Context(), "t1", placed["code_url"])
	require.NoError(t, err)
	post(t, b, wire.URL, "t1", refundPath, refundBody("whole-0001-1", "r1", 101))
	require.Eventually(t, func() bool { return len(provider.Outstanding()) == 0 }, 60*time.Second, 10*time.Millisecond)
	require.NoError(t, provider.Close())
	require.Positive(t, s.paid["whole-0001"])
	require.Len(t, s.paid, 1)
	require.Positive(t, s.back["r1"])
	balance, err := provider.Balance("t1")
	require.NoError(t, err)
	require.Equal(t, payment.Fen(101), balance)
}

// A barcode over v2 and real HTTP: paid, queried, reversed.
func TestWalk_V2(t *testing.T) {
	b := open(t, nil)
	wire := httptest.NewServer(b.provider.Wire())
	defer wire.Close()
	for _, step := range []struct{ path, body, member, want string }{
		{microPath, b.older(micro("order-0001", b.barcode())), "result_code", "SUCCESS"},
		{queryPath2, b.older(params{"out_trade_no": "order-0001"}), "trade_state", "SUCCESS"},
		{reversePath2, b.older(params{"out_trade_no": "order-0001"}), "recall", "N"},
		{queryPath2, b.older(params{"out_trade_no": "order-0001"}), "trade_state", "REVOKED"},
	} {
		answer, err := http.Post(wire.URL+step.path, "text/xml", strings.NewReader(step.body))
		require.NoError(t, err)
		raw, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		form, err := parseXML(raw)
		require.NoError(t, err)
		require.Equal(t, step.want, form.get(step.member), string(raw))
	}
	require.NoError(t, b.provider.Audit())
}
