package scenarios

import (
	"math/rand/v2"

	"github.com/payquake/payquake/faults"
)

// maxTotal is what a provider takes in one payment: ten million yuan.
const maxTotal = 1_000_000_000

// apart is how far reserved amounts are apart, in minor units, so that a
// merchant that is one off does not accuse a neighbour.
const apart = 3

// reserved are the amounts of a batch. A message that is known by nothing else
// belongs to the trial of its amount, so no amount may be, or be taken by a
// merchant with a unit bug for, another trial's.
type reserved struct {
	taken  map[int64]bool
	fen    map[int64]bool // taken amounts as if they were fen: a hundredth, rounded down
	cut    map[int64]bool // taken amounts cut to whole yuan
	random *rand.Rand
}

// newReserved is a batch without amounts; random draws what is swept.
func newReserved(random *rand.Rand) *reserved {
	return &reserved{map[int64]bool{}, map[int64]bool{}, map[int64]bool{}, random}
}

// free reports whether an amount clashes with none that is taken.
func (r *reserved) free(minor int64) bool {
	for near := minor - apart + 1; near < minor+apart; near++ {
		if r.taken[near] {
			return false
		}
	}
	whole := minor / 100 * 100
	return !r.fen[minor] && !r.taken[minor/100] && // one's hundredfold is the other
		!r.cut[minor] && !(whole != minor && r.taken[whole])
}

// take reserves an amount that is free.
func (r *reserved) take(minor int64) {
	r.taken[minor] = true
	r.fen[minor/100] = true
	if whole := minor / 100 * 100; whole != minor {
		r.cut[whole] = true
	}
}

// exposing are amounts that float and unit mistakes have been caught by: they
// have no exact float, or change when cents are cut, padded or multiplied.
func exposing() []int64 {
	return []int64{29, 115, 820, 1999, 6410, 112860, 1, 58, 1010, 10005, 435, 30703, 999999, 110, 7033, 99_999_999}
}

// sweep draws an amount that fits and is free: first those that expose
// rounding, then any, most of them between one and a hundred yuan.
func (r *reserved) sweep(fits func(int64) bool) int64 {
	for _, minor := range exposing() {
		if fits(minor) && r.free(minor) {
			return minor
		}
	}
	for range 200 {
		if minor := r.draw(); fits(minor) && r.free(minor) {
			return minor
		}
	}
	// Crowded: the first free one from somewhere above, which always exists.
	for minor := 200_000 + r.random.Int64N(800_000); ; minor += apart {
		if fits(minor) && r.free(minor) {
			return minor
		}
	}
}

// draw draws an amount, free or not: some below one yuan, where a fen more is
// much, and some large, where a float runs out of digits.
func (r *reserved) draw() int64 {
	switch n := r.random.IntN(100); {
	case n < 12:
		return 1 + r.random.Int64N(99)
	case n < 70:
		return 100 + r.random.Int64N(9_901)
	case n < 95:
		return 10_000 + r.random.Int64N(190_000)
	default:
		return 200_000 + r.random.Int64N(9_800_000)
	}
}

// fits reports whether a trial can be about an amount. What is refunded in
// parts must have parts. An amount that is to be corrupted must be another
// afterwards, whatever the corruption, and one that a provider still takes.
func fits(t Trial, minor int64) bool {
	for _, pin := range t.Pins {
		if pin.Fault == "amount" {
			return minor > 100 && minor%100 != 0 && minor <= maxTotal/100
		}
	}
	for _, step := range t.Journey.Steps {
		if step.Do == faults.StepRefund || step.Basket {
			return minor >= 100
		}
	}
	return true
}
