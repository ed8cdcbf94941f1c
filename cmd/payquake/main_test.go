package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/invariants"
)

// built is the payquake binary as users run it: the one that make built, or
// one built here, once. It is static, so that it also runs in containers.
var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PAYQUAKE_PROGRAM"); path != "" {
		return path, nil
	}
	folder, err := os.MkdirTemp("", "payquake-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "payquake")
	command := exec.Command("go", "build", "-o", path, ".")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	return path, command.Run()
})

func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	require.NoError(t, err)
	return path
}

// ran is how a run of the program ended.
type ran struct {
	code    int
	out     string
	err     string
	folder  string
	verdict invariants.Verdict
}

// payquake runs the program in a folder of its own.
func payquake(t *testing.T, arguments ...string) ran {
	t.Helper()
	return payquakeIn(t, t.TempDir(), arguments...)
}

func payquakeIn(t *testing.T, folder string, arguments ...string) ran {
	t.Helper()
	command := exec.Command(program(t), arguments...)
	command.Dir = folder
	var out, complaints strings.Builder
	command.Stdout, command.Stderr = &out, &complaints
	_ = command.Run() // the exit code says it
	result := ran{code: command.ProcessState.ExitCode(), out: out.String(), err: complaints.String(),
		folder: filepath.Join(folder, "payquake-results", "latest")}
	if text, err := os.ReadFile(filepath.Join(result.folder, "verdict.json")); err == nil {
		require.NoError(t, json.Unmarshal(text, &result.verdict))
	}
	return result
}

// TestScripts are the command line as users see it.
func TestScripts(t *testing.T) {
	path := program(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(path)+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "cut": cut, "edit": edit},
	})
}

// exits runs a command and checks its exit code: exits 5 payquake run
func exits(script *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) < 2 {
		script.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(arguments[0])
	script.Check(err)
	name := arguments[1]
	if path, err := built(); err == nil && name == "payquake" {
		name = path
	}
	command := exec.Command(name, arguments[2:]...)
	command.Dir = script.Getenv("WORK")
	command.Env = os.Environ()
	if host := script.Getenv("DOCKER_HOST"); host != "" { // a script may point away from the engine
		command.Env = append(command.Env, "DOCKER_HOST="+host)
	}
	command.Stdout, command.Stderr = script.Stdout(), script.Stderr()
	_ = command.Run()
	if got := command.ProcessState.ExitCode(); got != want {
		script.Fatalf("exit code %d, want %d", got, want)
	}
}

// cut drops the second half of a file.
func cut(script *testscript.TestScript, _ bool, arguments []string) {
	path := script.MkAbs(arguments[0])
	text, err := os.ReadFile(path)
	script.Check(err)
	script.Check(os.WriteFile(path, text[:len(text)/2], 0o644))
}

// edit replaces the first occurrence of a text in a file.
func edit(script *testscript.TestScript, _ bool, arguments []string) {
	path := script.MkAbs(arguments[0])
	text, err := os.ReadFile(path)
	script.Check(err)
	changed := strings.Replace(string(text), arguments[1], arguments[2], 1)
	if changed == string(text) {
		script.Fatalf("%s does not contain %s", arguments[0], arguments[1])
	}
	script.Check(os.WriteFile(path, []byte(changed), 0o644))
}
