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
		now := now.Add(time.Second)
		ids, err := store.due(context.Background(), hold{table: "releases", until: now.Add(time.Minute)}, now)
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

// TestFree: a commit that took rows and was not answered leaves them held by nobody;
// what another took since stays its own.
func TestFree(t *testing.T) {
	ctx := context.Background()
	store, err := OpenStore(ctx, filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := SystemClock{}.Now()
	at := func(d time.Duration) hold { return hold{table: "releases", until: now.Add(d)} }
	for _, id := range []string{"r1", "r2"} {
		if err := store.update(ctx, func(t *tx) error { return t.insertRelease("o1", id, now) }); err != nil {
			t.Fatal(err)
		}
	}
	taken := func(h hold) int {
		t.Helper()
		ids, err := store.due(ctx, h, now)
		if err != nil {
			t.Fatal(err)
		}
		return len(ids)
	}
	if n := taken(at(time.Minute)); n != 2 {
		t.Fatalf("%d releases are due", n)
	}
	c := &Checkout{store: store, clock: SystemClock{}}
	one := at(time.Minute)
	one.id = "r1"
	if left := c.free(ctx, []hold{one}); len(left) > 0 {
		t.Fatalf("%v could not be freed", left)
	}
	if n := taken(at(time.Hour)); n != 1 {
		t.Fatalf("%d releases are due after one was freed", n)
	}
	if left := c.free(ctx, []hold{at(time.Minute)}); len(left) > 0 {
		t.Fatalf("%v could not be freed", left)
	}
	if n := taken(at(2 * time.Hour)); n != 1 {
		t.Errorf("%d releases are due: the one that another took is still held", n)
	}
}

// TestFree_ADatabaseThatIsAway keeps the holds that could not be ended, and forgets those
// that ended by themselves.
func TestFree_ADatabaseThatIsAway(t *testing.T) {
	store, err := OpenStore(context.Background(), filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	c := &Checkout{store: store, clock: SystemClock{}}
	now := c.clock.Now()
	over, standing := hold{table: "releases", until: now}, hold{table: "releases", until: now.Add(time.Hour)}
	if left := c.free(context.Background(), []hold{over, standing}); len(left) != 1 || left[0] != standing {
		t.Errorf("left are %v", left)
	}
}
