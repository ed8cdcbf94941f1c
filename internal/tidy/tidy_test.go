package tidy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRepositoryIsTidy is the rule; everything else here tests the test.
func TestRepositoryIsTidy(t *testing.T) {
	complaints, err := Check("../..")
	require.NoError(t, err)
	for _, complaint := range complaints {
		t.Error(complaint)
	}
}

// TestCheckFindsWhatItForbids plants one mistake of each kind.
func TestCheckFindsWhatItForbids(t *testing.T) {
	for name, planted := range map[string]struct{ path, text, want string }{
		"import upwards":    {"payment/a.go", "package payment\nimport _ \"github.com/payquake/payquake/faults\"\n", "must not import faults"},
		"pure and network":  {"reports/a.go", "package reports\nimport _ \"net/http\"\n", "is pure"},
		"testing":           {"clock/a.go", "package clock\nimport _ \"testing\"\n", "testing is for tests"},
		"unknown package":   {"surprise/a.go", "package surprise\n", "no line in tidy's table"},
		"clock":             {"faults/a.go", "package faults\nimport \"time\"\nvar _ = time.Now\n", "belongs to package clock"},
		"randomness":        {"faults/a.go", "package faults\nimport \"math/rand/v2\"\nvar _ = rand.IntN\n", "decided by no seed"},
		"no comment":        {"faults/a.go", "package faults\nfunc Naked() {}\n", "has no comment"},
		"init":              {"faults/a.go", "package faults\nfunc init() {}\n", "init runs"},
		"package variable":  {"faults/a.go", "package faults\nvar cache = map[string]int{}\n", "is a package variable"},
		"long function":     {"faults/a.go", "package faults\nfunc long() {\n" + strings.Repeat("\n", 80) + "}\n", "82 lines"},
		"many parameters":   {"faults/a.go", "package faults\nfunc f(a, b, c, d, e, g int) {}\n", "6 parameters"},
		"sleep in a test":   {"faults/a_test.go", "package faults\nimport \"time\"\nfunc f() { time.Sleep(1) }\n", "never for seconds"},
		"testcontainers":    {"harness/a.go", "package harness\nimport _ \"github.com/testcontainers/testcontainers-go\"\n", "only harness/environment"},
		"dialects mingling": {"providers/wechatpay/a.go", "package wechatpay\nimport _ \"github.com/payquake/payquake/providers/alipay\"\n", "must not import providers/alipay"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, planted.path)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(planted.text), 0o644))
			complaints, err := Check(root)
			require.NoError(t, err)
			require.Len(t, complaints, 1, "%v", complaints)
			require.Contains(t, complaints[0].String(), planted.want)
		})
	}
}
