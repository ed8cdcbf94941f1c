package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/payquake/payquake/internal/document"
)

//go:embed catalogue
var catalogue embed.FS

// ErrUnknownScenario is wrapped with a name that the catalogue does not have.
var ErrUnknownScenario = errors.New("unknown scenario")

// List names the scenarios of the embedded catalogue: those of every day
// first, then bugs/<name>, the smallest that expose one mistake each.
func List() []string {
	var names, bugs []string
	_ = fs.WalkDir(catalogue, "catalogue", func(file string, _ fs.DirEntry, err error) error { // reading what is embedded cannot fail
		name, isScenario := strings.CutSuffix(strings.TrimPrefix(file, "catalogue/"), ".yaml")
		switch {
		case err != nil || !isScenario:
		case strings.Contains(name, "/"):
			bugs = append(bugs, name)
		default:
			names = append(names, name)
		}
		return err
	})
	return append(names, bugs...)
}

// Load reads a scenario: one of the embedded catalogue by its name, or a file
// by its path, which holds a slash or ends in .yaml or .yml. A suite in a file
// may name scenarios of the catalogue and other files, seen from its own place.
func Load(nameOrPath string, systems Systems) (Scenario, error) {
	if slices.Contains(List(), nameOrPath) {
		return embedded(nameOrPath, systems)
	}
	if !isPath(nameOrPath) || strings.HasPrefix(nameOrPath, "bugs/") && path.Ext(nameOrPath) == "" {
		return Scenario{}, unknownScenario(nameOrPath)
	}
	return loadFile(nameOrPath, systems, true)
}

// isPath reports whether a name can only mean a file.
func isPath(name string) bool {
	return strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// unknownScenario says which scenario may be meant.
func unknownScenario(name string) error {
	if meant := document.Nearest(name, List()); meant != "" {
		return fmt.Errorf("%w %q; did you mean %q?", ErrUnknownScenario, document.Clip(name), meant)
	}
	return fmt.Errorf("%w %q; the catalogue has %s", ErrUnknownScenario, document.Clip(name), strings.Join(List(), ", "))
}

// loadFile reads a scenario file. Only the outermost may be a suite, so that no
// two files can name each other for ever.
func loadFile(file string, systems Systems, suites bool) (Scenario, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Scenario{}, fmt.Errorf("load scenario: %w", err)
	}
	return parse(file, text, systems, func(name string) (Scenario, error) {
		switch {
		case slices.Contains(List(), name):
			return embedded(name, systems)
		case !suites:
			return Scenario{}, errors.New("a suite names scenarios, not suites") // so that no two can name each other
		case isPath(name):
			return loadFile(filepath.Join(filepath.Dir(file), name), systems, false)
		default:
			return Scenario{}, fmt.Errorf("%w %q", ErrUnknownScenario, document.Clip(name))
		}
	})
}

// embedded reads a scenario of the catalogue.
func embedded(name string, systems Systems) (Scenario, error) {
	file := path.Join("catalogue", name+".yaml")
	text, err := catalogue.ReadFile(file)
	if err != nil || !slices.Contains(List(), name) {
		return Scenario{}, fmt.Errorf("%w %q", ErrUnknownScenario, document.Clip(name))
	}
	return parse(file, text, systems, func(member string) (Scenario, error) {
		if member == name {
			return Scenario{}, errors.New("a suite cannot name itself")
		}
		return embedded(member, systems)
	})
}
