package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/payquake/payquake/telemetry"
)

// line is what a test wants to know of a line of OTLP JSON.
type line struct {
	ResourceSpans []struct {
		ScopeSpans []struct {
			Spans []struct {
				TraceID string `json:"traceId"`
				SpanID  string `json:"spanId"`
				Parent  string `json:"parentSpanId"`
				Name    string `json:"name"`
			} `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

// lines takes what a spool has, without waiting for more.
func lines(t *testing.T, spool *telemetry.Spool, after uint64) ([]line, uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	raw, last, _ := spool.After(ctx, after)
	decoded := make([]line, len(raw))
	for i := range raw {
		require.NoError(t, json.Unmarshal(raw[i], &decoded[i]))
		require.NotContains(t, string(raw[i]), "\n")
	}
	return decoded, last
}

func aSpan(name string) *tracepb.TracesData {
	id := telemetry.TraceID("run", "t1")
	root := telemetry.RootSpanID(id)
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{
		Spans: []*tracepb.Span{{TraceId: id[:], SpanId: []byte("8 bytes!"), ParentSpanId: root[:], Name: name}}}}}}}
}

func asProto(t *testing.T, message proto.Message) []byte {
	t.Helper()
	text, err := proto.Marshal(message)
	require.NoError(t, err)
	return text
}

func zipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	_, err := writer.Write(body)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return buffer.Bytes()
}

const asJSON = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"json"}]}]}]}`

// upload posts a body to a spool as an exporter would.
func upload(spool *telemetry.Spool, contentType, encoding string, body io.Reader) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, "/v1/traces", body)
	request.Header.Set("Content-Type", contentType)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	answer := httptest.NewRecorder()
	spool.ServeHTTP(answer, request)
	return answer
}

// TestSpool_Accepts what OTLP over HTTP may look like, answers in the same
// form, and keeps ids as hex.
func TestSpool_Accepts(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, encoding string
		body                  []byte
		want                  string
	}{
		"protobuf":               {"application/x-protobuf", "", asProto(t, aSpan("proto")), "proto"},
		"protobuf, zipped":       {"application/x-protobuf", "gzip", zipped(t, asProto(t, aSpan("proto"))), "proto"},
		"JSON":                   {"application/json", "", []byte(asJSON), "json"},
		"JSON, with its charset": {"application/json; charset=utf-8", "", []byte(asJSON), "json"},
		"JSON, zipped":           {"application/json", "gzip", zipped(t, []byte(asJSON)), "json"},
	} {
		t.Run(name, func(t *testing.T) {
			spool := telemetry.NewSpool()
			answer := upload(spool, c.contentType, c.encoding, bytes.NewReader(c.body))
			require.Equal(t, http.StatusOK, answer.Code, answer.Body)
			require.True(t, strings.HasPrefix(c.contentType, answer.Header().Get("Content-Type")))
			got, last := lines(t, spool, 0)
			require.Len(t, got, 1)
			require.Equal(t, uint64(1), last)
			span := got[0].ResourceSpans[0].ScopeSpans[0].Spans[0]
			require.Equal(t, c.want, span.Name)
			for id, size := range map[string]int{span.TraceID: 16, span.SpanID: 8} {
				decoded, err := hex.DecodeString(id)
				require.NoError(t, err)
				require.Len(t, decoded, size)
			}
			if c.want == "proto" {
				require.Equal(t, telemetry.TraceID("run", "t1").String(), span.TraceID)
				require.Equal(t, telemetry.RootSpanID(telemetry.TraceID("run", "t1")).String(), span.Parent)
			}
		})
	}
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestSpool_Refuses garbage and what is too large, packed or not, and keeps
// nothing of it. An upload of no spans is fine, and leaves no line.
func TestSpool_Refuses(t *testing.T) {
	bomb := zipped(t, make([]byte, 1<<20))
	for name, c := range map[string]struct {
		contentType, encoding string
		body                  io.Reader
		status                int
	}{
		"garbage as protobuf":     {"application/x-protobuf", "", strings.NewReader("\xff\xff not spans"), http.StatusBadRequest},
		"garbage as JSON":         {"application/json", "", strings.NewReader("{not spans"), http.StatusBadRequest},
		"garbage as gzip":         {"application/json", "gzip", strings.NewReader(asJSON), http.StatusBadRequest},
		"a cut gzip":              {"application/json", "gzip", bytes.NewReader(zipped(t, []byte(asJSON))[:30]), http.StatusBadRequest},
		"without an end":          {"application/x-protobuf", "", endless{}, http.StatusRequestEntityTooLarge},
		"too large when unpacked": {"application/x-protobuf", "gzip", bytes.NewReader(bomb), http.StatusRequestEntityTooLarge},
		"no spans":                {"application/x-protobuf", "", strings.NewReader(""), http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			spool := telemetry.NewSmallSpool(1 << 16)
			require.Equal(t, c.status, upload(spool, c.contentType, c.encoding, c.body).Code)
			got, _ := lines(t, spool, 0)
			require.Empty(t, got)
		})
	}
}

// TestSpool_After: lines stay until the call that names a later one; what was
// acknowledged never comes again, and nothing is lost between two calls.
func TestSpool_After(t *testing.T) {
	spool := telemetry.NewSpool()
	add := func(name string) {
		require.NoError(t, spool.UploadTraces(t.Context(), aSpan(name).GetResourceSpans()))
	}
	names := func(got []line) (all []string) {
		for _, one := range got {
			all = append(all, one.ResourceSpans[0].ScopeSpans[0].Spans[0].Name)
		}
		return all
	}
	add("one")
	add("two")
	got, last := lines(t, spool, 0)
	require.Equal(t, []string{"one", "two"}, names(got))
	again, lastAgain := lines(t, spool, 0)
	require.Equal(t, names(got), names(again), "the answer may have been lost")
	require.Equal(t, last, lastAgain)

	add("three")
	got, last = lines(t, spool, 1)
	require.Equal(t, []string{"two", "three"}, names(got))
	require.Equal(t, uint64(3), last)
	got, last = lines(t, spool, 3)
	require.Empty(t, got)
	require.Equal(t, uint64(3), last)
	got, _ = lines(t, spool, 0)
	require.Empty(t, got, "acknowledged is forgotten")

	waiting := make(chan uint64)
	go func() {
		_, last, _ := spool.After(t.Context(), 3)
		waiting <- last
	}()
	add("four")
	require.Equal(t, uint64(4), <-waiting, "who waits is told")

	got, _ = lines(t, spool, 99)
	require.Empty(t, got, "a number from nowhere acknowledges what there is, and no more")
	add("five")
	got, _ = lines(t, spool, 4)
	require.Equal(t, []string{"five"}, names(got))
}

// TestTracing_Roots: the root of a trial has the ids that everybody agrees on,
// and what is started below it is below it. Other spans have ids of their own.
func TestTracing_Roots(t *testing.T) {
	spool := telemetry.NewSpool()
	provider, err := telemetry.Tracing(t.Context(), "test", spool)
	require.NoError(t, err)
	tracer := provider.Tracer("test")
	id := telemetry.TraceID("run", "t1")
	stranger := trace.NewSpanContext(trace.SpanContextConfig{TraceID: telemetry.TraceID("run", "t2"), SpanID: trace.SpanID{1}})

	ctx, root := tracer.Start(telemetry.WithRoot(trace.ContextWithSpanContext(t.Context(), stranger), id), telemetry.TrialSpan)
	require.Equal(t, id, root.SpanContext().TraceID(), "whatever the context was before")
	require.Equal(t, telemetry.RootSpanID(id), root.SpanContext().SpanID())
	_, child := tracer.Start(ctx, "child")
	require.Equal(t, id, child.SpanContext().TraceID())
	require.NotEqual(t, root.SpanContext().SpanID(), child.SpanContext().SpanID())
	_, elsewhere := tracer.Start(trace.ContextWithRemoteSpanContext(t.Context(), telemetry.Root(id)), "elsewhere")
	require.Equal(t, id, elsewhere.SpanContext().TraceID())
	_, own := tracer.Start(t.Context(), "own")
	require.NotEqual(t, id, own.SpanContext().TraceID())
	require.True(t, own.SpanContext().IsValid())
	for _, span := range []trace.Span{root, child, elsewhere, own} {
		span.End()
	}
	require.NoError(t, provider.Shutdown(t.Context()))

	parents := map[string]string{}
	got, _ := lines(t, spool, 0)
	for _, one := range got {
		for _, resource := range one.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					parents[span.Name] = span.Parent
				}
			}
		}
	}
	agreed := telemetry.RootSpanID(id).String()
	require.Equal(t, map[string]string{telemetry.TrialSpan: "", "child": agreed, "elsewhere": agreed, "own": ""}, parents)
}

// TestTraceID: one trial is one trace; another trial or another run is another.
func TestTraceID(t *testing.T) {
	ids := map[trace.TraceID]bool{}
	for _, names := range [][2]string{{"run", "t1"}, {"run", "t2"}, {"other", "t1"}, {"runt", "1"}} {
		ids[telemetry.TraceID(names[0], names[1])] = true
		require.Equal(t, telemetry.TraceID(names[0], names[1]), telemetry.TraceID(names[0], names[1]))
	}
	require.Len(t, ids, 4)
	root := telemetry.Root(telemetry.TraceID("run", "t1"))
	require.True(t, root.IsValid() && root.IsSampled() && root.IsRemote())
}

// TestUpload: what one process uploads another's spool keeps, in either form;
// a receiver that refuses is an error.
func TestUpload(t *testing.T) {
	spool := telemetry.NewSpool()
	mux := http.NewServeMux()
	mux.Handle("POST /v1/traces", spool)
	server := httptest.NewServer(mux)
	defer server.Close()

	to := telemetry.Upload{Endpoint: server.URL, Client: server.Client()}
	provider, err := telemetry.Tracing(t.Context(), "sender", to)
	require.NoError(t, err)
	_, span := provider.Tracer("test").Start(t.Context(), "sent")
	span.End()
	require.NoError(t, provider.Shutdown(t.Context()))
	require.NoError(t, to.Line(t.Context(), []byte(asJSON)))
	got, last := lines(t, spool, 0)
	require.Equal(t, uint64(2), last)
	require.Equal(t, "sent", got[0].ResourceSpans[0].ScopeSpans[0].Spans[0].Name)
	require.Equal(t, "json", got[1].ResourceSpans[0].ScopeSpans[0].Spans[0].Name)

	require.ErrorContains(t, to.Line(t.Context(), []byte("{")), "400")
	elsewhere := telemetry.Upload{Endpoint: server.URL + "/nowhere", Client: server.Client()}
	require.ErrorContains(t, elsewhere.UploadTraces(t.Context(), aSpan("lost").GetResourceSpans()), "404")
	server.Close()
	require.ErrorContains(t, to.Line(t.Context(), []byte(asJSON)), "send spans")
}
