package roles

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/alipay"
	"github.com/payquake/payquake/providers/unionpay"
	"github.com/payquake/payquake/providers/wechatpay"
)

// TestDocs_NameEveryOption: the page about a provider has a row for each thing
// that is not known for sure, with its default and where that comes from, and
// rows for nothing else; and it says what is played, what is not, and what
// differs from production.
func TestDocs_NameEveryOption(t *testing.T) {
	for name, options := range map[payment.ProviderName]reflect.Type{
		wechatpay.Name: reflect.TypeFor[wechatpay.Options](),
		alipay.Name:    reflect.TypeFor[alipay.Options](),
		unionpay.Name:  reflect.TypeFor[unionpay.Options](),
	} {
		text, err := os.ReadFile("../../docs/providers/" + string(name) + ".md")
		require.NoError(t, err)
		page := string(text)
		for _, part := range []string{"\n## Simulated\n", "\n## Not simulated\n", "\n## Differs from production\n"} {
			require.Contains(t, page, part, name)
		}
		_, unknowns, found := strings.Cut(page, "\n## What is not known for sure\n")
		require.True(t, found, name)
		var described []string
		for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .+ \\| .+ \\| §.+ \\|$").FindAllStringSubmatch(unknowns, -1) {
			described = append(described, row[1])
		}
		var fields []string
		for _, field := range reflect.VisibleFields(options) {
			if field.IsExported() {
				fields = append(fields, field.Name)
			}
		}
		require.NotEmpty(t, fields)
		require.ElementsMatch(t, fields, described, name)
	}
}
