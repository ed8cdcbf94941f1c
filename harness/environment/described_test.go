package environment

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/payment"
)

// TestCredentials_AreTheFactsThatManifestsName: a setting can name everything that
// a provider gives its merchant, and nothing else, in every mode.
func TestCredentials_AreTheFactsThatManifestsName(t *testing.T) {
	for _, provider := range []manifest.Provider{{Name: "wechatpay", Mode: "public-key"}, {Name: "wechatpay", Mode: "certificate"},
		{Name: "alipay", Mode: "key"}, {Name: "alipay", Mode: "certificate"}, {Name: "unionpay"}} {
		configs, err := FreshProviders(Keys{Wanted: []manifest.Provider{provider}})
		require.NoError(t, err)
		facts, err := credentials(configs[0])
		require.NoError(t, err)
		require.ElementsMatch(t, manifest.Facts(provider.Name), slices.Collect(maps.Keys(facts)))
		require.NotEmpty(t, facts["privateKey"])
		require.Contains(t, []any{provider.Mode, nil}, facts["mode"])
	}
	_, err := FreshProviders(Keys{Wanted: []manifest.Provider{{Name: payment.ProviderName("nobody")}}})
	require.ErrorContains(t, err, "plays no such provider")
}
