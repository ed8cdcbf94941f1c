package proxy

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/telemetry"
)

// startSpan opens the span of the exchange in the trace of its trial. Its
// parent is the caller's span if that is of the same trace; else the trial's
// root, with a span link to wherever the caller thought it was: a query job
// carries a stranger's context. An exchange of no trial stays in the caller's
// trace, or begins one of its own.
func (x *exchange) startSpan(remote trace.SpanContext) {
	ctx := context.Background()
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindInternal),
		trace.WithAttributes(
			telemetry.LinkKey.String(string(x.Link.Link)), telemetry.OperationKey.String(string(x.facts.Operation)),
			telemetry.NthKey.Int(x.nth), telemetry.TrialKey.String(string(x.trial)), telemetry.MessageKey.String(x.id),
			semconv.HTTPRequestMethodKey.String(x.request.Method), semconv.URLPath(x.request.Path()),
			semconv.ServerAddress(x.request.Header.First("Host"))),
	}
	parent := remote
	if id, err := trace.TraceIDFromHex(x.Register.traceID(x.trial)); err == nil && remote.TraceID() != id {
		parent = telemetry.Root(id)
		if remote.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: remote}))
		}
	}
	if parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
		x.parent = parent.SpanID().String()
	}
	_, x.span = x.Tracer.Start(ctx, telemetry.ExchangeName(string(x.Link.Link), string(x.facts.Operation)), options...)
}

// markFault puts a fault that acted on the exchange into its span.
// What acts after the exchange has ended gets a span of its own below it.
func (x *exchange) markFault(pin faults.Pin) {
	about := trace.WithAttributes(telemetry.FaultKey.String(pin.Fault), telemetry.PinKey.String(pin.ID),
		attribute.String("payquake.address", pin.At.String()))
	if x.span.IsRecording() {
		x.span.AddEvent(telemetry.FaultEvent, about)
		return
	}
	_, span := x.Tracer.Start(trace.ContextWithSpan(context.Background(), x.span), telemetry.FaultEvent, about)
	span.End()
}

// remoteSpan reads the W3C trace context of a message.
func remoteSpan(header Header) trace.SpanContext {
	carrier := propagation.MapCarrier{"traceparent": header.First("traceparent"), "tracestate": header.First("tracestate")}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

// traceparent writes the context for the next hop.
func traceparent(span trace.SpanContext) string {
	return "00-" + span.TraceID().String() + "-" + span.SpanID().String() + "-" + span.TraceFlags().String()
}

// newID names an exchange; the journal's record and the span share it.
func newID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, says its documentation
	return hex.EncodeToString(id[:])
}
