package alipay_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/providers/alipay"
)

// TestDocs_NameEveryOption: the page about the provider has a row for each
// thing that is not known for sure, with its default and where that comes
// from, and rows for nothing else.
func TestDocs_NameEveryOption(t *testing.T) {
	page, err := os.ReadFile("../../docs/providers/alipay.md")
	require.NoError(t, err)
	_, unknowns, found := strings.Cut(string(page), "\n## What is not known for sure\n")
	require.True(t, found)
	var described []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .+ \\| .+ \\| §.+ \\|$").FindAllStringSubmatch(unknowns, -1) {
		described = append(described, row[1])
	}
	var fields []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[alipay.Options]()) {
		if field.IsExported() {
			fields = append(fields, field.Name)
		}
	}
	require.NotEmpty(t, fields)
	require.ElementsMatch(t, fields, described)
}
