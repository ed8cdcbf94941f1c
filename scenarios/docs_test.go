package scenarios_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/scenarios"
)

// blocks are the fenced blocks of one language on the page for people who
// write scenarios.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	page, err := os.ReadFile("../docs/scenarios.md")
	require.NoError(t, err)
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllSubmatch(page, -1) {
		found = append(found, string(match[1]))
	}
	return found
}

// TestDocs_EveryExampleCompiles: what the page shows can be typed.
func TestDocs_EveryExampleCompiles(t *testing.T) {
	examples := blocks(t, "yaml")
	require.GreaterOrEqual(t, len(examples), 10)
	for _, example := range examples {
		scenario, err := scenarios.Parse("docs/scenarios.md", []byte(example), scenarios.DefaultSystems())
		require.NoError(t, err, example)
		plan, err := scenarios.Compile(scenario, scenarios.DefaultSystems(), 1)
		require.NoError(t, err, example)
		require.NotZero(t, plan.Count(), example)
	}
}

// TestDocs_MistakesAreToldAsShown: the page shows a broken file (yml) and, word
// for word, what is said about it.
func TestDocs_MistakesAreToldAsShown(t *testing.T) {
	broken, told := blocks(t, "yml"), blocks(t, "text")
	require.Len(t, broken, 1)
	require.Len(t, told, 1)
	_, err := scenarios.Parse("./mine.yaml", []byte(broken[0]), scenarios.DefaultSystems())
	require.Error(t, err)
	require.Equal(t, told[0], "payquake: "+err.Error()+"\n")
}
