package journal

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/payment"
)

// written makes a run folder with some records of two sources.
func written(t testing.TB) Folder {
	folder, err := Create(t.TempDir(), "test", 1, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	require.NoError(t, err)
	w, err := NewWriter(folder, Header{Run: "r", Scenario: "test", Seed: 1})
	require.NoError(t, err)
	for i := range 5 {
		require.NoError(t, w.Append(
			Record{Source: Gateway, Number: uint64(i + 1), Trial: "t", Message: &Message{ID: "m", Link: "a->b", Leg: faults.RequestLeg, Fate: Passed, Body: "secret free body"}},
			Record{Source: "wechatpay", Number: uint64(i + 1), Trial: "t", Posting: &Posting{Kind: CapturePosting, Debit: "wallet:t", Credit: "merchant:m", Amount: payment.Fen(int64(i + 1))}}))
	}
	require.NoError(t, w.Close())
	return folder
}

// read returns the records and the damage as text.
func read(t testing.TB, folder Folder) ([]Record, string) {
	var records []Record
	_, damage, err := Read(folder, func(record Record) error {
		records = append(records, record)
		return nil
	})
	require.NoError(t, err)
	var words []string
	for _, d := range damage {
		words = append(words, d.String())
	}
	return records, strings.Join(words, "\n")
}

func TestJournal_RoundTrip(t *testing.T) {
	folder := written(t)
	records, damage := read(t, folder)
	require.Empty(t, damage)
	require.Len(t, records, 10)
	require.Equal(t, payment.Fen(5), records[9].Posting.Amount)
	require.Empty(t, records[0].Message.Body, "bodies are kept beside the journal")
	bodies, err := os.ReadFile(folder.Path(BodiesFolder, BodyFile("t")))
	require.NoError(t, err)
	require.Equal(t, 5, bytes.Count(bodies, []byte("secret free body")))
}

// TestJournal_DamageHasAPlace: whatever is done to a journal, reading it says
// where, and never passes it for whole.
func TestJournal_DamageHasAPlace(t *testing.T) {
	line := func(lines [][]byte, n int) []byte { return lines[n-1] }
	for name, c := range map[string]struct {
		harm func(lines [][]byte) [][]byte
		want string
	}{
		"a digit of an amount": {func(l [][]byte) [][]byte {
			l[2] = bytes.Replace(line(l, 3), []byte(`"minor":1`), []byte(`"minor":9`), 1)
			return l
		}, "journal.jsonl:3: damaged line: its CRC is"},
		"a line removed":           {func(l [][]byte) [][]byte { return append(l[:4:4], l[5:]...) }, "journal.jsonl:6: the records of wechatpay go from 1 to 3"},
		"the last line removed":    {func(l [][]byte) [][]byte { return l[:len(l)-1] }, "journal.jsonl: the records of wechatpay end at 4, its seal says 5"},
		"cut in the middle":        {func(l [][]byte) [][]byte { l[10] = l[10][:20]; return l }, "journal.jsonl:11: the line is cut off"},
		"a line repeated":          {func(l [][]byte) [][]byte { return append(l, l[10]) }, "journal.jsonl:12: the records of wechatpay go from 5 to 5"},
		"a line of somebody's own": {func(l [][]byte) [][]byte { return append(l, []byte("{}\n")) }, "journal.jsonl:12: damaged line: it does not end in a CRC"},
		"two lines exchanged":      {func(l [][]byte) [][]byte { l[1], l[3] = l[3], l[1]; return l }, "the records of gateway go from 0 to 2"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := written(t)
			text, err := os.ReadFile(folder.Path(JournalFile))
			require.NoError(t, err)
			lines := bytes.SplitAfter(bytes.TrimSuffix(text, nil), []byte("\n"))
			lines = lines[:len(lines)-1]
			require.NoError(t, os.WriteFile(folder.Path(JournalFile), bytes.Join(c.harm(lines), nil), 0o644))
			_, damage := read(t, folder)
			require.Contains(t, damage, c.want)
		})
	}
}

// TestJournal_WithoutSeal: a run that was killed leaves a readable journal that
// says it is not whole.
func TestJournal_WithoutSeal(t *testing.T) {
	folder := written(t)
	require.NoError(t, os.Remove(folder.Path(SealFile)))
	records, damage := read(t, folder)
	require.Len(t, records, 10)
	require.Contains(t, damage, "not sealed")
}

func TestRead_RefusesWhatIsNoJournal(t *testing.T) {
	empty := Folder(t.TempDir())
	_, _, err := Read(empty, nil)
	require.ErrorIs(t, err, ErrNotAJournal)
	require.NoError(t, os.WriteFile(empty.Path(JournalFile), []byte("hello\n"), 0o644))
	_, _, err = Read(empty, nil)
	require.ErrorIs(t, err, ErrNotAJournal)
	future, err := encodeLine(map[string]any{"format": Format, "version": Version + 1})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(empty.Path(JournalFile), future, 0o644))
	_, _, err = Read(empty, nil)
	require.ErrorIs(t, err, ErrVersion)
}

// TestCreate_LatestFollows and two runs of one second do not share a folder.
func TestCreate_LatestFollows(t *testing.T) {
	results, at := t.TempDir(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first, err := Create(results, "calm", 7, at)
	require.NoError(t, err)
	require.Equal(t, "calm-7-20260102T030405Z", filepath.Base(string(first)))
	second, err := Create(results, "calm", 7, at)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	target, err := os.Readlink(filepath.Join(results, Latest))
	require.NoError(t, err)
	require.Equal(t, filepath.Base(string(second)), target)
}

// TestFeed_KeepsUntilAcknowledged: a follower whose connection broke asks
// again and misses nothing.
func TestFeed_KeepsUntilAcknowledged(t *testing.T) {
	feed := NewFeed(Gateway)
	for range 3 {
		feed.Add(Record{})
	}
	for range 2 {
		records, err := feed.After(t.Context(), 0, 2)
		require.NoError(t, err)
		require.Equal(t, []uint64{1, 2}, []uint64{records[0].Number, records[1].Number})
	}
	records, err := feed.After(t.Context(), 2, 10)
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.Equal(t, uint64(3), feed.Last())
}

// FuzzRead: no text makes the reader panic, and what is not the writer's own
// is always damage.
func FuzzRead(f *testing.F) {
	folder := written(f)
	whole, err := os.ReadFile(folder.Path(JournalFile))
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("{}\n"))
	seal, err := os.ReadFile(folder.Path(SealFile))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text []byte) {
		folder := Folder(t.TempDir())
		require.NoError(t, os.WriteFile(folder.Path(JournalFile), text, 0o644))
		require.NoError(t, os.WriteFile(folder.Path(SealFile), seal, 0o644))
		_, damage, err := Read(folder, func(record Record) error {
			_, err := json.Marshal(record)
			return err
		})
		if err == nil && !bytes.Equal(text, whole) {
			require.NotEmpty(t, damage)
		}
	})
}

// BenchmarkRead is how fast a journal is read and checked.
func BenchmarkRead(b *testing.B) {
	folder, err := Create(b.TempDir(), "bench", 1, time.Unix(0, 0))
	require.NoError(b, err)
	w, err := NewWriter(folder, Header{Run: "r"})
	require.NoError(b, err)
	const count = 20_000
	for i := range count {
		require.NoError(b, w.Append(Record{Source: "wechatpay", Number: uint64(i + 1), Trial: "t", TraceID: strings.Repeat("a", 32),
			Posting: &Posting{Kind: CapturePosting, Debit: "wallet:t", Credit: "merchant:m", Amount: payment.Fen(int64(i + 1)), MerchantReference: "reference"}}))
	}
	require.NoError(b, w.Close())
	for b.Loop() {
		if _, _, err := Read(folder, func(Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
