package unionpay

import (
	"context"
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

// shop is a small merchant behind real HTTP: it verifies and counts.
type shop struct {
	bench  *bench
	server *httptest.Server
	mu     sync.Mutex
	paid   map[string]int
	back   map[string]int
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "fail", http.StatusBadRequest)
		return
	}
	values := map[string]string{}
	for name := range r.PostForm { // the form alone: not the address's query (§9)
		values[name] = r.PostForm.Get(name)
	}
	if !s.bench.believes(values) || values["respCode"] != "00" {
		http.Error(w, "fail", http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if values["txnType"] == "04" {
		s.back[values["orderId"]]++
	} else {
		s.paid[values["orderId"]]++
	}
}

// A shopper pays, the merchant is told, asks, refunds, and is told again; two
// hundred trials at once, over real HTTP.
func TestWalk_HundredsOfTrialsAtOnce(t *testing.T) {
	config := testConfig(t)
	config.Factor = 1_000_000
	b := &bench{t: t, config: config, merchant: config.Merchants[0]}
	s := &shop{bench: b, paid: map[string]int{}, back: map[string]int{}}
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
		group.Go(func() { walk(t, b, wire.URL, provider, i) })
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
		delivered += s.paid[fmt.Sprintf("order%04d", i)] + s.back[fmt.Sprintf("refund%04d", i)]
	}
	require.LessOrEqual(t, delivered, 2*trials+int(slow.Load()), "what was acknowledged is not told again")
}

func walk(t *testing.T, b *bench, url string, provider *Provider, i int) {
	trial, number := faults.Trial(fmt.Sprintf("t%d", i)), fmt.Sprintf("order%04d", i)
	order := b.order("07", number)
	placed := overHTTP(t, b, url+string(back), trial, order)
	if _, err := provider.Pay(context.Background(), trial, placed["qrCode"]); err != nil {
		t.Error(err)
	}
	asked := overHTTP(t, b, url+string(query), trial, b.common("00", "00", "orderId", number, "txnTime", order["txnTime"]))
	if asked["origRespCode"] != "00" {
		t.Errorf("%s: %s", number, asked["origRespCode"])
	}
	overHTTP(t, b, url+string(back), trial, b.undoing("04", fmt.Sprintf("refund%04d", i), asked["queryId"], "101"))
}

func overHTTP(t testing.TB, b *bench, url string, trial faults.Trial, values map[string]string) map[string]string {
	request, err := http.NewRequest("POST", url, strings.NewReader(posted(b.signs(values))))
	if err != nil {
		t.Error(err)
		return nil
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set(providers.TrialHeader, string(trial))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	read := split(string(raw))
	if err != nil || answer.ContentLength != int64(len(raw)) || !b.believes(read) || read["respCode"] != "00" {
		t.Errorf("%s: %d %s %v", url, answer.StatusCode, raw, err)
	}
	return read
}

// One order and one query of it, the client's own signatures left out.
func BenchmarkCreateAndQuery(b *testing.B) {
	bench := open(b, nil)
	var orders, queries []string
	for i := range b.N {
		order := bench.order("07", fmt.Sprintf("order%08d", i))
		orders = append(orders, posted(bench.signs(order)))
		queries = append(queries, posted(bench.signs(bench.common("00", "00", "orderId", order["orderId"], "txnTime", order["txnTime"]))))
	}
	send := func(path endpoint, body string) {
		recorder := httptest.NewRecorder()
		bench.provider.Wire().ServeHTTP(recorder, httptest.NewRequest("POST", string(path), strings.NewReader(body)))
		if !strings.Contains(recorder.Body.String(), "respCode=00") {
			b.Fatal(recorder.Body.String())
		}
	}
	b.ResetTimer()
	for i := range b.N {
		send(back, orders[i])
		send(query, queries[i])
	}
}
