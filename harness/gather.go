package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/telemetry"
)

// gatherer follows every source of records and spans and writes them into the
// run folder. A source is asked for what comes after the last record that was
// written, so that nothing is lost when a connection breaks.
type gatherer struct {
	session *Session
	cancel  context.CancelFunc
	running sync.WaitGroup
	traces  *os.File
	forward chan json.RawMessage // lines that are sent elsewhere too; nil if nowhere

	mu     sync.Mutex
	last   map[journal.Source]uint64
	spans  uint64 // of the gateway
	own    uint64 // of the harness
	failed error
}

func startGatherer(s *Session) (*gatherer, error) {
	traces, err := os.OpenFile(s.setting.Folder.Path(journal.TracesFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keep traces: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &gatherer{session: s, cancel: cancel, traces: traces, last: map[journal.Source]uint64{}}
	if endpoint := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); endpoint != "" {
		g.forward = make(chan json.RawMessage, 4096)
		g.running.Go(func() { g.forwardTo(ctx, endpoint) })
	}
	for source, client := range s.sources() {
		g.running.Go(func() {
			g.follow(ctx, source, func(after uint64) ([]journal.Record, error) { return client.Records(ctx, after) })
		})
	}
	g.running.Go(func() {
		g.follow(ctx, journal.Harness, func(after uint64) ([]journal.Record, error) { return s.feed.After(ctx, after, 1000) })
	})
	g.running.Go(func() { g.followSpans(ctx) })
	g.running.Go(func() { g.followOwnSpans(ctx) })
	return g, nil
}

// follow writes a source's records as they come, until the session ends.
func (g *gatherer) follow(ctx context.Context, source journal.Source, next func(after uint64) ([]journal.Record, error)) {
	for ctx.Err() == nil {
		records, err := next(g.lastOf(source))
		if err != nil {
			_ = g.session.setting.Clock.Wait(ctx, 50*time.Millisecond) // ended is seen above
			continue
		}
		g.keep(source, records)
	}
}

func (g *gatherer) lastOf(source journal.Source) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last[source]
}

func (g *gatherer) keep(source journal.Source, records []journal.Record) {
	if len(records) == 0 {
		return
	}
	err := g.session.writer.Append(records...)
	g.mu.Lock()
	g.last[source] = records[len(records)-1].Number
	if err != nil && g.failed == nil {
		g.failed = err
	}
	g.mu.Unlock()
	for _, record := range records {
		g.session.notice(record)
	}
}

func (g *gatherer) followSpans(ctx context.Context) {
	for ctx.Err() == nil {
		lines, last, err := g.session.env.Gateway().Spans(ctx, g.lastSpans(&g.spans))
		if err != nil {
			_ = g.session.setting.Clock.Wait(ctx, 50*time.Millisecond)
			continue
		}
		g.keepSpans(lines, &g.spans, last)
	}
}

func (g *gatherer) followOwnSpans(ctx context.Context) {
	for ctx.Err() == nil {
		lines, last, err := g.session.spool.After(ctx, g.lastSpans(&g.own))
		if err != nil {
			return
		}
		g.keepSpans(asMessages(lines), &g.own, last)
	}
}

func asMessages(lines [][]byte) []json.RawMessage {
	messages := make([]json.RawMessage, len(lines))
	for i, line := range lines {
		messages[i] = line
	}
	return messages
}

// lastSpans is the number of the last line of spans that was kept of a source.
func (g *gatherer) lastSpans(of *uint64) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return *of
}

// keepSpans appends lines of OTLP JSON up to the number last of their source.
func (g *gatherer) keepSpans(lines []json.RawMessage, of *uint64, last uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, line := range lines {
		if _, err := g.traces.Write(append(line, '\n')); err != nil && g.failed == nil {
			g.failed = fmt.Errorf("keep traces: %w", err)
		}
		select {
		case g.forward <- line:
		default: // nowhere to send it, or the receiver cannot follow: it is kept here
		}
	}
	*of = last
}

// forwardTo sends lines to a receiver elsewhere. One that does not answer costs
// no evidence; it is told once.
func (g *gatherer) forwardTo(ctx context.Context, endpoint string) {
	upload := telemetry.Upload{Endpoint: endpoint, Client: &http.Client{Timeout: 10 * time.Second}}
	told := false
	for {
		select {
		case line := <-g.forward:
			if err := upload.Line(ctx, line); err != nil && !told {
				told = true
				g.session.setting.Progress.Tell("spans could not be forwarded: " + err.Error())
			}
		case <-ctx.Done():
			return
		}
	}
}

// stop ends the following. What is still to come is gathered by rest.
func (g *gatherer) stop() error {
	g.cancel()
	g.running.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed
}

// rest writes what the harness itself still has, after everything else ended.
func (g *gatherer) rest() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // take what is there, wait for nothing
	if records, err := g.session.feed.After(ctx, g.lastOf(journal.Harness), 1<<30); err == nil {
		g.keep(journal.Harness, records)
	}
	if lines, last, err := g.session.spool.After(ctx, g.lastSpans(&g.own)); err == nil {
		g.keepSpans(asMessages(lines), &g.own, last)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(g.failed, g.traces.Close())
}

// drain waits until everything that the sources have recorded so far is
// written, and their spans are flushed.
func (s *Session) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	wanted := map[journal.Source]uint64{journal.Harness: s.feed.Last()}
	for source, client := range s.sources() {
		if source != journal.Gateway { // its spans come from everybody, so it is flushed last
			if err := client.Flush(ctx); err != nil {
				return fmt.Errorf("drain %s: %w", source, err)
			}
		}
		last, err := client.Last(ctx)
		if err != nil {
			return fmt.Errorf("drain %s: %w", source, err)
		}
		wanted[source] = last
	}
	if err := s.env.Gateway().Flush(ctx); err != nil {
		return fmt.Errorf("drain spans: %w", err)
	}
	lastSpans, err := s.env.Gateway().LastSpans(ctx)
	if err != nil {
		return fmt.Errorf("drain spans: %w", err)
	}
	for s.gather.lastSpans(&s.gather.spans) < lastSpans {
		if err := s.setting.Clock.Wait(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("drain spans: %w", err)
		}
	}
	for source, last := range wanted {
		for s.gather.lastOf(source) < last {
			if err := s.setting.Clock.Wait(ctx, 5*time.Millisecond); err != nil {
				return fmt.Errorf("drain %s: records up to %d of %d came: %w", source, s.gather.lastOf(source), last, err)
			}
		}
	}
	return s.writer.Flush()
}
