package scenarios_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/scenarios"
)

// update rewrites golden files and the JSON Schema: go test ./scenarios -update
var update = flag.Bool("update", false, "rewrite golden files")

// TestParse_TellsAllThatIsWrong reads every broken file of testdata/errors and
// compares what a person is told with the file beside it.
func TestParse_TellsAllThatIsWrong(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			_, err = scenarios.Parse(filepath.Base(file), text, scenarios.DefaultSystems())
			require.Error(t, err)
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; if it should, run with -update\n%s", file, diff)
	}
}

func TestProblems_AsJSON(t *testing.T) {
	_, err := scenarios.Parse("a.yaml", []byte("name: a\nfaults:\n  - {fault: nop, at: merchant->wechatpay create}\n"), scenarios.DefaultSystems())
	var problems document.Problems
	require.True(t, errors.As(err, &problems))
	text, err := json.Marshal(problems)
	require.NoError(t, err)
	require.JSONEq(t, `[{"file":"a.yaml","line":3,"column":13,"path":"faults[0].fault","message":"unknown fault \"nop\"","suggestion":"noop"}]`,
		string(text))
}

// TestParse_Hostile: what is made to hurt gives an error, and soon.
func TestParse_Hostile(t *testing.T) {
	texts := map[string]string{
		"too large":       "name: a\nabout: " + strings.Repeat("x", 2<<20),
		"flow nesting":    "name: " + strings.Repeat("[", 100_000),
		"map nesting":     "name: " + strings.Repeat("{a: ", 100_000),
		"list nesting":    strings.Repeat("- ", 200_000) + "a",
		"block nesting":   nested(1000),
		"alias bomb":      "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nname: *c\n",
		"merge":           "<<: {name: a}\n",
		"tag":             "name: !!binary aGVsbG8=\n",
		"complex key":     "? [a, b]\n: c\n",
		"invalid UTF-8":   "name: \xff\xfe",
		"NUL":             "name: a\x00b\n",
		"endless keys":    "name: a\n" + strings.Repeat("a: 1\n", 100_000),
		"endless trials":  "name: a\nload: {trials: 99999999999999999999}\n",
		"endless quote":   "name: \"" + strings.Repeat("\\u0041", 100_000),
		"comment storm":   strings.Repeat("#\n", 300_000),
		"directive":       "%YAML 9.9\n---\nname: a\n--- \n",
		"suite of itself": "name: a\nsuite: [suite, suite]\n",
		"wide line":       "name: " + strings.Repeat("é", 100_000) + "\n",
		"many problems":   "name: a\nfaults:\n" + strings.Repeat("  - {fault: nope}\n", 20_000),
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			told := make(chan error, 1)
			go func() {
				_, err := scenarios.Parse("hostile.yaml", []byte(text), scenarios.DefaultSystems())
				told <- err
			}()
			select {
			case err := <-told:
				require.Error(t, err)
				require.Less(t, len(err.Error()), 100_000)
			case <-time.After(20 * time.Second):
				t.Fatal("it takes too long")
			}
		})
	}
}

func nested(depth int) string {
	var text strings.Builder
	for i := range depth {
		text.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return text.String()
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/errors/*.yaml", "catalogue/*.yaml", "catalogue/bugs/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	systems := scenarios.DefaultSystems()
	f.Fuzz(func(t *testing.T, text []byte) {
		scenario, err := scenarios.Parse("fuzz.yaml", text, systems)
		var problems document.Problems
		if err != nil {
			require.True(t, errors.As(err, &problems), "%v", err)
			require.NotEmpty(t, problems)
			require.NotEmpty(t, err.Error())
			return
		}
		if scenario.Scale.Trials > 200 {
			return
		}
		// What parses compiles, or says why not in words.
		if _, err := scenarios.Compile(scenario, systems, 1); err != nil {
			require.NotEmpty(t, err.Error())
		}
	})
}
