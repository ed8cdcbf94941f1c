package telemetry

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Tracing makes a service's tracer provider. Spans go out in batches through
// the client; a full queue makes the service wait rather than lose one, since
// spans are evidence. Shut it down to flush.
func Tracing(ctx context.Context, service string, client otlptrace.Client) (*sdktrace.TracerProvider, error) {
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("start the span exporter of %s: %w", service, err)
	}
	return sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithBlocking(), sdktrace.WithBatchTimeout(exportInterval), sdktrace.WithMaxExportBatchSize(512)),
		sdktrace.WithIDGenerator(identities{}),
		sdktrace.WithResource(resource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName(service))),
	), nil
}

// exportInterval is short, because a killed process takes with it what it has
// not yet sent.
const exportInterval = 200 * time.Millisecond

// rootKey is the context key of WithRoot.
type rootKey struct{}

// WithRoot makes the next span started in the context the root of this trace,
// with the ids that TraceID and RootSpanID agree on.
func WithRoot(ctx context.Context, id trace.TraceID) context.Context {
	return context.WithValue(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), rootKey{}, id)
}

// identities gives spans random ids, except the roots of trials.
type identities struct{}

// NewIDs implements sdktrace.IDGenerator; it is asked for spans without a parent.
func (identities) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if id, agreed := ctx.Value(rootKey{}).(trace.TraceID); agreed {
		return id, RootSpanID(id)
	}
	var id trace.TraceID
	_, _ = rand.Read(id[:]) // never fails, says its documentation
	return id, identities{}.NewSpanID(ctx, id)
}

// NewSpanID implements sdktrace.IDGenerator.
func (identities) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	_, _ = rand.Read(id[:])
	return id
}

// Upload sends spans to an OTLP/HTTP endpoint as protobuf. (The SDK's own HTTP
// exporter links in all of gRPC.)
type Upload struct {
	Endpoint string // base URL; /v1/traces is added
	Client   *http.Client
}

// Start implements otlptrace.Client.
func (Upload) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (Upload) Stop(context.Context) error { return nil }

// UploadTraces implements otlptrace.Client.
func (u Upload) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	return u.post(ctx, "application/x-protobuf", body)
}

// Line sends one line of OTLP JSON, as Spool keeps them.
func (u Upload) Line(ctx context.Context, line []byte) error {
	return u.post(ctx, "application/json", line)
}

func (u Upload) post(ctx context.Context, contentType string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.Endpoint+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	request.Header.Set("Content-Type", contentType)
	answer, err := u.Client.Do(request)
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("send spans: the receiver answered %s", answer.Status)
	}
	return nil
}
