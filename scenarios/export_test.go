package scenarios_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/scenarios"
)

// TestExport_EveryTrial writes every trial of every scenario out as a file and
// compiles it, with another seed, to the same bytes.
func TestExport_EveryTrial(t *testing.T) {
	systems := scenarios.DefaultSystems()
	for _, name := range scenarios.List() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := compile(t, load(t, name), 21)
			for _, batch := range plan.Batches {
				for _, trial := range batch.Trials {
					file, err := scenarios.Export(plan, trial.ID, systems)
					require.NoError(t, err)
					s, err := scenarios.Parse("export.yaml", file, systems)
					require.NoError(t, err)
					again := compile(t, s, 99)
					found, _, known := again.Find(trial.ID)
					require.True(t, known)
					require.Equal(t, encoded(t, trial), encoded(t, found))
					require.Equal(t, 1, again.Count())
				}
			}
		})
	}
}

func TestExportBatch(t *testing.T) {
	systems := scenarios.DefaultSystems()
	plan := compile(t, load(t, "crashing-merchant"), 21)
	for _, batch := range plan.Batches {
		file, err := scenarios.ExportBatch(plan, batch.ID, systems)
		require.NoError(t, err)
		s, err := scenarios.Parse("export.yaml", file, systems)
		require.NoError(t, err)
		again := compile(t, s, 99)
		require.Len(t, again.Batches, 1)
		batch.ID = again.Batches[0].ID
		require.Equal(t, encoded(t, batch), encoded(t, again.Batches[0]))
	}
	suite := compile(t, load(t, "suite"), 21)
	_, err := scenarios.ExportBatch(suite, "b1", systems)
	require.ErrorIs(t, err, scenarios.ErrNotExported)
	_, err = scenarios.Export(suite, "calm-9999", systems)
	require.ErrorIs(t, err, scenarios.ErrNotExported)
}

// TestExport_ReadsWell keeps an export under a person's eyes.
func TestExport_ReadsWell(t *testing.T) {
	plan := compile(t, load(t, "late-and-out-of-order"), 21)
	for _, trial := range plan.Batches[0].Trials {
		if len(trial.Pins) > 1 {
			file, err := scenarios.Export(plan, trial.ID, scenarios.DefaultSystems())
			require.NoError(t, err)
			golden(t, "testdata/export.golden", string(file))
			return
		}
	}
	t.Fatal("no trial with several pins")
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

func TestLoad(t *testing.T) {
	systems, dir := scenarios.DefaultSystems(), t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	write("mine.yaml", "name: mine\n")
	s, err := scenarios.Load(write("all.yaml", "name: all\nsuite: [calm, ./mine.yaml, bugs/no-query-job]\n"), systems)
	require.NoError(t, err)
	require.Len(t, s.Suite, 3)
	require.Equal(t, 66+10+6, compile(t, s, 1).Count())

	_, err = scenarios.Load(write("self.yaml", "name: self\nsuite: [./self.yaml]\n"), systems)
	require.ErrorContains(t, err, "a suite names scenarios, not suites")
	_, err = scenarios.Load("lost-anwers", systems)
	require.ErrorIs(t, err, scenarios.ErrUnknownScenario)
	require.ErrorContains(t, err, `did you mean "lost-answers"?`)
	_, err = scenarios.Load("bugs/no-quest-job", systems)
	require.ErrorContains(t, err, `did you mean "bugs/no-query-job"?`)
	_, err = scenarios.Load(filepath.Join(dir, "absent.yaml"), systems)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestPlan_WriteAndRead(t *testing.T) {
	plan := compile(t, load(t, "bugs/no-query-job"), 21)
	file := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, plan.Write(file))
	again, err := scenarios.ReadPlan(file)
	require.NoError(t, err)
	require.Equal(t, encoded(t, plan), encoded(t, again))
}
