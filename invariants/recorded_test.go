package invariants_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/invariants"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

var update = flag.Bool("update", false, "record the runs of testdata and their verdicts again")

// recordings are the runs in testdata, by folder.
func recordings() map[string]*story {
	lost := pin("t1.1", "lost-answer", true)
	withPin := func() *story { return run(lost).placed("o1", 1000).created("p1", 1000).fired(lost) }
	return map[string]*story{
		"held": withPin().captured("p1", 1000).healed().notified("p1", 1000, 200).books("p1", payment.Captured, 1000).
			marks(payment.OrderPaid).reads(payment.OrderPaid).released("k1").asksRefund("q1", 400).refunded("r1", "p1", 400).
			booksRefund("r1", "p1", payment.RefundDone, 400).ends(),
		"violated": withPin().captured("p1", 1000).captured("p2", 1000).healed().notified("p1", 1000, 200).books("p1", payment.Captured, 1000).
			marks(payment.OrderPaid).released("k1").released("k2").ends(),
		"inconclusive": run(lost).placed("o1", 1000).created("p1", 1000).ended(lost, faults.NeverSent).books("p1", payment.Pending, 0).
			exceeds("the merchant's books are not final").with(func(s *story) { s.header.LongestTimer = 0 }),
	}
}

// TestRecordedRuns judges the run folders of testdata. They were written by
// another version of this program, on another machine, and their verdicts are
// what they were. -update records them again.
func TestRecordedRuns(t *testing.T) {
	for name, story := range recordings() {
		t.Run(name, func(t *testing.T) {
			folder := journal.Folder(filepath.Join("testdata", name))
			if *update {
				require.NoError(t, os.RemoveAll(string(folder)))
				require.NoError(t, os.MkdirAll(string(folder), 0o755))
				story.save(t, folder)
			}
			e, err := invariants.Load(folder)
			require.NoError(t, err)
			require.Empty(t, e.Damage)
			v := invariants.Judge(e)
			require.Equal(t, invariants.Outcome(name), v.Outcome, v.Reasons)
			again := journal.Folder(t.TempDir())
			require.NoError(t, v.Write(again))
			got, err := os.ReadFile(again.Path(journal.VerdictFile))
			require.NoError(t, err)
			if *update {
				writeFile(t, folder.Path(journal.VerdictFile), got)
			}
			want, err := os.ReadFile(folder.Path(journal.VerdictFile))
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), "go test ./invariants -update records it again")
		})
	}
}

// TestRecordedRuns_SayWhatTheirStoriesSay: what was read from the folder is
// what was written into it.
func TestRecordedRuns_SayWhatTheirStoriesSay(t *testing.T) {
	for name, story := range recordings() {
		e, err := invariants.Load(journal.Folder(filepath.Join("testdata", name)))
		require.NoError(t, err)
		require.Equal(t, invariants.Judge(story.evidence()), invariants.Judge(e), name)
	}
}

// copied is a copy of a recorded run that may be harmed.
func copied(t *testing.T, name string) journal.Folder {
	folder := journal.Folder(t.TempDir())
	require.NoError(t, os.CopyFS(string(folder), os.DirFS(filepath.Join("testdata", name))))
	return folder
}

// TestDamagedRuns: a held run whose record was touched is inconclusive, says
// where, and never holds; a violation that the intact part shows stays one.
func TestDamagedRuns(t *testing.T) {
	edit := func(old, new string) func(*testing.T, journal.Folder) {
		return func(t *testing.T, folder journal.Folder) {
			text, err := os.ReadFile(folder.Path(journal.JournalFile))
			require.NoError(t, err)
			require.Contains(t, string(text), old)
			writeFile(t, folder.Path(journal.JournalFile), bytes.Replace(text, []byte(old), []byte(new), 1))
		}
	}
	for what, harm := range map[string]func(*testing.T, journal.Folder){
		"it is not sealed": func(t *testing.T, folder journal.Folder) {
			require.NoError(t, os.Remove(folder.Path(journal.SealFile)))
		},
		"its CRC is": edit(`"outcome":"ok"`, `"outcome":"no"`),
		"read traces.jsonl:1": func(t *testing.T, folder journal.Folder) {
			writeFile(t, folder.Path(journal.TracesFile), []byte("{\n"))
		},
	} {
		for name, outcome := range map[string]invariants.Outcome{"held": invariants.Inconclusive, "violated": invariants.Violated} {
			folder := copied(t, name)
			harm(t, folder)
			e, err := invariants.Load(folder)
			require.NoError(t, err)
			v := invariants.Judge(e)
			require.Equal(t, outcome, v.Outcome, what)
			require.NotEmpty(t, v.Damage)
			require.Contains(t, fmt.Sprint(v.Reasons), what)
		}
	}
}

// TestLoad_NotARun: what is no run folder is refused, by name.
func TestLoad_NotARun(t *testing.T) {
	_, err := invariants.Load(journal.Folder(t.TempDir()))
	require.ErrorIs(t, err, journal.ErrNotAJournal)

	strange := copied(t, "held")
	writeFile(t, strange.Path(journal.JournalFile), []byte("a shopping list\n"))
	_, err = invariants.Load(strange)
	require.ErrorIs(t, err, journal.ErrNotAJournal)

	unbegun := copied(t, "held")
	require.NoError(t, os.Remove(unbegun.Path(journal.JournalFile)))
	e, err := invariants.Load(unbegun)
	require.NoError(t, err, "a run killed before it recorded anything")
	require.Equal(t, invariants.Inconclusive, invariants.Judge(e).Outcome)

	newer := copied(t, "held")
	var plan scenarios.Plan
	text, err := os.ReadFile(newer.Path(journal.PlanFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &plan))
	plan.Version++
	require.NoError(t, plan.Write(newer.Path(journal.PlanFile)))
	_, err = invariants.Load(newer)
	require.ErrorContains(t, err, "version 2, this payquake reads 1")
}

// manyTrials is a run of many shoppers who each paid once.
func manyTrials(count int) *story {
	s := run()
	s.records, s.spans, s.numbers = nil, nil, map[journal.Source]uint64{}
	template := *s.planned()
	s.plan.Batches[0].Trials = nil
	for i := range count {
		planned := template
		planned.ID = faults.Trial(fmt.Sprintf("t%04d", i))
		s.plan.Batches[0].Trials = append(s.plan.Batches[0].Trials, planned)
		s.trial, s.believe = planned.ID, nil
		ref := payment.MerchantReference("p-" + planned.ID)
		s.opens().placed("o-"+string(planned.ID), 1000).created(ref, 1000).captured(ref, 1000).healed().notified(ref, 1000, 200).
			books(ref, payment.Captured, 1000).marks(payment.OrderPaid).reads(payment.OrderPaid).released("k-"+string(planned.ID)).
			stage(journal.Rested, "").collected()
	}
	return s.closed()
}

// BenchmarkJudge judges a run of two thousand trials: read from its folder, as
// "payquake check" does, and from evidence that is already there.
func BenchmarkJudge(b *testing.B) {
	s := manyTrials(2000)
	folder := journal.Folder(b.TempDir())
	s.save(b, folder)
	bench := func(name string, load func() *invariants.Evidence, timed bool) {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if !timed {
					b.StopTimer()
				}
				e := load()
				b.StartTimer()
				require.Equal(b, invariants.Held, invariants.Judge(e).Outcome)
			}
			b.ReportMetric(float64(len(s.records)*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
	bench("folder", func() *invariants.Evidence {
		e, err := invariants.Load(folder)
		require.NoError(b, err)
		return e
	}, true)
	bench("evidence", s.evidence, false)
}
