package driver_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/harness/driver"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/scenarios"
)

// FuzzAnswers: whatever a merchant answers, its order pages have an outcome and its
// books are entries of the merchant's, or an error that says so.
func FuzzAnswers(f *testing.F) {
	f.Add(200, exported)
	f.Add(200, exported[:300])
	f.Add(200, `{"status":"P","order":{"no":17,"status":"N"},"pays":[{"ref":"p1","status":"P","qr":"c","order":17,"no":"1","sum":"10.00"}],"orders":[{"no":17,"key":"k","status":"P","sum":"0.10"}]}`)
	f.Add(200, `{"id":"o1","state":"paid","payments":[{"id":"p1","state":"captured","code":"c"}]}`)
	f.Add(409, `{"error":"sold out"}`)
	f.Add(502, "<html>")
	f.Add(200, `{"orders":`+strings.Repeat("[", 2000))
	f.Add(200, `{"orders":[{"no":1e400,"sum":-1}],"pays":{"0":1},"status":["P"]}`)
	m, err := manifest.Parse("payquake.yaml", []byte(stall), scenarios.DefaultSystems())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		respond := func() (*http.Response, error) {
			return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
		merchants := []driver.Merchant{
			driver.NewShop("http://127.0.0.1:1", func(context.Context, string, string) (*http.Response, error) { return respond() }, time.Second),
			driver.NewDescribed(m, "http://127.0.0.1:1", func(*http.Request) (*http.Response, error) { return respond() }, time.Second),
		}
		for _, merchant := range merchants {
			page := merchant.Observe(context.Background(), "17")
			require.Contains(t, []journal.Outcome{journal.OK, journal.Failed, journal.Indeterminate}, page.Outcome)
			if page.Outcome != journal.OK {
				require.NotEmpty(t, page.Reason)
				require.Less(t, len(page.Reason), 4096)
			}
			books, err := merchant.Books(context.Background())
			if err != nil {
				require.ErrorContains(t, err, "read the merchant's books")
				continue
			}
			for _, entry := range books.Entries {
				require.Equal(t, "merchant", entry.Owner)
				require.NotEmpty(t, entry.Kind)
			}
		}
	})
}
