package alipay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// shop is a merchant's server: it acknowledges what it is told, and counts.
type shop struct {
	server *httptest.Server
	mu     sync.Mutex
	paid   map[string]int // by out_trade_no
	back   map[string]int // by out_biz_no
}

// ServeHTTP takes a notification, as a merchant does after it has verified it.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil || values.Get("notify_id") == "" {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if values.Has("refund_fee") {
		s.back[values.Get("out_biz_no")]++
	} else {
		s.paid[values.Get("out_trade_no")]++
	}
	_, _ = io.WriteString(w, "success")
}

// A shopper pays, the merchant is told, refunds, and is told again; two
// hundred trials at once, over real HTTP.
func TestWalk_HundredsOfTrialsAtOnce(t *testing.T) {
	config := testConfig(t, KeyMode)
	config.Factor = 1_000_000
	s := &shop{paid: map[string]int{}, back: map[string]int{}}
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
	b := &bench{t: t, config: config, merchant: config.Merchants[0], clock: &lateClock{}}
	var group sync.WaitGroup
	for i := range trials {
		group.Go(func() { walk(b, wire.URL, provider, i) })
	}
	group.Wait()
	require.Eventually(t, func() bool { return len(provider.Outstanding()) == 0 }, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, provider.Close())
	require.NoError(t, provider.Audit())
	require.Len(t, s.paid, trials)
	require.Len(t, s.back, trials)
	delivered := 0
	for i := range trials {
		balance, err := provider.Balance(faults.Trial(fmt.Sprintf("t%d", i)))
		require.NoError(t, err)
		require.Equal(t, payment.Fen(101), balance)
		delivered += s.paid[fmt.Sprintf("order_%d", i)] + s.back[fmt.Sprintf("refund_%d", i)]
	}
	require.LessOrEqual(t, delivered, 2*trials+int(slow.Load()), "what was acknowledged is not told again")
}

// walk is one trial: a quarter of them each with a code, a barcode, a page and
// an app.
func walk(b *bench, server string, provider *Provider, i int) {
	trial, number := faults.Trial(fmt.Sprintf("t%d", i)), fmt.Sprintf("order_%d", i)
	var code string
	switch i % 4 {
	case 0:
		code, _ = post(b, server, trial, precreate, ordered(number))
	case 1:
		shown, err := provider.Barcode(context.Background(), trial)
		if err != nil {
			b.t.Error(err)
		}
		post(b, server, trial, pay, payBody(number, shown))
	case 2:
		code = "https://" + Host + GatewayPath + "?" + form(b.signed(pagePay, ordered(number, `"out_trade_no"`, pageProduct), nil))
	case 3:
		code = form(b.signed(appPay, ordered(number), nil))
	}
	if code != "" {
		if _, err := provider.Pay(context.Background(), trial, code); err != nil {
			b.t.Error(err)
		}
	}
	post(b, server, trial, refund, fmt.Sprintf(`{"out_trade_no":"%s","out_request_no":"refund_%d","refund_amount":"1.01"}`, number, i))
}

// post calls, and returns the code to scan if there is one.
func post(b *bench, server string, trial faults.Trial, m method, business string) (code string, raw []byte) {
	request, err := http.NewRequest("POST", server+GatewayPath, strings.NewReader(form(b.signed(m, business, nil))))
	if err != nil {
		b.t.Error(err)
		return "", nil
	}
	request.Header.Set(providers.TrialHeader, string(trial))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Error(err)
		return "", nil
	}
	defer answer.Body.Close()
	raw, err = io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 || !strings.Contains(string(raw), `{"code":"10000"`) {
		b.t.Errorf("%s: %d %s %v", m, answer.StatusCode, raw, err)
	}
	_, after, found := strings.Cut(string(raw), `"qr_code":"`)
	if found {
		code, _, _ = strings.Cut(after, `"`)
	}
	return strings.ReplaceAll(code, `\/`, `/`), raw
}

// BenchmarkCreateAndQuery is one order, placed and looked at once: what a
// trial costs the provider at least, without the merchant's own signatures.
func BenchmarkCreateAndQuery(b *testing.B) {
	s := open(b, nil)
	placed := make([]string, b.N)
	asked := make([]string, b.N)
	for i := range b.N {
		number := fmt.Sprintf("order_%d", i)
		placed[i], asked[i] = form(s.signed(precreate, ordered(number), nil)), form(s.signed(query, numbered(number), nil))
	}
	b.ResetTimer()
	for i := range b.N {
		for _, body := range []string{placed[i], asked[i]} {
			if got := s.exchange("POST", GatewayPath, body, nil); got.Code != 200 {
				b.Fatal(got.Body)
			}
		}
	}
}
