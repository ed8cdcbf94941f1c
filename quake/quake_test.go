package quake

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRepeat: a finding's command is one that can be run after the test, with what
// the test set.
func TestRepeat(t *testing.T) {
	require.Equal(t, "/bin/payquake repro runs/a", Options{Program: "/bin/payquake"}.repeat("runs/a"))
	require.Equal(t, "env A=1 B=2 /bin/payquake repro runs/a", Options{Program: "/bin/payquake", Setenv: map[string]string{"B": "2", "A": "1"}}.repeat("runs/a"))
	require.Equal(t, "env CGO_ENABLED=0 go run github.com/payquake/payquake/cmd/payquake repro runs/a", Options{}.repeat("runs/a"))
}
