package witness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/providers"
	"github.com/payquake/payquake/providers/ledger"
)

// Post delivers over HTTP, to a merchant's server at this address.
type Post string

var _ providers.Courier = Post("")

// Deliver implements providers.Courier.
func (p Post) Deliver(ctx context.Context, _ faults.Trial, request *proxy.Request) (*proxy.Answer, error) {
	sent, err := http.NewRequestWithContext(ctx, request.Method, string(p)+request.Target, bytes.NewReader(request.Body))
	if err != nil {
		return nil, fmt.Errorf("make a delivery: %w", err)
	}
	sent.Header = request.Header.Std()
	answer, err := http.DefaultClient.Do(sent)
	if err != nil {
		return nil, fmt.Errorf("deliver: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("deliver: %w", err)
	}
	return &proxy.Answer{Status: answer.StatusCode, Body: body}, nil
}

// Unanswered counts the deliveries that a merchant was too slow for: each is
// rightly made again, on a machine that is busy with other things.
type Unanswered struct{ atomic.Int64 }

var _ providers.Recorder = (*Unanswered)(nil)

// Record implements providers.Recorder.
func (u *Unanswered) Record(_ context.Context, _ faults.Trial, record journal.Record) {
	if record.Entry != nil && record.Entry.State == ledger.Unanswered {
		u.Add(1)
	}
}
