package scenarios_test

import "testing"

func BenchmarkCompile_Mixed(b *testing.B) {
	s := load(b, "mixed")
	for b.Loop() {
		compile(b, s, 1)
	}
}
