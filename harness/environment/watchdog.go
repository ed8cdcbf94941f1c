package environment

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// watchdog is a child process that cleans up after this one, however it ends:
// it reads a pipe whose only writer is this process, and a pipe's end cannot
// be missed, not even after kill -9. What it has to clean up is written into
// the pipe beforehand, one line each.
type watchdog struct {
	command *exec.Cmd
	pipe    io.WriteCloser
}

// The lines of the pipe.
const (
	guardProcessWord = "process"
	guardFolderWord  = "folder"
	guardRunWord     = "run" // containers and networks of a run
	dismissWord      = "done"
)

func startWatchdog(program string) (*watchdog, error) {
	command := exec.Command(program, "role", "watchdog")
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no signal of the terminal reaches it
	pipe, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start watchdog: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start watchdog: %w", err)
	}
	return &watchdog{command: command, pipe: pipe}, nil
}

func (w *watchdog) guardProcess(pid int) error {
	return w.tell(guardProcessWord, strconv.Itoa(pid), processStart(pid))
}

func (w *watchdog) guardFolder(folder string) error { return w.tell(guardFolderWord, folder) }

func (w *watchdog) guardRun(run string) error { return w.tell(guardRunWord, run) }

func (w *watchdog) tell(words ...string) error {
	if _, err := fmt.Fprintln(w.pipe, strings.Join(words, "\t")); err != nil {
		return fmt.Errorf("tell the watchdog: %w", err)
	}
	return nil
}

// dismiss ends the watchdog without anything to clean up.
func (w *watchdog) dismiss() error {
	told := w.tell(dismissWord)
	_ = w.pipe.Close()
	if err := w.command.Wait(); err != nil {
		return fmt.Errorf("dismiss the watchdog: %w", err)
	}
	return told
}

// release lets the watchdog do its work: something is left to clean up.
func (w *watchdog) release() error {
	if err := w.pipe.Close(); err != nil {
		return fmt.Errorf("release the watchdog: %w", err)
	}
	return nil
}

// Watch is the watchdog's own life: it reads what it has to guard until it is
// dismissed or its owner is gone, and then cleans up.
func Watch(ctx context.Context, from io.Reader) error {
	type guarded struct{ pid, start string }
	var processes []guarded
	var folders, runs []string
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), "\t")
		switch word {
		case dismissWord:
			return nil
		case guardProcessWord:
			pid, start, _ := strings.Cut(rest, "\t")
			processes = append(processes, guarded{pid, start})
		case guardFolderWord:
			folders = append(folders, rest)
		case guardRunWord:
			runs = append(runs, rest)
		}
	}
	var errs []error
	for _, process := range processes {
		pid, err := strconv.Atoi(process.pid)
		if err == nil && processStart(pid) == process.start && process.start != "" {
			errs = append(errs, syscall.Kill(-pid, syscall.SIGKILL))
		}
	}
	for _, folder := range folders {
		if strings.HasPrefix(filepath.Base(folder), "payquake-") { // never anything that is not ours
			errs = append(errs, os.RemoveAll(folder))
		}
	}
	for _, run := range runs {
		errs = append(errs, removeRun(ctx, run))
	}
	return errors.Join(errs...)
}

// processStart is when a process started, in the kernel's clock ticks since
// boot; with its number it names the process for good. It is "" for a process
// that is gone, or where the machine cannot say.
func processStart(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the name before may contain anything
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}
