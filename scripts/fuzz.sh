#!/usr/bin/env bash
# Runs every fuzz target for a while, two targets side by side: scripts/fuzz.sh 10s
#
# Before Go 1.27 a target may fail for no other reason than that its time is
# over (go.dev/issue/75804). What was found is told by a failing input, a panic
# or a message of the test; without one of them, the end of the time is the end.
set -euo pipefail

# one runs a target and shows what it said in one piece.
one() {
  local time=$1 package=$2 target=$3 said
  said=$(mktemp)
  trap 'rm -f "$said"' RETURN
  if go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -parallel 1 "$package" >"$said" 2>&1; then
    echo "fuzz $package $target: $(grep -o 'execs: [0-9]*' "$said" | tail -1)"
    return
  fi
  if grep -qx '    context deadline exceeded' "$said" && ! grep -qE 'Failing input|panic|_test\.go:|hung or terminated' "$said"; then
    echo "fuzz $package $target: its time was over, nothing was found"
    return
  fi
  echo "fuzz $package $target: FAILED"
  cat "$said"
  return 1
}
export -f one

for file in $(grep -rl --include='*_test.go' '^func Fuzz' . | sort); do
  sed -n "s#^func \(Fuzz[A-Za-z0-9_]*\)(.*#$(dirname "$file") \1#p" "$file"
done | xargs -P 2 -L 1 bash -c 'one "$0" "$1" "$2"' "${1:-10s}"
