package journal

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/payquake/payquake/faults"
)

// Writer appends the records of a run to its folder. It is safe for concurrent
// use. The first error sticks: every later call, and Close, return it.
type Writer struct {
	folder Folder

	mu      sync.Mutex
	file    *os.File
	buffer  *bufio.Writer
	sum     hash.Hash
	records uint64
	last    map[Source]uint64
	bodies  map[faults.Trial]*os.File
	err     error
}

// body is a line of bodies/<trial>.jsonl.
type body struct {
	Message string      `json:"message"`
	Leg     faults.Leg  `json:"leg"`
	Link    faults.Link `json:"link"`
	SHA256  string      `json:"sha256,omitempty"` // of the raw bytes
	Size    int         `json:"size"`
	Content string      `json:"content"`
}

// maxOpenBodies bounds how many body files are open at a time.
const maxOpenBodies = 64

// NewWriter begins the journal of a run folder with its header.
func NewWriter(folder Folder, header Header) (*Writer, error) {
	file, err := os.OpenFile(folder.Path(JournalFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("begin journal: %w", err)
	}
	w := &Writer{folder: folder, file: file, sum: sha256.New(), last: map[Source]uint64{}, bodies: map[faults.Trial]*os.File{}}
	w.buffer = bufio.NewWriterSize(io.MultiWriter(file, w.sum), 64<<10)
	header.Format, header.Version = Format, Version
	line, err := encodeLine(header)
	if err == nil {
		_, err = w.buffer.Write(line)
	}
	if err == nil {
		err = w.buffer.Flush()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin journal: %w", err), file.Close())
	}
	return w, nil
}

// Append writes records in the order given. A message's body goes to bodies/.
func (w *Writer) Append(records ...Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range records {
		if w.err == nil {
			w.err = w.append(records[i])
		}
	}
	return w.err
}

func (w *Writer) append(record Record) error {
	if message := record.Message; message != nil && message.Body != "" {
		if err := w.keepBody(record.Trial, message); err != nil {
			return err
		}
		bare := *message
		bare.Body = ""
		record.Message = &bare
	}
	line, err := encodeLine(record)
	if err != nil {
		return err
	}
	if _, err := w.buffer.Write(line); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	w.records++
	w.last[record.Source] = record.Number
	return nil
}

func (w *Writer) keepBody(trial faults.Trial, message *Message) error {
	file := w.bodies[trial]
	if file == nil {
		if len(w.bodies) >= maxOpenBodies {
			if err := w.closeBodies(); err != nil {
				return err
			}
		}
		opened, err := os.OpenFile(w.folder.Path(BodiesFolder, BodyFile(trial)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return fmt.Errorf("keep body: %w", err)
		}
		file, w.bodies[trial] = opened, opened
	}
	line, err := json.Marshal(body{message.ID, message.Leg, message.Link, message.BodyHash, message.BodySize, message.Body})
	if err == nil {
		_, err = file.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep body: %w", err)
	}
	return nil
}

// BodyFile is the name of the file in bodies/ that holds a trial's messages.
func BodyFile(trial faults.Trial) string {
	if trial == "" {
		return "unattributed.jsonl"
	}
	return filepath.Base(strings.ReplaceAll(string(trial), "/", "_")) + ".jsonl"
}

func (w *Writer) closeBodies() error {
	var errs []error
	for trial, file := range w.bodies {
		errs = append(errs, file.Close())
		delete(w.bodies, trial)
	}
	return errors.Join(errs...)
}

// Flush brings everything appended so far to the file.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		if err := w.buffer.Flush(); err != nil {
			w.err = fmt.Errorf("write journal: %w", err)
		}
	}
	return w.err
}

// sealedFiles hashes what a verdict depends on beside the journal.
func sealedFiles(folder Folder) (map[string]string, error) {
	sums := map[string]string{}
	for _, name := range []string{PlanFile, TracesFile} {
		sum, err := hashFile(folder.Path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sums[name] = sum
	}
	return sums, nil
}

func hashFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Close ends the journal and seals it. A journal whose writer failed is not
// sealed.
func (w *Writer) Close() error {
	flushed := w.Flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	err := errors.Join(flushed, w.file.Sync(), w.file.Close(), w.closeBodies())
	if err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	files, err := sealedFiles(w.folder)
	if err != nil {
		return fmt.Errorf("seal journal: %w", err)
	}
	seal, err := json.MarshalIndent(Seal{Records: w.records, SHA256: hex.EncodeToString(w.sum.Sum(nil)), Sources: w.last, Files: files}, "", "  ")
	if err != nil {
		return fmt.Errorf("seal journal: %w", err)
	}
	if err := os.WriteFile(w.folder.Path(SealFile), append(seal, '\n'), 0o644); err != nil {
		return fmt.Errorf("seal journal: %w", err)
	}
	return nil
}
