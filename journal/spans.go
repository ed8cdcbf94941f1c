package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Span is what a judge needs to know of a span: its place in the tree, and who
// made it.
type Span struct {
	TraceID string
	SpanID  string
	Parent  string // "" at the root
	Name    string
	Service string
}

// otlpLine is the part of a line of traces.jsonl (OTLP JSON) that Span shows.
type otlpLine struct {
	ResourceSpans []struct {
		Resource struct {
			Attributes []struct {
				Key   string `json:"key"`
				Value struct {
					StringValue string `json:"stringValue"`
				} `json:"value"`
			} `json:"attributes"`
		} `json:"resource"`
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

// ReadSpans gives every span of a run folder to visit. A run without traces
// has none.
func ReadSpans(folder Folder, visit func(Span)) error {
	file, err := os.Open(folder.Path(TracesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read traces: %w", err)
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 64<<10), 128<<20)
	for number := 1; scanner.Scan(); number++ {
		var line otlpLine
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return fmt.Errorf("read %s:%d: %w", TracesFile, number, err)
		}
		line.visit(visit)
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read traces: %w", err)
	}
	return nil
}

func (l otlpLine) visit(visit func(Span)) {
	for _, resource := range l.ResourceSpans {
		service := ""
		for _, attribute := range resource.Resource.Attributes {
			if attribute.Key == "service.name" {
				service = attribute.Value.StringValue
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				visit(Span{TraceID: span.TraceID, SpanID: span.SpanID, Parent: span.Parent, Name: span.Name, Service: service})
			}
		}
	}
}
