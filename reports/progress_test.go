package reports_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/payquake/payquake/reports"
)

func TestProgress_PlainLinesAtQuarters(t *testing.T) {
	var text bytes.Buffer
	p := reports.NewProgress(&text, false)
	p.Tell("opened \x1b[2Jlocal")
	for rested := range 101 {
		p.Trials("b1", rested, 100)
	}
	p.Trials("b1", 50, 100) // late
	p.Trials("b2", 0, 0)    // a batch of nothing is at rest
	p.End()
	want := "opened \uFFFD[2Jlocal\nbatch b1: 25%, 25 of 100 trials at rest\nbatch b1: 50%, 50 of 100 trials at rest\n" +
		"batch b1: 75%, 75 of 100 trials at rest\nbatch b1: 100%, 100 of 100 trials at rest\nbatch b2: 100%, 0 of 0 trials at rest\n"
	if text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
}

func TestProgress_OneLineOnATerminal(t *testing.T) {
	var text bytes.Buffer
	p := reports.NewProgress(&text, true)
	p.Trials("b1", 1, 4)
	p.Trials("b1", 1, 4) // nothing new
	p.Tell("a word")
	p.Trials("b2", 2, 2)
	p.End()
	want := "batch b1 (no. 1) ━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 1/4 at rest" + "\r\x1b[2Ka word\n" + "batch b1 (no. 1) ━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 1/4 at rest" +
		"\r\x1b[2Kbatch b2 (no. 2) ━━━━━━━━━━━━━━━━━━━━━━━━ 2/2 at rest\n"
	if text.String() != want {
		t.Errorf("got\n%q", text.String())
	}
}

func TestProgress_ManyTellAtOnce(t *testing.T) {
	var text bytes.Buffer
	p := reports.NewProgress(&text, false)
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			p.Trials("b1", n+1, 100)
			p.Tell("x")
		})
	}
	all.Wait()
	if got := strings.Count(text.String(), "x\n"); got != 100 {
		t.Errorf("%d of 100 words were told whole", got)
	}
}
