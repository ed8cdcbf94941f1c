// Package telemetry owns the names of spans and attributes, the identity of
// traces, the set-up of the OpenTelemetry SDK, and the receiver for spans of
// others. It uses semantic conventions where they name a thing, and payquake.*
// only where they do not.
package telemetry

import (
	"crypto/sha256"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Attributes that no semantic convention names.
const (
	RunKey       = attribute.Key("payquake.run.id")
	TrialKey     = attribute.Key("payquake.trial.id")
	LinkKey      = attribute.Key("payquake.link")
	OperationKey = attribute.Key("payquake.operation")
	NthKey       = attribute.Key("payquake.nth")
	MessageKey   = attribute.Key("payquake.message.id") // of the journal
	FaultKey     = attribute.Key("payquake.fault.kind")
	PinKey       = attribute.Key("payquake.fault.id")
	AmountKey    = attribute.Key("payquake.amount.minor")
	CurrencyKey  = attribute.Key("payquake.amount.currency")
	ReferenceKey = attribute.Key("payquake.reference")
	AttemptKey   = attribute.Key("payquake.notify.attempt")
)

// Span and span event names. Exchanges on a link are named by ExchangeName.
const (
	TrialSpan   = "trial"                // the root of each trial
	StepSpan    = "shopper."             // a step of the journey; its kind follows
	WireSpan    = "provider."            // a provider's handling of a call; its operation follows
	PostingSpan = "payment.posting"      // money moved in a provider's ledger
	DeliverSpan = "notification.deliver" // one delivery
	FaultEvent  = "fault.inject"         // span event on the exchange a fault acted on
)

// ExchangeName names the span of a proxied exchange.
func ExchangeName(link, operation string) string { return link + " " + operation }

// TraceID is the trace of a trial in a run: one trial is one trace, and
// everybody who knows the two names agrees on it without asking.
func TraceID(run, trial string) trace.TraceID {
	sum := sha256.Sum256([]byte(run + "\x00" + trial))
	return trace.TraceID(sum[:16])
}

// RootSpanID is the id of a trace's root span, likewise agreed on by all. What
// comes without a parent of its own hangs itself there.
func RootSpanID(id trace.TraceID) trace.SpanID {
	sum := sha256.Sum256(append([]byte("root\x00"), id[:]...))
	return trace.SpanID(sum[:8])
}

// Root is the context of a trace's root span, as a remote parent.
func Root(id trace.TraceID) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: RootSpanID(id), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}
