// Package tidy is the house style as a test: who may import whom, how long a
// function may be, who may read the clock. If it matters, it fails here; if it
// passes here, reviewers talk about ideas.
package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// module is the path of this module.
const module = "github.com/payquake/payquake/"

// The limits of size.
const (
	maxFunctionLines = 70
	maxFileLines     = 600
	maxParameters    = 5
)

// Complaint is one place that is not as it should be.
type Complaint struct {
	Place string // file:line, from the root
	What  string
}

// String writes the complaint as compilers do.
func (c Complaint) String() string { return c.Place + ": " + c.What }

// mayImport says which packages of ours a package may import: exact paths, or
// everything below a path that ends in a slash. What is not listed here is
// forbidden. Packages below harness and cmd import what they conduct and wire.
func mayImport() map[string][]string {
	dialect := []string{"payment", "faults", "journal", "faults/proxy", "providers", "providers/keys",
		"providers/backoffice", "providers/ledger", "providers/surgery", "clock"}
	judge := []string{"payment", "faults", "journal", "scenarios"}
	return map[string][]string{
		"payment": {}, "telemetry": {}, "clock": {},
		"faults":               {"payment"},
		"journal":              {"payment", "faults"},
		"scenarios":            {"payment", "faults", "internal/document"},
		"invariants":           judge,
		"reports":              append(slices.Clone(judge), "invariants"),
		"faults/proxy":         {"payment", "faults", "journal", "telemetry", "clock"},
		"providers":            {"payment", "faults", "journal", "faults/proxy", "clock"},
		"providers/keys":       {},
		"providers/surgery":    {"faults", "faults/proxy"},
		"providers/backoffice": {"payment", "faults", "providers", "providers/ledger", "clock"},
		"providers/ledger":     {"payment", "faults", "journal", "clock"},
		// What stands around a provider in its tests.
		"providers/internal/witness": {"payment", "faults", "faults/proxy", "journal", "providers", "providers/ledger", "clock"},
		"providers/wechatpay":        dialect,
		"providers/alipay":           dialect,
		"providers/unionpay":         dialect,
		"merchant":                   {"payment", "telemetry"},
		"merchant/wechatpay":         {"merchant", "merchant/internal/clients", "payment"},
		"merchant/alipay":            {"merchant", "merchant/internal/clients", "payment"},
		"merchant/unionpay":          {"merchant", "merchant/internal/clients", "payment"},
		"merchant/bugs":              {"merchant", "payment"},
		"merchant/twins":             {"merchant", "payment"},
		"merchant/internal/clients":  {},
		// A scripted provider for the tests of the merchant's packages.
		"merchant/internal/scripted": {"merchant", "payment"},
		"merchant/shop":              {"merchant", "merchant/alipay", "merchant/unionpay", "merchant/wechatpay", "merchant/bugs", "merchant/twins", "payment"},
		"harness/roles":              {"faults", "faults/proxy", "journal", "payment", "providers", "providers/", "telemetry", "clock"},
		"internal/document":          {},
		"internal/postgres":          {},
		"quake":                      {"harness", "harness/manifest", "harness/setup", "invariants", "journal", "payment", "reports", "scenarios"},
		"modules/payquake":           {"clock", "faults", "faults/proxy", "harness/environment", "harness/manifest", "harness/roles", "journal", "payment", "providers"},
		// Merchants that know nothing of payquake.
		"examples/go":     {},
		"examples/go/buy": {},
		"internal/tidy":   {},
	}
}

// pure packages never reach Docker, the network, the clock, unseeded
// randomness or testing.
func pure() []string {
	return []string{"journal", "scenarios", "invariants", "reports", "internal/document"}
}

// impureImports are what pure packages must do without.
func impureImports() []string {
	return []string{"net", "net/http", "os/exec", "crypto/rand", "testing", "github.com/testcontainers/testcontainers-go"}
}

// clockReaders are the files that may read the time: the clock itself, and the
// merchant's own, since it is a system under test that stands by itself. So does
// everything below examples.
func clockReaders() []string { return []string{"clock/clock.go", "merchant/time.go"} }

// file is one parsed Go file.
type file struct {
	path   string // from the root, with slashes
	folder string
	test   bool
	set    *token.FileSet
	syntax *ast.File
}

// Check reads every Go file below root and returns what is wrong, in the order
// of places.
func Check(root string) ([]Complaint, error) {
	var complaints []Complaint
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "mocks" || strings.HasPrefix(entry.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := read(root, path)
		if err != nil {
			return err
		}
		complaints = append(complaints, f.complaints()...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	slices.SortStableFunc(complaints, func(a, b Complaint) int { return strings.Compare(a.Place, b.Place) })
	return complaints, nil
}

func read(root, path string) (*file, error) {
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	relative = filepath.ToSlash(relative)
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	folder := filepath.ToSlash(filepath.Dir(relative))
	return &file{path: relative, folder: folder, test: strings.HasSuffix(path, "_test.go"), set: set, syntax: syntax}, nil
}

func (f *file) at(node ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.set.Position(node.Pos()).Line)
}

func (f *file) complaints() []Complaint {
	if f.test {
		return f.banned()
	}
	return slices.Concat(f.imports(), f.sizes(), f.banned(), f.undocumented(), f.globals())
}

func (f *file) imports() []Complaint {
	var complaints []Complaint
	allowed, listed := mayImport()[f.folder]
	conducts := strings.HasPrefix(f.folder, "harness") || strings.HasPrefix(f.folder, "cmd/")
	if !listed && !conducts {
		complaints = append(complaints, Complaint{f.path + ":1", "package " + f.folder + " has no line in tidy's table of imports"})
	}
	for _, spec := range f.syntax.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		ours, isOurs := strings.CutPrefix(path, module)
		switch {
		case path == "testing" && f.folder != "quake": // which is called from tests
			complaints = append(complaints, Complaint{f.at(spec), "testing is for tests"})
		case slices.Contains(pure(), f.folder) && slices.Contains(impureImports(), path):
			complaints = append(complaints, Complaint{f.at(spec), f.folder + " is pure and must not import " + path})
		case strings.HasPrefix(path, "github.com/testcontainers/") && f.folder != "harness/environment" && f.folder != "modules/payquake":
			complaints = append(complaints, Complaint{f.at(spec), "only harness/environment and modules/payquake import testcontainers-go"})
		case isOurs && listed && !permits(allowed, ours):
			complaints = append(complaints, Complaint{f.at(spec), f.folder + " must not import " + ours})
		}
	}
	return complaints
}

func permits(allowed []string, path string) bool {
	return slices.ContainsFunc(allowed, func(rule string) bool {
		return rule == path || strings.HasSuffix(rule, "/") && strings.HasPrefix(path, rule)
	})
}

func (f *file) sizes() []Complaint {
	var complaints []Complaint
	if lines := f.set.File(f.syntax.Pos()).LineCount(); lines > maxFileLines {
		complaints = append(complaints, Complaint{f.path + ":1", fmt.Sprintf("%d lines in a file; at most %d", lines, maxFileLines)})
	}
	for _, declaration := range f.syntax.Decls {
		function, is := declaration.(*ast.FuncDecl)
		if !is || function.Body == nil {
			continue
		}
		lines := f.set.Position(function.End()).Line - f.set.Position(function.Pos()).Line + 1
		if lines > maxFunctionLines {
			complaints = append(complaints, Complaint{f.at(function), fmt.Sprintf("%s has %d lines; at most %d", function.Name.Name, lines, maxFunctionLines)})
		}
		if count := function.Type.Params.NumFields(); count > maxParameters {
			complaints = append(complaints, Complaint{f.at(function), fmt.Sprintf("%s has %d parameters; at most %d", function.Name.Name, count, maxParameters)})
		}
	}
	return complaints
}

// banned finds calls that belong to one place: reading the clock, sleeping,
// and drawing from a source that no seed decides.
func (f *file) banned() []Complaint {
	if slices.Contains(clockReaders(), f.path) || strings.HasPrefix(f.path, "examples/") {
		return nil
	}
	times := []string{"Now", "Sleep", "After", "Tick", "NewTimer", "NewTicker", "AfterFunc", "Since", "Until"}
	seeded := []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG"}
	var complaints []Complaint
	names := f.importNames()
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		selector, is := node.(*ast.SelectorExpr)
		if !is {
			return true
		}
		from, is := selector.X.(*ast.Ident)
		if !is || from.Obj != nil {
			return true
		}
		switch path := names[from.Name]; {
		case path == "time" && slices.Contains(times, selector.Sel.Name) && !f.test:
			complaints = append(complaints, Complaint{f.at(node), "time." + selector.Sel.Name + " belongs to package clock"})
		case path == "time" && selector.Sel.Name == "Sleep" && names["synctest"] == "": // a bubble's time costs nothing
			complaints = append(complaints, Complaint{f.at(node), "wait for facts, never for seconds"})
		case (path == "math/rand" || path == "math/rand/v2") && !slices.Contains(seeded, selector.Sel.Name):
			complaints = append(complaints, Complaint{f.at(node), "rand." + selector.Sel.Name + " is decided by no seed"})
		}
		return true
	})
	return complaints
}

// importNames maps the names by which this file calls packages to their paths.
func (f *file) importNames() map[string]string {
	names := map[string]string{}
	for _, spec := range f.syntax.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		name := strings.TrimSuffix(path, "/v2")
		name = name[strings.LastIndexByte(name, '/')+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path
	}
	return names
}

// undocumented finds exported declarations without a comment.
func (f *file) undocumented() []Complaint {
	var complaints []Complaint
	complain := func(node ast.Node, name string) {
		complaints = append(complaints, Complaint{f.at(node), name + " is exported and has no comment"})
	}
	for _, declaration := range f.syntax.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
				complain(d, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
						complain(s, s.Name.Name)
					}
				case *ast.ValueSpec:
					if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						complain(s, s.Names[0].Name)
					}
				}
			}
		}
	}
	return complaints
}

func exportedReceiver(function *ast.FuncDecl) bool {
	if function.Recv == nil {
		return true
	}
	kind := function.Recv.List[0].Type
	if pointer, is := kind.(*ast.StarExpr); is {
		kind = pointer.X
	}
	if generic, is := kind.(*ast.IndexExpr); is {
		kind = generic.X
	}
	name, is := kind.(*ast.Ident)
	return is && name.IsExported()
}

// globals finds init functions and package variables that could change:
// allowed are errors, embedded files, assertions of an interface, and what
// sync.OnceValue makes once.
func (f *file) globals() []Complaint {
	var complaints []Complaint
	for _, declaration := range f.syntax.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				complaints = append(complaints, Complaint{f.at(d), "init runs before anybody asked for it"})
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				value, is := spec.(*ast.ValueSpec)
				if is && !constantLike(value, d) {
					complaints = append(complaints, Complaint{f.at(value), value.Names[0].Name + " is a package variable"})
				}
			}
		}
	}
	return complaints
}

func constantLike(value *ast.ValueSpec, declaration *ast.GenDecl) bool {
	if value.Names[0].Name == "_" {
		return true
	}
	for _, comment := range []*ast.CommentGroup{declaration.Doc, value.Doc} {
		if comment != nil && strings.Contains(rawText(comment), "//go:embed") {
			return true
		}
	}
	if len(value.Values) == 1 && isOnceValue(value.Values[0]) {
		return true
	}
	name := strings.ToLower(value.Names[0].Name)
	return strings.HasPrefix(name, "err")
}

// isOnceValue reports whether an expression is sync.OnceValue of something.
func isOnceValue(expression ast.Expr) bool {
	call, is := expression.(*ast.CallExpr)
	if !is {
		return false
	}
	selector, is := call.Fun.(*ast.SelectorExpr)
	return is && selector.Sel.Name == "OnceValue"
}

func rawText(group *ast.CommentGroup) string {
	var text strings.Builder
	for _, comment := range group.List {
		text.WriteString(comment.Text + "\n")
	}
	return text.String()
}
