package environment

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/roles"
	"github.com/payquake/payquake/payment"
)

// counters are where each provider takes requests, and in what it takes them.
func counters() map[payment.ProviderName]struct{ path, kind string } {
	return map[payment.ProviderName]struct{ path, kind string }{
		"wechatpay": {"/v3/pay/transactions/native", "application/json"},
		"alipay":    {"/gateway.do", "application/x-www-form-urlencoded"},
		"unionpay":  {"/gateway/api/backTransReq.do", "application/x-www-form-urlencoded"},
	}
}

// hostile are requests that mean harm. Each must be answered by an error; of those
// that end in the middle, no answer at all is one.
func hostile(path, kind string) map[string]string {
	with := func(body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", path, kind, len(body), body)
	}
	nested := strings.Repeat("[", 100_000)
	return map[string]string{
		"no HTTP":                  "hello?\r\n\r\n",
		"an endless line":          "POST /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n\r\n",
		"an endless header":        "POST " + path + " HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("a", 2<<20) + "\r\n\r\n",
		"a thousand headers":       "POST " + path + " HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: a\r\n", 10_000) + "\r\n",
		"a negative length":        "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
		"two lengths":              "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"more than anybody takes":  "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
		"chunks of nothing":        "POST " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"a path out of the window": "POST /../../../etc/passwd%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"nothing":                  with(""),
		"no text":                  with("\x00\xff\xfe\x80"),
		"text that is cut":         with(`{"mchid":"19000001`),
		"nesting":                  with(nested),
		"nesting in a field":       with("biz_content=" + nested + "&orderId=" + nested),
		"nested objects":           with(strings.Repeat(`{"amount":`, 20_000)),
		"a hundred thousand names": with(strings.Repeat("a=1&", 100_000)),
		"one name, many times":     with(strings.Repeat("method=alipay.trade.pay&", 10_000)),
		"two megabytes":            with(strings.Repeat("x", 2<<20)),
		"entities of entities":     with(`<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><xml><mch_id>&c;</mch_id></xml>`),
		"broken escapes":           with("%zz=%&%%%"),
		"a number without end":     with(`{"amount":{"total":1` + strings.Repeat("0", 100_000) + `}}`),
	}
}

// TestProviders_Hostile: whatever a merchant sends, through the proxy, is answered or
// cut off, soon; the provider serves the next caller as ever, and slow callers keep
// nobody from closing.
func TestProviders_Hostile(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	configs, err := FreshProviders(Keys{})
	require.NoError(t, err)
	authority, err := roles.NewAuthority(clock.System{}.Now())
	require.NoError(t, err)
	l := &local{topology: Topology{Run: "hostile", Token: "token", Providers: configs, Authority: authority}, providers: map[payment.ProviderName]*roles.Provider{}}
	require.NoError(t, l.openGateway(t.Context()))
	require.NoError(t, l.openProviders(t.Context()))
	var slow []net.Conn
	for name, at := range counters() {
		address := l.gateway.Addresses().Links[faults.LinkBetween("merchant", string(name))]
		for what, request := range hostile(at.path, at.kind) {
			t.Run(string(name)+"/"+what, func(t *testing.T) {
				status, err := said(t, address, request)
				if err == nil {
					require.True(t, status >= 200 && status < 500, "answered %d", status)
				}
				require.True(t, isTimely(err), "nobody answered: %v", err)
			})
		}
		for _, half := range []string{"POST", "POST " + at.path + " HTTP/1.1\r\nHost: a\r\n", "POST " + at.path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"} {
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			_, err = io.WriteString(conn, half)
			require.NoError(t, err)
			slow = append(slow, conn)
		}
		status, err := said(t, address, hostile(at.path, at.kind)["nothing"])
		require.NoError(t, err, "%s serves nobody any more", name)
		require.Less(t, status, 500)
	}
	began := time.Now()
	for _, provider := range l.providers {
		require.NoError(t, provider.Close())
	}
	require.NoError(t, l.gateway.Close())
	require.Less(t, time.Since(began), 10*time.Second)
	for _, conn := range slow {
		require.NoError(t, conn.Close())
	}
	http.DefaultClient.CloseIdleConnections()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 }, 10*time.Second, 50*time.Millisecond, "goroutines")
}

// hostilePatience is how long a hostile caller waits.
const hostilePatience = 5 * time.Second

// said sends bytes and reads the status of what comes back.
func said(t *testing.T, address, request string) (int, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(hostilePatience)))
	go func() { _, _ = io.WriteString(conn, request) }() // who is cut off cannot send it all
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// isTimely reports whether it was not the end of patience that ended a call.
func isTimely(err error) bool {
	timeout, is := err.(net.Error)
	return !is || !timeout.Timeout()
}
