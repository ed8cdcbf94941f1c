#!/usr/bin/env bash
# Runs every fuzz target for a while: scripts/fuzz.sh 10s
set -euo pipefail
for file in $(grep -rl --include='*_test.go' '^func Fuzz' . | sort); do
  package=$(dirname "$file")
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
    echo "fuzz $package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-10s}" "$package"
  done
done
