package telemetry

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// maxUpload bounds one upload of spans, before and after decompression.
const maxUpload = 64 << 20

// Spool receives spans (OTLP over HTTP, protobuf or JSON, gzip or not, and from
// an SDK in the same process) and keeps them as lines of OTLP JSON until they
// are taken. It is safe for concurrent use.
type Spool struct {
	limit int64 // of one upload

	mu      sync.Mutex
	first   uint64 // number of the first line kept
	lines   [][]byte
	changed chan struct{}
}

// NewSpool is an empty spool; its lines are numbered from 1.
func NewSpool() *Spool { return &Spool{limit: maxUpload, first: 1, changed: make(chan struct{})} }

// ServeHTTP is an OTLP/HTTP receiver for /v1/traces.
func (s *Spool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := s.uploadBody(w, r)
	if err != nil {
		status := http.StatusBadRequest
		if errors.As(err, new(*http.MaxBytesError)) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), status)
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isJSON := kind == "application/json"
	var traces ptrace.Traces
	if isJSON {
		traces, err = (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(body)
	} else {
		traces, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	}
	if err != nil {
		http.Error(w, "not an OTLP trace upload: "+err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.add(traces); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if isJSON {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty message has no bytes
}

// uploadBody reads an upload whole. One that is too large is an error: a cut
// one could pass for a smaller one that is whole.
func (s *Spool) uploadBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	reader := http.MaxBytesReader(w, r.Body, s.limit)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(reader)
		if err != nil {
			return nil, fmt.Errorf("read gzip upload: %w", err)
		}
		reader = http.MaxBytesReader(w, unzipped, s.limit)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("read upload: %w", err)
	}
	return body, nil
}

func (s *Spool) add(traces ptrace.Traces) error {
	if traces.SpanCount() == 0 {
		return nil
	}
	line, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
	if err != nil {
		return fmt.Errorf("encode spans as JSON: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// Start implements otlptrace.Client.
func (*Spool) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (*Spool) Stop(context.Context) error { return nil }

// UploadTraces implements otlptrace.Client for the spool's own process.
func (s *Spool) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	if err != nil {
		return fmt.Errorf("decode spans: %w", err)
	}
	return s.add(traces)
}

// Last is the number of the newest line, 0 if there was none yet.
func (s *Spool) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first + uint64(len(s.lines)) - 1
}

// After returns the lines after that number and the number of the last of
// them, and waits for one if there is none. Lines up to the number are
// acknowledged by the call and forgotten.
func (s *Spool) After(ctx context.Context, number uint64) (lines [][]byte, last uint64, err error) {
	for {
		s.mu.Lock()
		drop := 0
		if number >= s.first {
			drop = min(int(number-s.first)+1, len(s.lines))
		}
		s.lines = s.lines[drop:]
		s.first += uint64(drop)
		lines = append([][]byte(nil), s.lines...)
		last = s.first + uint64(len(s.lines)) - 1
		changed := s.changed
		s.mu.Unlock()
		if len(lines) > 0 {
			return lines, last, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, number, ctx.Err()
		}
	}
}
