package invariants

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCheck_PanicIsInconclusive: a check that panics has found nothing, neither
// good nor bad, and takes nobody with it.
func TestCheck_PanicIsInconclusive(t *testing.T) {
	invariant := Invariant{ID: "broken", check: func(t *Trial) Judgement { return Judgement{NotApplicable: t.Orders()[7].ID} }}
	judgement := invariant.Check(&Trial{Collected: true})
	require.Equal(t, Inconclusive, judgement.Outcome())
	require.True(t, strings.HasPrefix(judgement.Inconclusive, "the check panicked: "), judgement.Inconclusive)
}

// TestBasePin: a rerun's pins carry its mark, and are those of the plan.
func TestBasePin(t *testing.T) {
	for id, base := range map[string]string{"t0007.1": "t0007.1", "t0007~1.2": "t0007.2", "t0007~12.10": "t0007.10", "t0007~1": "t0007~1", "": ""} {
		require.Equal(t, base, basePin(id))
	}
}
