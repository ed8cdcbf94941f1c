package manifest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// TestDocs_EveryManifestIsRead: what the guide shows is what payquake takes, and
// its tables list every fact.
func TestDocs_EveryManifestIsRead(t *testing.T) {
	text, err := os.ReadFile("../../docs/your-merchant.md")
	require.NoError(t, err)
	blocks := strings.Split(string(text), "```yaml\nname:")[1:]
	require.Len(t, blocks, 4)
	for _, block := range blocks {
		body, _, closed := strings.Cut(block, "```")
		require.True(t, closed)
		_, err := manifest.Parse("docs/your-merchant.md", []byte("name:"+body), scenarios.DefaultSystems())
		require.NoError(t, err)
	}
	for _, provider := range []payment.ProviderName{"wechatpay", "alipay", "unionpay"} {
		require.Contains(t, string(text), "| `"+string(provider)+"` | "+strings.Join(manifest.Facts(provider), ", ")+" |")
	}
}
