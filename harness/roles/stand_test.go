package roles

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// openStand is a stand without providers; the tunnel is what matters.
func openStand(t *testing.T) (inner, outer string) {
	t.Helper()
	authority, err := NewAuthority(time.Now())
	require.NoError(t, err)
	stand, err := OpenStand(t.Context(), StandConfig{GatewayConfig: GatewayConfig{Run: "r", Token: "secret", Host: "127.0.0.1", Authority: authority}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stand.Close()) })
	_, outer = stand.Addresses()
	return stand.lent.inner.Addr().String(), outer
}

// TestStand_LendsTheMerchant: what is dialled inside the stand is served by a
// merchant that the stand cannot dial, as often and as much at once as there are
// callers.
func TestStand_LendsTheMerchant(t *testing.T) {
	merchant := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	defer merchant.Close()
	inner, outer := openStand(t)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	require.NoError(t, LendTo(ctx, outer, "secret", strings.TrimPrefix(merchant.URL, "http://"), 4))
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			answer, err := client.Post("http://"+inner, "text/plain", strings.NewReader("paid"))
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if said, err := io.ReadAll(answer.Body); err != nil || string(said) != "paid" {
				t.Errorf("%q, %v", said, err)
			}
		})
	}
	callers.Wait()
}

// TestStand_TakesNoConnectionWithoutTheToken: nobody else becomes the merchant.
func TestStand_TakesNoConnectionWithoutTheToken(t *testing.T) {
	_, outer := openStand(t)
	conn, err := net.Dial("tcp", outer)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("guess!"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

// TestLendTo_SaysThatNobodyTakes: a tunnel that is not there is an error at once.
func TestLendTo_SaysThatNobodyTakes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener.Close()
	require.ErrorContains(t, LendTo(t.Context(), listener.Addr().String(), "secret", "127.0.0.1:1", 1), "lend a connection")
}
