//go:build race

package harness_test

// slowed: the race detector watches.
const slowed = true
