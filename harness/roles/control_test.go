package roles

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/wechatpay"
)

// aGateway is a gateway of no provider.
func aGateway(t *testing.T) *Gateway {
	t.Helper()
	authority, err := NewAuthority(clock.System{}.Now())
	require.NoError(t, err)
	gateway, err := OpenGateway(t.Context(), GatewayConfig{Run: "run-1", Token: "secret", Host: "127.0.0.1", Authority: authority})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gateway.Close()) })
	return gateway
}

// ask makes a call to a control API with that token ("": none).
func ask(t *testing.T, method, url, token string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set(tokenHeader, token)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// TestControl_Token: whoever does not have the run's token can ask for health
// and leave spans, and nothing else.
func TestControl_Token(t *testing.T) {
	base := "http://" + aGateway(t).Addresses().Control
	for _, call := range []string{"POST /cast", "POST /heal", "POST /end", "GET /activity", "POST /scanned", "POST /confirm", "POST /letgo",
		"POST /callee", "POST /down", "POST /up", "GET /addresses", "POST /flush", "GET /records?after=0", "GET /last", "GET /spans?after=0",
		"GET /relay/merchant/books", "GET /no-such-thing", "GET /healthz/", "GET //healthz"} {
		method, path, _ := strings.Cut(call, " ")
		for _, token := range []string{"", "wrong", "SECRET", "secre", "secrets"} {
			status, _ := ask(t, method, base+path, token)
			require.Equal(t, http.StatusUnauthorized, status, "%s with token %q", call, token)
		}
	}
	status, _ := ask(t, http.MethodGet, base+"/healthz", "")
	require.Equal(t, http.StatusOK, status)
	status, _ = ask(t, http.MethodPost, base+"/v1/traces", "")
	require.Equal(t, http.StatusOK, status)
	status, body := ask(t, http.MethodGet, base+"/last", "secret")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "0\n", body)
	for _, call := range []string{"/records", "/records?after=x", "/records?after=-1", "/spans?after=x"} {
		status, _ = ask(t, http.MethodGet, base+call, "secret")
		require.Equal(t, http.StatusBadRequest, status, call)
	}
}

// TestControl_Records: each call acknowledges what came before the number it
// names, and gets what is after it.
func TestControl_Records(t *testing.T) {
	gateway := aGateway(t)
	control := NewClient(gateway.Addresses().Control, "secret")
	for _, detail := range []string{"one", "two", "three"} {
		gateway.feed.Add(journal.Record{Stage: &journal.Stage{Name: journal.Refused, Detail: detail}})
	}
	details := func(after uint64) (all []string) {
		records, err := control.Records(t.Context(), after)
		require.NoError(t, err)
		for _, record := range records {
			all = append(all, fmt.Sprint(record.Ref().Number, record.Stage.Detail))
		}
		return all
	}
	require.Equal(t, []string{"1one", "2two", "3three"}, details(0))
	require.Equal(t, []string{"2two", "3three"}, details(1))
	require.Equal(t, []string{"2two", "3three"}, details(0), "acknowledged is forgotten")
	last, err := control.Last(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(3), last)
}

// TestControl_Errors: the wallet's sentinels cross the control API, and other
// failures keep their words.
func TestControl_Errors(t *testing.T) {
	mux := http.NewServeMux()
	handle(mux, "POST /wallet/pay", func(_ context.Context, call trialCode) (providers.Receipt, error) {
		for name, sentinel := range walletErrors() {
			if call.Code == name {
				return providers.Receipt{}, fmt.Errorf("code %s: %w", name, sentinel)
			}
		}
		return providers.Receipt{}, errors.New("the ledger is closed")
	})
	server, err := serve("127.0.0.1:0", "secret", mux)
	require.NoError(t, err)
	defer func() { require.NoError(t, server.close()) }()
	wallet := Wallet{client: NewClient(server.address(), "secret")}
	require.Len(t, walletErrors(), 4)
	for name, sentinel := range walletErrors() {
		_, err := wallet.Pay(t.Context(), "t1", name)
		require.ErrorIs(t, err, sentinel)
		require.ErrorContains(t, err, "code "+name)
	}
	_, err = wallet.Pay(t.Context(), "t1", "x")
	require.EqualError(t, err, "the ledger is closed")
	_, err = Wallet{client: NewClient(server.address(), "wrong")}.Pay(t.Context(), "t1", "x")
	require.ErrorContains(t, err, "401")
	require.ErrorContains(t, NewClient(server.address(), "secret").Heal(t.Context(), nil), "404")
}

// TestGateway_Roles: a role that no link leads to is refused by name, and
// nothing is relayed to one that is not there.
func TestGateway_Roles(t *testing.T) {
	gateway := aGateway(t)
	control := NewClient(gateway.Addresses().Control, "secret")
	require.ErrorContains(t, control.SetCallee(t.Context(), "stranger", "127.0.0.1:1", ""), `no link leads to role "stranger"`)

	answer, err := control.Relay("merchant").Do(t.Context(), http.MethodGet, "/books", nil)
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusNotFound, answer.StatusCode, "it is not known yet")
}

// TestGateway_RelayKeepsTheToken: the merchant is observed past the links, by
// its own paths, and is never shown the run's token.
func TestGateway_RelayKeepsTheToken(t *testing.T) {
	merchant := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s token=%q", r.Method, r.URL.RequestURI(), r.Header.Get(tokenHeader))
	}))
	control := NewClient(aGateway(t).Addresses().Control, "secret")
	require.NoError(t, control.SetCallee(t.Context(), "merchant", merchant.Listener.Addr().String(), ""))
	relayed := func() (int, string) {
		answer, err := control.Relay("merchant").Do(t.Context(), http.MethodGet, "/orders/o1?full=1", nil)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(text)
	}
	status, text := relayed()
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, `GET /orders/o1?full=1 token=""`, text)
	merchant.Close()
	status, text = relayed()
	require.Equal(t, http.StatusBadGateway, status)
	require.Contains(t, text, "relay to merchant")
}

// TestGateway_RefusesStrangeHosts: nothing leaves the machine. Who asks for a
// host that is no part of the run is refused, and it is on the record.
func TestGateway_RefusesStrangeHosts(t *testing.T) {
	gateway := aGateway(t)
	dialer := tls.Dialer{Config: &tls.Config{ServerName: "Pay.Example.COM"}}
	_, err := dialer.DialContext(t.Context(), "tcp", gateway.Addresses().Front)
	require.Error(t, err)
	records, err := NewClient(gateway.Addresses().Control, "secret").Records(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.Equal(t, faults.RunTrial, records[0].Trial)
	require.Equal(t, &journal.Stage{Name: journal.Refused, Detail: "pay.example.com"}, records[0].Stage)
}

// TestAuthority: a leaf is good for its own host, to whom trusts the run's
// authority, and is made once.
func TestAuthority(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	authority, err := NewAuthority(now)
	require.NoError(t, err)
	made, err := authority.leaves(func() time.Time { return now })
	require.NoError(t, err)
	first, err := made.leaf("api.mch.weixin.qq.com")
	require.NoError(t, err)
	second, err := made.leaf("api.mch.weixin.qq.com")
	require.NoError(t, err)
	require.Same(t, first, second)

	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(authority.CertificatePEM)))
	leaf, err := x509.ParseCertificate(first.Certificate[0])
	require.NoError(t, err)
	verify := func(host string, roots *x509.CertPool, at time.Time) error {
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: at})
		return err
	}
	require.NoError(t, verify("api.mch.weixin.qq.com", roots, now))
	require.Error(t, verify("example.com", roots, now))
	require.Error(t, verify("api.mch.weixin.qq.com", x509.NewCertPool(), now))
	require.Error(t, verify("api.mch.weixin.qq.com", roots, now.Add(8*24*time.Hour)), "its key ends with the run")
	_, err = Authority{CertificatePEM: "x", KeyPEM: "y"}.leaves(nil)
	require.ErrorContains(t, err, "read the run's authority")
}

// TestFulfilment: a repeated idempotency key is the same release.
func TestFulfilment(t *testing.T) {
	goods := newFulfilment()
	tell := func(method, key string) (int, string) {
		request := httptest.NewRequest(method, "/releases", nil)
		request.Header.Set("Idempotency-Key", key)
		answer := httptest.NewRecorder()
		goods.ServeHTTP(answer, request)
		return answer.Code, strings.TrimSpace(answer.Body.String())
	}
	for _, c := range []struct {
		method, key string
		status      int
		says        string
	}{
		{"POST", "k1", 200, `{"repeated":false,"state":"released"}`},
		{"POST", "k1", 200, `{"repeated":true,"state":"released"}`},
		{"POST", "k2", 200, `{"repeated":false,"state":"released"}`},
		{"POST", "", 400, "want a POST with an Idempotency-Key"},
		{"GET", "k1", 400, "want a POST with an Idempotency-Key"},
	} {
		status, says := tell(c.method, c.key)
		require.Equal(t, c.status, status)
		require.Equal(t, c.says, says)
	}
}

// TestShopDialect reads the shopper's calls, by the header the driver gives
// them, and the fulfilment service's, by their body.
func TestShopDialect(t *testing.T) {
	place := &proxy.Request{Method: "POST", Target: "/orders", Body: []byte(`{"key":"k"}`),
		Header: proxy.Header{{Name: proxy.OperationHeader, Value: "place"}}}
	shop := shopDialect{usual: faults.Other}
	require.Equal(t, journal.Facts{Operation: faults.Place, Key: "k"}, shop.Request(place))
	require.Equal(t, journal.Facts{Operation: faults.Place, OrderID: "o1", State: "open"},
		shop.Answer(place, &proxy.Answer{Body: []byte(`{"id":"o1","state":"open"}`)}))
	require.Equal(t, journal.Facts{Operation: faults.Place}, shop.Answer(place, &proxy.Answer{Body: []byte(`<html>`)}))
	require.Equal(t, []journal.Part{{OrderID: "o1"}, {OrderID: "o2"}},
		shop.Answer(place, &proxy.Answer{Body: []byte(`{"id":"b1","orders":[{"id":"o1"},{"id":"o2"}]}`)}).Parts)
	require.Equal(t, faults.Other, shop.Request(&proxy.Request{Body: []byte("\xff")}).Operation)

	goods := shopDialect{usual: faults.ReleaseGoods}
	require.Equal(t, journal.Facts{Operation: faults.ReleaseGoods, OrderID: "o1", Key: "from the header"}, goods.Request(&proxy.Request{
		Body: []byte(`{"order_id":"o1","key":"from the body"}`), Header: proxy.Header{{Name: "idempotency-key", Value: "from the header"}}}))

	refusal, err := shop.Refuse(place, faults.Response{Status: 503, Code: "SYSTEM_ERROR"})
	require.NoError(t, err)
	require.Equal(t, 503, refusal.Status)
	require.JSONEq(t, `{"error":"SYSTEM_ERROR"}`, string(refusal.Body))
	_, err = shop.EditRequest(place, faults.Edit{})
	require.ErrorIs(t, err, proxy.ErrCannotEdit)
	require.Len(t, shop.Body(&proxy.Request{Body: make([]byte, 1<<20)}, nil), maxShown)
}

// TestConfigs: a role's configuration survives the way into a container.
func TestConfigs(t *testing.T) {
	config := GatewayConfig{Run: "r", Token: "secret", FirstLink: 7100, Providers: []ProviderConfig{{WeChatPay: &wechatpay.Config{}}}}
	text, err := json.Marshal(config)
	require.NoError(t, err)
	var again GatewayConfig
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, config, again)
	require.Equal(t, []faults.Link{ShopLink, FulfilmentLink, "merchant->wechatpay", "wechatpay->merchant"}, config.Links())
	require.Equal(t, 7103, config.Port("wechatpay->merchant"))
	config.Services = []Service{{Name: "loyalty", HTTP: true}, {Name: "cache", Port: 6379}}
	require.Equal(t, 7104, config.Port("merchant->loyalty"))
	require.Equal(t, 6379, config.Port("merchant->cache"), "where its callers look for it")
	require.Zero(t, config.Port("a->b"))
	config.FirstLink = 0
	require.Zero(t, config.Port(ShopLink), "any free port")
	config.Providers = []ProviderConfig{{}}
	_, err = OpenGateway(t.Context(), config)
	require.ErrorIs(t, err, errNoProvider)
}

// TestRelay_KeepsThePath: a path whose parts hold escaped characters reaches the
// merchant as it was sent, without the run's token.
func TestRelay_KeepsThePath(t *testing.T) {
	seen := make(chan *http.Request, 1)
	merchant := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r }))
	defer merchant.Close()
	gateway := aGateway(t)
	control := NewClient(gateway.Addresses().Control, gateway.config.Token)
	require.NoError(t, control.SetCallee(t.Context(), "merchant", merchant.Listener.Addr().String(), ""))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/orders/a%2Fb%20c?by=li+%2B", nil)
	require.NoError(t, err)
	answer, err := control.Relay("merchant").Send(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	got := <-seen
	require.Equal(t, "/orders/a%2Fb%20c?by=li+%2B", got.RequestURI)
	require.Empty(t, got.Header.Get(tokenHeader))
}
