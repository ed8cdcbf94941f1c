package roles

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
	"github.com/payquake/payquake/telemetry"
)

// courier takes deliveries to the gateway's notify link, keeping the host that
// the merchant gave.
type courier struct {
	run     string
	gateway string
	tracer  trace.Tracer
	client  *http.Client

	mu       sync.Mutex
	previous map[string]attempt // the last delivery of a notification
}

// mostOfAnAnswer bounds what is read of a merchant's answer, in bytes: an
// acknowledgement is a word or a small object.
const mostOfAnAnswer = 1 << 20

// attempt is one delivery of a notification, counted from 1.
type attempt struct {
	span   trace.SpanContext
	number int
}

func newCourier(config ProviderRoleConfig, tracer trace.Tracer) *courier {
	return &courier{run: config.Run, gateway: config.Gateway, tracer: tracer, previous: map[string]attempt{},
		client: &http.Client{
			Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
}

// Deliver implements providers.Courier. The delivery's span is a child of the
// span in whose context the notification arose, so that a payment and what is
// told of it are one tree; a retry is linked to the delivery before it.
func (c *courier) Deliver(ctx context.Context, trial faults.Trial, delivery *proxy.Request) (*proxy.Answer, error) {
	origin := trace.SpanContextFromContext(ctx)
	if !origin.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, telemetry.Root(telemetry.TraceID(c.run, string(trial))))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(telemetry.TrialKey.String(string(trial)))}
	thread := string(trial) + "/" + origin.SpanID().String()
	c.mu.Lock()
	before := c.previous[thread]
	if before.span.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: before.span}))
	}
	options = append(options, trace.WithAttributes(telemetry.AttemptKey.Int(before.number+1)))
	ctx, span := c.tracer.Start(ctx, telemetry.DeliverSpan, options...)
	c.previous[thread] = attempt{span.SpanContext(), before.number + 1}
	c.mu.Unlock()
	defer span.End()
	answer, err := c.post(ctx, trial, delivery)
	if err != nil {
		span.RecordError(err)
	}
	return answer, err
}

func (c *courier) post(ctx context.Context, trial faults.Trial, delivery *proxy.Request) (*proxy.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, delivery.Method, "http://"+c.gateway+delivery.Target, bytes.NewReader(delivery.Body))
	if err != nil {
		return nil, fmt.Errorf("deliver: %w", err)
	}
	request.Header = delivery.Header.Std()
	request.Host = delivery.Header.First("Host")
	request.Header.Del("Host")
	request.Header.Set(proxy.TrialHeader, string(trial))
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("deliver: %w", err)
	}
	defer answer.Body.Close()
	// The status came, so the merchant answered: a body that breaks off counts
	// as far as it came, and the provider decides what that acknowledges.
	body, _ := io.ReadAll(io.LimitReader(answer.Body, mostOfAnAnswer))
	return &proxy.Answer{Status: answer.StatusCode, Body: body}, nil
}
