package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Damage is a place where a journal is not what its writer wrote, or is not
// whole. Evidence with damage can show a violation, never that a rule held.
type Damage struct {
	Line int    `json:"line,omitempty"` // in journal.jsonl, from 1; 0 for the whole file
	What string `json:"what"`
	// Hole: records that were written are missing or not what they were. An end
	// that never came is no hole: what stands before it is whole.
	Hole bool `json:"hole,omitempty"`
}

// String writes the damage with its place.
func (d Damage) String() string {
	if d.Line == 0 {
		return JournalFile + ": " + d.What
	}
	return fmt.Sprintf("%s:%d: %s", JournalFile, d.Line, d.What)
}

// ErrNotAJournal says that a folder holds nothing that could be read as a run.
var ErrNotAJournal = errors.New("not a run folder")

// ErrNoJournal says that a folder has no journal at all; it is an ErrNotAJournal.
var ErrNoJournal = fmt.Errorf("%w: it has no %s", ErrNotAJournal, JournalFile)

// ErrVersion says that the journal's format is of a version unknown here.
var ErrVersion = errors.New("unknown version of the journal format")

// maxLine bounds a line of a journal.
const maxLine = 16 << 20

// Read reads a run folder's journal, giving each intact record to visit in
// order, and returns its header and all damage found. It fails if there is no
// journal of a known version, or if visit does.
func Read(folder Folder, visit func(Record) error) (Header, []Damage, error) {
	file, err := os.Open(folder.Path(JournalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Header{}, nil, fmt.Errorf("read %s: %w", folder, ErrNoJournal)
	}
	if err != nil {
		return Header{}, nil, fmt.Errorf("read journal: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	r := &reader{visit: visit, last: map[Source]uint64{}}
	if err := r.lines(io.TeeReader(file, sum)); err != nil {
		return r.header, r.damage, err
	}
	r.checkSeal(folder, hex.EncodeToString(sum.Sum(nil)))
	return r.header, r.damage, nil
}

type reader struct {
	visit   func(Record) error
	header  Header
	damage  []Damage
	records uint64
	last    map[Source]uint64
}

func (r *reader) lines(from io.Reader) error {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	scanner.Split(wholeLines)
	for number := 1; scanner.Scan(); number++ {
		line := scanner.Bytes()
		if number == 1 {
			if err := r.readHeader(line); err != nil {
				return err
			}
			continue
		}
		if err := r.readRecord(number, line); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if r.header.Format == "" {
		return fmt.Errorf("read journal: %w: %s is empty", ErrNotAJournal, JournalFile)
	}
	return nil
}

// wholeLines splits at line feeds and keeps them, so that a torn last line is
// told from a whole one.
func wholeLines(data []byte, atEnd bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEnd && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func (r *reader) readHeader(line []byte) error {
	trimmed, torn := bytes.CutSuffix(line, []byte("\n"))
	if err := json.Unmarshal(trimmed, &r.header); err != nil || r.header.Format != Format {
		return fmt.Errorf("read journal: %w: its first line is no header", ErrNotAJournal)
	}
	if r.header.Version != Version {
		return fmt.Errorf("read journal: %w: %d, this payquake reads %d", ErrVersion, r.header.Version, Version)
	}
	if err := checkLine(trimmed); err != nil || !torn {
		r.note(1, "the header is damaged")
	}
	return nil
}

func (r *reader) readRecord(number int, line []byte) error {
	trimmed, whole := bytes.CutSuffix(line, []byte("\n"))
	if !whole {
		r.noteEnd(number, "the line is cut off")
		return nil
	}
	if err := checkLine(trimmed); err != nil {
		r.note(number, err.Error())
		return nil
	}
	var record Record
	if err := json.Unmarshal(trimmed, &record); err != nil {
		r.note(number, "no record: "+err.Error())
		return nil
	}
	if want := r.last[record.Source] + 1; record.Number != want {
		r.note(number, fmt.Sprintf("the records of %s go from %d to %d", record.Source, want-1, record.Number))
	}
	r.last[record.Source] = record.Number
	r.records++
	return r.visit(record)
}

func (r *reader) note(line int, what string) {
	r.damage = append(r.damage, Damage{Line: line, What: what, Hole: true})
}

func (r *reader) noteEnd(line int, what string) {
	r.damage = append(r.damage, Damage{Line: line, What: what})
}

func (r *reader) checkSeal(folder Folder, sum string) {
	text, err := os.ReadFile(folder.Path(SealFile))
	if err != nil {
		r.noteEnd(0, "it is not sealed: the run did not come to its end")
		return
	}
	var seal Seal
	if err := json.Unmarshal(text, &seal); err != nil {
		r.note(0, "its seal cannot be read: "+err.Error())
		return
	}
	if seal.Records != r.records {
		r.note(0, fmt.Sprintf("it has %d intact records, its seal says %d", r.records, seal.Records))
	}
	for source, last := range seal.Sources {
		if r.last[source] != last {
			r.note(0, fmt.Sprintf("the records of %s end at %d, its seal says %d", source, r.last[source], last))
		}
	}
	for name, want := range seal.Files {
		if got, err := hashFile(folder.Path(name)); err != nil || got != want {
			r.note(0, name+" beside it is not the file that was sealed")
		}
	}
	if seal.SHA256 != sum {
		r.note(0, "its hash is not the one in its seal")
	}
}
