#!/usr/bin/env bash
# Runs every fuzz target for a while: scripts/fuzz.sh 10s
#
# Before Go 1.27 a target may fail for no other reason than that its time is
# over (go.dev/issue/75804). What was found is told by a failing input, a panic
# or a message of the test; without one of them, the end of the time is the end.
set -euo pipefail
said=$(mktemp)
trap 'rm -f "$said"' EXIT
for file in $(grep -rl --include='*_test.go' '^func Fuzz' . | sort); do
  package=$(dirname "$file")
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
    echo "fuzz $package $target"
    if go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-10s}" "$package" 2>&1 | tee "$said"; then continue; fi
    if ! grep -qx '    context deadline exceeded' "$said" || grep -qE 'Failing input|panic|_test\.go:|hung or terminated' "$said"; then
      exit 1
    fi
    echo "fuzz $package $target: its time was over, nothing was found"
  done
done
