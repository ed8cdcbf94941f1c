package reports

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// Progress shows people how far a run is. On a terminal one line is rewritten
// in place; elsewhere a batch says so at each quarter. It shows no times: it
// has no clock, and a CI log has its own. Its methods may be called from
// several goroutines.
type Progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	batches  []string       // in the order in which they began
	quarter  map[string]int // the last quarter that was told of a batch
	line     string         // that stands on the terminal at the moment
}

// NewProgress shows progress on w, which is a terminal or is not.
func NewProgress(w io.Writer, terminal bool) *Progress {
	return &Progress{w: w, terminal: terminal, quarter: map[string]int{}}
}

// Tell says something once, above the line that is rewritten.
func (p *Progress) Tell(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.write(Clean(text) + "\n")
	p.write(p.line)
}

// Trials says how many trials of a batch have come to rest. Reports may come
// late; one that says less than what was said before changes nothing.
func (p *Progress) Trials(batch string, rested, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, known := p.quarter[batch]
	if !known {
		p.batches = append(p.batches, batch)
	}
	quarter := 4
	if all > 0 {
		quarter = min(4, 4*rested/all)
	}
	p.quarter[batch] = max(last, quarter)
	if p.terminal {
		p.rewrite(batch, rested, all)
	} else if quarter > last {
		p.write(fmt.Sprintf("batch %s: %d%%, %d of %d trials at rest\n", Clean(batch), 25*quarter, rested, all))
	}
}

// End leaves the last line standing and begins a new one.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != "" {
		p.write("\n")
		p.line = ""
	}
}

// cells is the length of the bar on a terminal.
const cells = 24

// rewrite replaces the line on the terminal, unless it would read the same.
func (p *Progress) rewrite(batch string, rested, all int) {
	full := cells
	if all > 0 {
		full = min(cells, cells*rested/all)
	}
	bar := strings.Repeat("━", full) + strings.Repeat("╌", cells-full)
	line := fmt.Sprintf("batch %s (no. %d) %s %d/%d at rest", Clean(batch), p.place(batch), bar, rested, all)
	if line == p.line {
		return
	}
	p.clear()
	p.line = line
	p.write(line)
}

// place is the batch's number in the order of beginning.
func (p *Progress) place(batch string) int {
	for i, known := range p.batches {
		if known == batch {
			return i + 1
		}
	}
	return 0
}

// clear removes the line that stands on the terminal.
func (p *Progress) clear() {
	if p.line != "" {
		p.write("\r\x1b[2K")
	}
}

// write shows a text. Progress that cannot be shown is no reason to fail a run.
func (p *Progress) write(text string) {
	if text != "" {
		_, _ = io.WriteString(p.w, text)
	}
}
