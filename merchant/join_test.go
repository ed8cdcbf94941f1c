package merchant

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// TestJoinStore: who joins leaves to the others what they hold; who opens by itself
// frees what a killed predecessor held.
func TestJoinStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	first, err := OpenStore(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	now := time.Unix(1_700_000_000, 0)
	err = first.update(context.Background(), func(t *tx) error {
		return t.insertRelease("o1", "release-o1", now)
	})
	if err != nil {
		t.Fatal(err)
	}
	due := func(open func(context.Context, string) (*Store, error)) int {
		t.Helper()
		store, err := open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		ids, err := store.due(context.Background(), "releases", now.Add(time.Second), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return len(ids)
	}
	if n := due(OpenStore); n != 1 {
		t.Fatalf("%d releases are due to the first", n)
	}
	if n := due(JoinStore); n != 0 {
		t.Errorf("%d releases were taken from who holds them", n)
	}
	if n := due(OpenStore); n != 1 {
		t.Errorf("%d releases of a killed predecessor are free", n)
	}
}
